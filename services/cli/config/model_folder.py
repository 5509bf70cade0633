"""The trained model that the engine is told to use, read as the engine reads it at its start."""

from collections.abc import Iterator

import structlog
from structlog.testing import LogCapture

from quantum_common.clock import epoch_ms
from quantum_common.settings import SettingsError
from services.ai_engine.settings import AiSettings
from services.cli.config.finding import Finding, Level, at
from services.cli.config.folder import ConfigFolder
from services.cli.config.values import Read

ENGINE, KEY = "ai-engine", "AI_MODEL_DIR"


def model_findings(folder: ConfigFolder, read: Read) -> Iterator[Finding]:
    """Given a folder and the settings in it, yield why the engine would refuse its model, if it names one."""
    settings, line = read.settings[ENGINE], folder.of(ENGINE).get(KEY)
    if line is None or ENGINE not in read.sound or not isinstance(settings, AiSettings):
        return
    from services.ai_engine.wiring import trained_model  # noqa: PLC0415 - brings the exchange's client, half a second

    said, of_every_level = LogCapture(), structlog.make_filtering_bound_logger(0)
    try:
        trained_model(settings, epoch_ms(), structlog.wrap_logger(None, [said], of_every_level))
    except SettingsError as refused:
        yield at(line, str(refused).removeprefix(f"settings: {KEY}: "))
    for entry in said.entries:
        yield at(line, f"{entry['event']}: {entry.get('symbols', '')}", level=Level.WARNING)
