"""What a service logs to in the simulation."""

from tests.sim.world import World


class Quiet:
    """A log for the simulation: warnings and errors are counted, all of it goes into the trace where one is kept."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name
        if world.lines is None:
            self.debug = self.info = self._nothing  # type: ignore[method-assign]

    def _nothing(self, event: str, **fields: object) -> None:
        pass

    def _say(self, event: str, **fields: object) -> None:
        self._world.say(f"[{self._name}]", event, fields)

    def _count(self, event: str, **fields: object) -> None:
        self._world.probes[event] += 1
        self._world.say(f"[{self._name}]", event, fields)

    debug = info = _say
    warning = error = _count
