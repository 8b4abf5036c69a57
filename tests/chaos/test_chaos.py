"""Some seconds of chaos over the real service; `make campaign-chaos` runs it for long."""

from pathlib import Path

import pytest

from tests.chaos.campaign import Plan, run
from tests.chaos.databases import own_schema

PLAN = Plan(
    seconds=6.0,
    seed=20_261_121,
    kill_every=0.7,
    ask_every=1.2,
    order_every=4.0,
    settle=400.0,
    checked=2,
    workers=1,
    least=6,
)


# Half a minute, unless others keep the machine busy.
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("contracts_folder")
def test_nothing_is_lost_and_nothing_happens_twice(tmp_path: Path) -> None:
    said: list[str] = []
    with own_schema() as database:
        result = run(PLAN, tmp_path / "ground", database, said.append)
    assert (result.audit.lost, result.audit.doubled, said) == ([], [], []), result
    assert sum(result.kills.values()) >= 6 and len(result.kills) >= 2
    assert result.orders >= 1 and result.audit.jobs >= 2
    assert result.line.endswith("lost 0, doubled 0")
