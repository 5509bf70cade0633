"""The `quantum` command: one module for each family of verbs."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from redis.exceptions import RedisError

from quantum_common.version import build_id
from services.cli import governor_verbs
from services.cli.alerts import verbs as alerts_verbs
from services.cli.backtest import verbs as backtest_verbs
from services.cli.complaint import Complaint
from services.cli.completion import symbols as symbols_of
from services.cli.config import verbs as config_verbs
from services.cli.deploy import verbs as deploy_verbs
from services.cli.options import (
    DEFAULT_MARKET,
    EXIT_USAGE,
    SPEED_MAX,
    Fsync,
    Profile,
    UpOptions,
    parse_duration,
    parse_exchange_options,
    parse_market,
    parse_model,
    parse_redis,
    parse_symbols,
)
from services.cli.questions import verbs as question_verbs
from services.cli.questions.answer import quiet_pipe
from services.cli.reconcile_command import run_reconcile, run_release
from services.cli.redis_command import run_redis
from services.cli.redis_users import run_redis_users
from services.cli.shared_options import DryRun, Json, RunDir
from services.cli.train import verbs as train_verbs

app = typer.Typer(
    name="quantum", help="A trading pipeline for Binance USDT-M futures.", no_args_is_help=True,
    add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip

ledger_app = typer.Typer(help="Verify the ledgers, or have them written anew.", no_args_is_help=True)
reconcile_app = typer.Typer(help="Show what is held or differs, or release it.", invoke_without_command=True)
app.add_typer(ledger_app, name="ledger")
app.add_typer(reconcile_app, name="reconcile")
governor_verbs.register(app)
question_verbs.register(app)
alerts_verbs.register(app)
backtest_verbs.register(app)
train_verbs.register(app)
config_verbs.register(app)
deploy_verbs.register(app)


@app.command()
def up(  # noqa: PLR0913, PLR0917 - one parameter for each option of the command line
    market: Annotated[str, typer.Option(help="csv:DIR with <SYMBOL>-1m.csv[.gz], or synthetic:SEED.")] = DEFAULT_MARKET,
    speed: Annotated[int, typer.Option(min=1, max=SPEED_MAX, help="Market minutes for each minute of the wall.")] = 1,
    symbols: Annotated[
        str, typer.Option(help="What is traded, such as BTCUSDT,ETHUSDT; on a synthetic market also a count.")
    ] = "",
    profile: Annotated[
        Profile, typer.Option(help="explore: small sizes without the edge gate; trade: every gate.")
    ] = Profile.EXPLORE,
    model: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A trained model, with --profile trade; else nothing is entered.")
    ] = None,
    redis: Annotated[str, typer.Option(metavar="URL", help="A running Redis instead of the embedded one.")] = "",
    appendfsync: Annotated[Fsync, typer.Option(help="When the embedded Redis writes to the disk.")] = Fsync.ALWAYS,
    dir_: Annotated[
        Path | None, typer.Option("--dir", metavar="DIR", help="Keep the run here, and resume the one that is here.")
    ] = None,
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="Stop after that long: 90s, 10m, 2h.")] = "",
    json: Annotated[bool, typer.Option("--json", help="No screen; one JSON object at the end.")] = False,  # noqa: FBT002
    exchange_option: Annotated[
        list[str] | None, typer.Option(metavar="NAME[=VALUE]", help="Pass on to the paper exchange; repeatable.")
    ] = None,
) -> None:
    """Run Redis, the paper exchange and the five daemons, and show them, until Ctrl-C.

    The env files of the run are in DIR/etc; any of their keys in the environment wins, except those that tie the run
    together (Redis, exchange, keys).
    """
    from services.cli.up import run_up  # noqa: PLC0415 - loads the exchange's side, which no question needs

    market = parse_market(market)
    names, listed = parse_symbols(symbols, market)
    options = UpOptions(
        market=market,
        speed=speed,
        symbols=names,
        listed=listed,
        profile=profile,
        model=parse_model(model, profile),
        redis_url=parse_redis(redis),
        fsync=appendfsync,
        folder=dir_,
        for_s=parse_duration("--for", for_) if for_ else None,
        json=json,
        exchange_options=parse_exchange_options(exchange_option or ()),
    )
    raise typer.Exit(run_up(options))


@app.command("redis", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def redis_command(
    command: Annotated[list[str], typer.Argument(help="A Redis command and its arguments.")],
    dir_: RunDir = None,
) -> None:
    """Send one command to the Redis of the running `quantum up`, else of the settings; answer as redis-cli does."""
    raise typer.Exit(run_redis(command, dir_))


@app.command("redis-users")
def redis_users(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write users.acl and the passwords.")],
    prefix: Annotated[
        list[str] | None, typer.Option(metavar="PREFIX", help="quantum, or quantum:{N} for shard N; repeatable.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Make new passwords where there are some.")] = False,  # noqa: FBT002
    dry_run: DryRun = False,  # noqa: FBT002
) -> None:
    """Make a Redis user for each service and the operator, with fresh passwords, each in a file of mode 0600."""
    raise typer.Exit(run_redis_users(out, prefix or ["quantum"], replace=replace, dry_run=dry_run))


@ledger_app.command("verify")
def ledger_verify(
    symbol: Annotated[
        str | None, typer.Argument(help="One symbol; all where it is left out.", autocompletion=symbols_of)
    ] = None,
    dir_: RunDir = None,
    json: Json = False,  # noqa: FBT002
) -> None:
    """Compare ledgers with their facts, their journal and the exchange's trades and positions; exit 1 where one is
    wrong or nothing could be read."""
    from services.cli.ledger_command import run_verify  # noqa: PLC0415 - loads the exchange's library

    raise typer.Exit(run_verify(symbol, dir_, as_json=json))


@ledger_app.command("rebuild")
def ledger_rebuild(
    symbol: Annotated[str | None, typer.Argument(help="The symbol.", autocompletion=symbols_of)] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every ledger.")] = False,  # noqa: FBT002
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "asked for by an operator",
    dir_: RunDir = None,
    dry_run: DryRun = False,  # noqa: FBT002
) -> None:
    """Have the running P3.3 write ledgers anew from their facts, and read the exchange's trades again."""
    from services.cli.ledger_command import run_rebuild  # noqa: PLC0415 - as above

    raise typer.Exit(run_rebuild(symbol, reason, dir_, all_=all_, dry_run=dry_run))


@reconcile_app.callback()
def reconcile(
    context: typer.Context,
    dir_: RunDir = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON array instead of lines.")] = False,  # noqa: FBT002
) -> None:
    """Show every hold and every difference between ledger and exchange; exit 1 where there is one."""
    if context.invoked_subcommand is None:
        raise typer.Exit(run_reconcile(dir_, as_json=json))


@reconcile_app.command("release")
def reconcile_release(
    symbol: Annotated[str, typer.Argument(help="The symbol that is on hold.", autocompletion=symbols_of)],
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    dir_: RunDir = None,
    dry_run: DryRun = False,  # noqa: FBT002
) -> None:
    """Lift the hold of a symbol, through P3.3; what still differs is then watched anew."""
    raise typer.Exit(run_release(symbol, reason, dir_, dry_run=dry_run))


@app.command()
def version() -> None:
    """Show which build this is."""
    typer.echo(build_id())


def main() -> None:
    """Run the command; what it cannot do is one line on standard error."""
    try:
        with quiet_pipe():
            status = app(prog_name="quantum", standalone_mode=False)
    except Complaint as complaint:
        status = complaint.status
        sys.stderr.write(f"quantum: {complaint}\n")
    except typer.TyperException as error:
        status = EXIT_USAGE
        words = error.format_message()
        helpful = words.startswith("Usage:")  # no verb at all was given
        sys.stderr.write(f"{words}\n" if helpful else f"quantum: {words.rstrip('.')}; --help lists what there is\n")
    except (RedisError, OSError, UnicodeError) as error:  # what no verb has given words of its own
        status = 1
        sys.stderr.write(f"quantum: {str(error).splitlines()[0] if str(error) else type(error).__name__}\n")
    except SystemExit as ended:
        if not isinstance(ended.__context__, BrokenPipeError):
            raise
        status = 0  # whoever read has seen enough, as `head` does
    except (typer.Abort, KeyboardInterrupt):
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
