"""The market of the paper exchange: minute bars replayed or generated, on an injected clock.

Reads bar files or a seed; owns prices, books, marks and funding times; never knows an account.
"""
