"""The AI engine: closed bars in, market states and wishes out.

Reads the exchange's closed bars and filters (public, without a key), `position:ledger:<SYMBOL>`, `state:portfolio` and
its own `engine:exits:<SYMBOL>`. Writes `marketstate:<SYMBOL>`, `engine:exits:<SYMBOL>` and `trade.intent`, all of a bar
in one script. Owns what a symbol's market looks like, which positions to wish for and when to leave them. Never sends
an order, never adds to a position or turns one round, never sees a bar that has not closed, and never makes up a signal
that its model did not give.
"""
