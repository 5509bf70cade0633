"""What an operator asks a pipeline: why, trace, positions, orders, gates, lag, tail. Reading changes nothing there."""
