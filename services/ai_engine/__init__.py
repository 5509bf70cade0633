"""The AI engine: closed bars in, market states and wishes out.

Reads the exchange's closed bars, filters and funding rates (public, without a key), `position:ledger:<SYMBOL>`,
`state:portfolio`, its own `engine:exits:<SYMBOL>`, and the folder of a trained model. Writes `marketstate:<SYMBOL>`,
`engine:exits:<SYMBOL>`, `engine:verdict:<SYMBOL>` and `trade.intent`, all of a bar in one script; `engine:model` and
`bars.dead` beside. Owns what a symbol's market looks like, which positions to wish for and when to leave them, and
whether its model is still fit to. Never sends an order, never adds to a position or turns one round, never sees a bar
that has not closed, and never makes up a signal that its model did not give.
"""
