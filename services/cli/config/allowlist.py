"""`quantum allowlist`: the three allowlists and the engine's symbols side by side, and changed as one."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from quantum_common.money import plain
from services.cli.complaint import Complaint
from services.cli.config.agreement import ALLOWLISTS, UNIVERSE, SymbolList
from services.cli.config.edit import Edit, alone, write_all
from services.cli.config.lists import LISTS, Lists, as_object, as_table, read_lists
from services.cli.config.place import config_folder
from services.cli.config.reload import tell_to_reload
from services.cli.env_text import with_value
from services.cli.operator_requests import checked_symbol

Change = Callable[[tuple[str, ...]], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Options:
    """What an edit is told: `engine` changes AI_SYMBOLS too, `force` asks nobody, `reload` tells the services."""

    engine: bool
    force: bool
    dry_run: bool
    reload: bool


def run_show(place: Path | None, *, as_json: bool) -> int:
    """Show every symbol with the lists that have it, its position and its status on the exchange; return 1 where the
    lists differ. Raise Complaint where they cannot be read."""
    lists = read_lists(config_folder("allowlist show", place))
    words = orjson.dumps(as_object(lists)).decode() if as_json else "\n".join(as_table(lists))
    sys.stdout.write(words + "\n")
    return 0 if lists.agree else 1


def run_add(symbols: Sequence[str], place: Path | None, options: Options) -> int:
    """Put symbols at the end of each list that lacks them; return 0. Raise Complaint where the exchange does not trade
    one, or cannot be asked, unless forced."""
    verb = "allowlist add"
    wanted = list(dict.fromkeys(checked_symbol(verb, symbol) for symbol in symbols))
    folder = config_folder(verb, place)
    with alone(folder):
        lists = read_lists(folder)
        if not options.force:
            _require_traded(verb, wanted, lists)
        _change(verb, lists, options, lambda found: (*found, *(one for one in wanted if one not in found)))
    quiet = [symbol for symbol in wanted if symbol not in lists.symbols[UNIVERSE.key]]
    if quiet and not options.engine:
        _say(f"{', '.join(quiet)}: not in {UNIVERSE.key}, so {UNIVERSE.missing}; --engine adds it there too")
    return 0


def run_remove(symbols: Sequence[str], place: Path | None, options: Options) -> int:
    """Take symbols out of each list; return 0. Raise Complaint where none has one, or where the engine would forget a
    position."""
    verb = "allowlist remove"
    wanted = list(dict.fromkeys(checked_symbol(verb, symbol) for symbol in symbols))
    folder = config_folder(verb, place)
    with alone(folder):
        lists = read_lists(folder)
        _require_known(verb, wanted, lists, options)
        _change(verb, lists, options, lambda found: tuple(one for one in found if one not in wanted))
    if lists.positions is None:
        _say(f"whether a position stands is not known ({lists.why}); one that does becomes close-only")
    for symbol in wanted:
        if symbol in (lists.positions or ()):
            amount = plain((lists.positions or {})[symbol])
            _say(f"{symbol}: {amount} stands, and becomes close-only: entries stop, exits pass")
    return 0


def _require_known(verb: str, wanted: Sequence[str], lists: Lists, options: Options) -> None:
    """Raise Complaint for a symbol in no list, and where the engine would forget a position."""
    for symbol in wanted:
        if not any(symbol in lists.symbols[one.key] for one in LISTS):
            raise Complaint(f"{verb}: {symbol} is in no list; quantum allowlist show has them all", status=1)
    if not options.engine or options.force:
        return
    standing = [symbol for symbol in wanted if symbol in (lists.positions or ())]
    if standing or lists.positions is None:
        why = f"{standing[0]} has a position" if standing else f"whether a position stands is not known ({lists.why})"
        raise Complaint(
            f"{verb}: {why}, and an engine that does not follow it makes no exits for it; "
            f"leave --engine out until it is flat, or give --force", status=1,
        )  # fmt: skip


def _change(verb: str, lists: Lists, options: Options, change: Change) -> None:
    """Given what to make of each list, show what that changes, and change it. Raise Complaint where it cannot be."""
    chosen = LISTS if options.engine else ALLOWLISTS
    edits = {one.service: edit for one in chosen if (edit := _edit(verb, lists, one, change)) is not None}
    if not edits:
        _say("every list is like that already; nothing to change")
        return
    for edit in edits.values():
        _say(edit.diff.rstrip("\n"))
    if options.dry_run:
        _say("dry run: nothing was changed")
        return
    write_all(list(edits.values()))
    _say("changed: " + ", ".join(edit.path.name for edit in edits.values()))
    if options.reload:
        for words in tell_to_reload(verb, lists.folder.path, list(edits)):
            _say(words)
    else:
        _say("in force at the next start; --reload has running services take it up at once")


def _edit(verb: str, lists: Lists, one: SymbolList, change: Change) -> Edit | None:
    """Return the edit of one list's file; None where the list is like that already. Raise Complaint where it would be
    empty, or where the line cannot be changed."""
    before, path = lists.symbols[one.key], lists.folder.file(one.service)
    after = change(before)
    if after == before:
        return None
    if not after:
        raise Complaint(f"{verb}: {path}: {one.key} would be empty, and no service starts on that", status=1)
    try:
        text = path.read_text(encoding="utf-8")
        return Edit(path, text, with_value(text, one.key, ",".join(after)))
    except OSError as error:
        raise Complaint(f"{verb}: {path}: cannot be read: {error.strerror}", status=1) from None
    except ValueError as error:
        raise Complaint(f"{verb}: {path}: {error}; change it by hand", status=1) from None


def _require_traded(verb: str, wanted: Sequence[str], lists: Lists) -> None:
    if lists.listing is None:
        raise Complaint(
            f"{verb}: {lists.why}, so whether it trades {wanted[0]} is not known; mend that, or give --force",
            status=1,
        )
    for symbol in wanted:
        if fault := lists.listing.fault(symbol):
            raise Complaint(f"{verb}: {symbol} {fault}; give --force to add it all the same", status=1)


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
