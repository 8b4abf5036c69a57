"""Deployment files: canonical, complete or honestly unfinished, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.chain.deployment import (
    CONTRACTS,
    Deployment,
    Placed,
    begun_deployment,
    parse_deployment,
    read_deployment,
    write_deployment,
)
from avow.verifier.chain.errors import DeploymentRefused


def deployment(count: int = len(CONTRACTS)) -> Deployment:
    """A deployment whose first `count` contracts are there."""
    placed = tuple(
        (name, Placed(bytes([at + 1]) * 20, bytes([at + 1]) * 32))
        for at, name in enumerate(CONTRACTS[:count])
    )
    return Deployment(31337, 7, bytes(32), placed)


@pytest.mark.parametrize("count", range(len(CONTRACTS) + 1))
def test_what_is_written_is_read(tmp_path: Path, count: int) -> None:
    path = tmp_path / "deep" / "31337.json"
    write_deployment(path, deployment(count))
    assert begun_deployment(path) == deployment(count)
    assert [item.name for item in path.parent.iterdir()] == ["31337.json"]
    if count == len(CONTRACTS):
        assert read_deployment(path).market == deployment().placed("market").address
    else:
        with pytest.raises(DeploymentRefused, match="not finished"):
            read_deployment(path)


def test_a_missing_file_is_no_deployment(tmp_path: Path) -> None:
    assert begun_deployment(tmp_path / "none.json") is None
    with pytest.raises(DeploymentRefused, match="No such file"):
        read_deployment(tmp_path / "none.json")
    with pytest.raises(DeploymentRefused, match="not deployed yet"):
        _ = deployment(2).market


def paths(value: Any, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of every key of a JSON object, at any depth."""
    found = []
    for key, item in value.items():
        found.append((*prefix, key))
        if isinstance(item, dict):
            found += paths(item, (*prefix, key))
    return found


@pytest.mark.parametrize("path", paths(json.loads(deployment().encode())), ids=".".join)
@pytest.mark.parametrize("change", ["missing", "unknown", "other type"])
def test_every_leaf_is_checked(path: tuple[str, ...], change: str) -> None:
    value = json.loads(deployment().encode())
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    item = parent.pop(path[-1])
    if change == "unknown":
        parent[path[-1] + "x"] = item
    elif change == "other type":
        parent[path[-1]] = [item]
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    if (path, change) == (("contracts", CONTRACTS[-1]), "missing"):
        # Without its last contract a deployment is one under way.
        assert not parse_deployment(data).complete
        return
    with pytest.raises(DeploymentRefused) as caught:
        parse_deployment(data)
    assert "\n" not in str(caught.value)


def test_other_spellings_are_refused() -> None:
    data = deployment().encode()
    for other in (b" " + data, data + b"\n", data.replace(b'"31337"', b'"031337"')):
        with pytest.raises(DeploymentRefused):
            parse_deployment(other)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(DeploymentRefused) as caught:
        parse_deployment(data)
    assert "\n" not in str(caught.value)
