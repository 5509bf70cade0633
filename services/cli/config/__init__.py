"""`quantum config` and `quantum allowlist`: the env files of a pipeline, checked as a whole and edited as one.

Everything that can be wrong is found in one run and named by file and line; nothing is written but by the allowlist's
verbs, and those change all files or none.
"""
