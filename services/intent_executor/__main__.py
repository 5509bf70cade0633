"""Start the intent-executor."""

from typing import NoReturn

from quantum_common.daemon import run_daemon
from services.intent_executor.settings import ExecutorSettings
from services.intent_executor.wiring import start


def main() -> NoReturn:
    """Run until a signal."""
    run_daemon("intent-executor", ExecutorSettings, start)


if __name__ == "__main__":
    main()
