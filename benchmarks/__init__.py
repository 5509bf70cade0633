"""Benchmarks: each starts what it measures as real processes, and prints a table and the machine that it ran on.

Nothing here is a test and nothing has a limit that fails: times belong to a machine, and a noisy one must not turn a
build red. Reads and writes only folders and servers of its own, on loopback; leaves no process behind.
"""
