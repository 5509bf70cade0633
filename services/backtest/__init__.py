"""The same five deciders over bars of the past, in one process on a virtual clock, against the paper exchange's engine.

Reads bar files and the services' own settings. The services' classes run unchanged; what they await (state, orders,
account, clock) is answered from memory. Never opens a socket, never asks the system for time or chance, and knows no
decision of its own: what a backtest shows is what the daemons would do.
"""
