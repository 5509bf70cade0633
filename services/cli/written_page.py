"""The pages of docs/ that are written from the code: each module that renders one is run with the file to write."""

import sys
from pathlib import Path


def write_page(text: str) -> None:
    """Given a page, write it to the file that the command line names, else to standard output."""
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
