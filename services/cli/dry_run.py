"""`--dry-run`: every verb that writes has it, asks all that it would ask, and says what it would do in place of it."""

import sys


def only_said(*words: str) -> int:
    """Given what a command would have done, say it and that nothing was done; return 0."""
    sys.stdout.write("".join(f"{line}\n" for line in (*words, "dry run: nothing was done")))
    return 0
