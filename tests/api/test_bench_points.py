"""Points of a measurement: each in a process of its own, whose failure is one line."""

import subprocess

import pytest

from avow.api.bench.points import point
from avow.api.errors import BenchError


def test_what_a_point_says_last_is_why_it_failed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BenchError, match=r"^a point: .*nothing_of_ours") as caught:
        point("nothing_of_ours", what="a point", seconds=60)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().err == "a point\n"


def test_a_point_that_takes_too_long_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        point("scaling_point", "mlp", "0", "1", what="a point", seconds=0.01)
