"""The governor (P3.2): may this plan take place now, as far as market, account and budgets say?

Reads `apply.plan` (EXECUTE ones; BLOCKED ones are only acknowledged) and `apply.result`; the trading state, the
portfolio, the symbol's market state, ledger and snapshot. Writes one permit a plan: `apply.permit` and the permit's
key. Owns the trading state's first value and its events, and the budgets: entries in the rate windows and the notional
of the day, reserved with the permit and given back by a result that was not executed. Never sizes, never sends, never
closes; an exit that lowers exposure passes whatever score and budgets say, and only HALTED stops it.
"""
