"""The intent-bridge: turns a wish into a sized plan that carries the verdict of every gate.

Reads `trade.intent`; the symbol's snapshot and ledger, the portfolio, the exchange's filters, the executor's record of
the plans that it has under way. Writes `apply.plan`, one entry an intent, EXECUTE or BLOCKED. Owns the intents it has
seen and the reservations of entries under way. Never talks to the exchange about the account, never sends an order,
never decides whether the market is fit to trade: that is the governor's.
"""
