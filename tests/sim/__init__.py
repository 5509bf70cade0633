"""Deterministic simulation: the services' own code on a simulated Redis, the paper exchange's engine and a seeded
scheduler. One process, no sleeps, virtual time; a seed is a schedule with its faults, and reproduces it exactly."""
