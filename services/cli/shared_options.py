"""The options that many verbs have, each with one meaning and one wording."""

from pathlib import Path
from typing import Annotated

import typer

RunDir = Annotated[Path | None, typer.Option("--dir", metavar="DIR", help="The run in this folder.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
