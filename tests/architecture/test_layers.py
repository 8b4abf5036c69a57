"""Every file of every room keeps the import rule."""

from pathlib import Path

import pytest

from tests.architecture.layers import ROOMS, modules, room_violations, violations

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_rooms_to_its_right(room: str) -> None:
    assert len(list(modules(ROOT, room))) > 1, "a room without modules proves nothing"
    assert room_violations(ROOT, room) == []


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("verifier", "from avow.models.store import Store"),
        ("verifier", "import avow.api"),
        ("verifier", "from avow import models"),
        ("models", "def late() -> None:\n    from avow.circuits import plan"),
        ("circuits", "import importlib\nimportlib.import_module('avow.prover.jobs')"),
        ("circuits", "command = ['python', '-m', 'avow.prover.child']"),
        ("prover", "include = ['avow.api.app:app']"),
        ("prover", "from . import jobs"),
        ("prover", "from ..verifier import tensor"),
        ("api", "import verifier.tensor"),
        ("api", "from avow.common import things"),
        ("verifier", "from avow.verifier.chain import client"),
    ],
)
def test_a_planted_violation_is_found(room: str, source: str) -> None:
    assert len(violations(source, room, f"{room}/planted.py")) == 1


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("api", "from avow.prover.jobs import Job\nfrom avow.verifier import verify"),
        ("prover", '"""Nothing in avow.api is used here."""'),
        ("models", "from avow.verifier.tensor import Tensor\nimport numpy as np"),
        ("prover", "from avow.verifier.chain import client"),
    ],
)
def test_what_the_rule_allows_is_allowed(room: str, source: str) -> None:
    assert violations(source, room, f"{room}/planted.py") == []


def test_the_files_of_a_tree_are_read(tmp_path: Path) -> None:
    deep = tmp_path / "models" / "zoo"
    deep.mkdir(parents=True)
    (deep / "train.py").write_text("import avow.api.app\n")
    assert room_violations(tmp_path, "models") == [
        "models/zoo/train.py:1: models must not import avow.api.app"
    ]
