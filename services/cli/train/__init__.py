"""`quantum train` and `quantum card`: make a model from bars, and read what it is worth."""
