"""Start the intent-bridge."""

from typing import NoReturn

from quantum_common.daemon import run_daemon
from services.intent_bridge.settings import BridgeSettings
from services.intent_bridge.wiring import start


def main() -> NoReturn:
    """Run until a signal."""
    run_daemon("intent-bridge", BridgeSettings, start)


if __name__ == "__main__":
    main()
