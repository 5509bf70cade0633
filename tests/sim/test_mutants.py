"""Known-bad variants are caught, and by what they break: the same schedules pass without the mutation."""

import pytest

from tests.sim.mutants import MUTANTS, Mutant, caught_by
from tests.sim.pipeline import HEALTHY


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "_"))
def test_a_mutant_is_caught_by_a_schedule_that_the_real_services_pass(mutant: Mutant) -> None:
    seed = caught_by(mutant)
    assert seed is not None, f"{mutant.name}: not caught within {mutant.seeds} schedules"
    assert not mutant.run(seed, HEALTHY).violations
