"""Start the ai-engine."""

from typing import NoReturn

from quantum_common.daemon import run_daemon
from services.ai_engine.settings import AiSettings
from services.ai_engine.wiring import start


def main() -> NoReturn:
    """Run until a signal."""
    run_daemon("ai-engine", AiSettings, start)


if __name__ == "__main__":
    main()
