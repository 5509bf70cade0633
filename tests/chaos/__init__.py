"""The chaos tier: the real daemons, a real Redis and the paper exchange as processes, struck while intents flow, then
checked from the outside. `python -m tests.chaos --minutes 10 --seed 1` is one run; `make chaos` calls it.
"""
