"""The parameters of a watch out of a file: whole numbers under known names."""

import pytest

from avow.verifier.chain.errors import DeploymentRefused
from avow.verifier.chain.watch_records import WatchParameters, parse_watch_file


def test_what_a_file_names_is_taken_and_the_rest_is_as_it_is() -> None:
    assert parse_watch_file(b"{}") == WatchParameters()
    found = parse_watch_file(b'{"epoch": 7200, "bounty": 1000000000000000000000}')
    assert found == WatchParameters(epoch=7_200, bounty=10**21)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[1]", "expected an object"),
        (b'{"epochs": 1}', "expected an object with any of minimum_stake"),
        (b'{"epoch": 1.5}', "epoch: expected a whole number"),
        (b'{"epoch": true}', "epoch: expected a whole number"),
        (b'{"epoch": -1}', "epoch: expected a whole number"),
        (b'{"epoch": "600"}', "epoch: expected a whole number"),
    ],
)
def test_anything_else_is_one_line(data: bytes, reason: str) -> None:
    with pytest.raises(DeploymentRefused, match=reason) as caught:
        parse_watch_file(data)
    assert "\n" not in str(caught.value)


def test_times_follow_each_other() -> None:
    parameters = WatchParameters()
    for epoch in (1, 3_000_000):
        times = parameters.times(epoch)
        assert parameters.epoch_at(times.begins) == parameters.epoch_at(times.ends) == epoch
        assert parameters.epoch_at(times.ends + 1) == epoch + 1
        assert times.ends < times.verdicts_by < times.reveals_by < times.answers_by
        assert times.answers_by < times.penalties_by
    # A finder's root stands until it has answered.
    assert times.answers_by < parameters.times(epoch + 32).begins
