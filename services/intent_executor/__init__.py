"""The intent-executor: turns permitted plans into orders, each at most once.

Reads:  apply.plan and apply.permit (group `intent-executor`), permits, governor:state, position:snapshot.
Writes: order:<plan_id> (the journal, before anything is sent), stop:<SYMBOL>, apply.result; consumes permits.
Owns:   the one order of a plan, and the one terminal result of every plan, blocked ones included.
Never:  sends an order whose fate is unknown again, sends without two live permits, or writes a position.
"""
