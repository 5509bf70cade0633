"""`quantum alerts`: tells people what is wrong, once, and when it is over. It reads; it never writes to the pipeline.

A process of its own, with a Redis user that may only read: whatever happens to it, or to whoever it tells, trading does
not notice. `decide` says what is to be told, `outbox` in which order and when to try again, `channels` tells it.
"""
