"""The pure engine of the paper exchange: orders, matching, margin, funding and liquidation of one account.

Reads nothing, writes nothing, knows no time: the protocol side hands it requests, ticks and the clock, and carries
its events and rows away. Deterministic: the same calls give the same state, ids included.
"""
