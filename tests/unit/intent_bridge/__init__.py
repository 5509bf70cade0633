"""Tests of the intent-bridge."""
