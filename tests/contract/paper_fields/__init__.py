"""Field tables of the exchange's answers: name → type, written from the protocol's document."""
