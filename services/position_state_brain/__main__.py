"""Start the position-state-brain."""

from typing import NoReturn

from quantum_common.daemon import run_daemon
from services.position_state_brain.settings import P33Settings
from services.position_state_brain.wiring import start


def main() -> NoReturn:
    """Run until a signal."""
    run_daemon("position-state-brain", P33Settings, start)


if __name__ == "__main__":
    main()
