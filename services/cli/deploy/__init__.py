"""`quantum deploy` and `quantum uninstall`: what systemd runs, put on a machine or into an image, and taken off again.

Everything is first planned as steps from what is there, then shown, then done: a second run finds nothing to do.
"""
