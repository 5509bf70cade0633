"""Start the governor."""

from typing import NoReturn

from quantum_common.daemon import run_daemon
from services.governor.settings import GovernorSettings
from services.governor.wiring import start


def main() -> NoReturn:
    """Run until a signal."""
    run_daemon("governor", GovernorSettings, start)


if __name__ == "__main__":
    main()
