"""The position-state-brain (P3.3): knows what the exchange says and what we did, and permits plans by both.

Reads:  apply.plan and apply.result (group `p33`), the exchange's positions, trades, funding and user data stream.
Writes: position:snapshot, position:ledger, position:fills, position:hold, position:inflight, state:portfolio,
        ledger.journal, reconcile.events, its permits on apply.permit.
Owns:   the ledger. It moves only by facts (trades, funding, journalled adjustments), each counted once.
Never:  orders, nor closes a position because of a drift: the exchange's snapshot wins and is adopted.
"""
