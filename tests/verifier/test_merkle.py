"""Batches of statements under one root."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.errors import VerificationError
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.merkle import ALONE, Path, build, leaf, node, parse_path

DIGESTS = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40, unique=True)


@given(DIGESTS)
def test_every_path_leads_to_the_root(digests: list[bytes]) -> None:
    root, paths = build(digests)
    assert [path.index for path in paths] == list(range(len(digests)))
    assert all(path.root(digest) == root for path, digest in zip(paths, digests, strict=True))
    assert all(parse_path(path.to_json()) == path for path in paths)


@given(DIGESTS, st.data())
def test_a_foreign_statement_has_no_path(digests: list[bytes], data: st.DataObject) -> None:
    root, paths = build(digests)
    at = data.draw(st.integers(0, len(digests) - 1))
    foreign = data.draw(st.binary(min_size=32, max_size=32).filter(lambda x: x != digests[at]))
    assert paths[at].root(foreign) != root


@given(DIGESTS, st.data())
def test_a_changed_path_leads_elsewhere(digests: list[bytes], data: st.DataObject) -> None:
    root, paths = build(digests)
    at = data.draw(st.integers(0, len(digests) - 1))
    path = paths[at]
    if not path.siblings:
        return
    other = data.draw(st.integers(0, 2 ** len(path.siblings) - 1).filter(lambda x: x != at))
    assert Path(other, path.siblings).root(digests[at]) != root
    level = data.draw(st.integers(0, len(path.siblings) - 1))
    siblings = list(path.siblings)
    siblings[level] = keccak256(siblings[level])
    assert Path(at, tuple(siblings)).root(digests[at]) != root


def test_a_node_cannot_pass_for_a_leaf() -> None:
    one, two = keccak256(b"1"), keccak256(b"2")
    root, _ = build([one, two])
    assert root == node(leaf(one), leaf(two))
    # Somebody who claims the concatenated children as a statement gets another root.
    assert ALONE.root(leaf(one) + leaf(two)) != root


def test_padding_is_no_statement() -> None:
    digests = [keccak256(bytes([at])) for at in range(3)]
    root, paths = build(digests)
    sibling_path = Path(3, (leaf(digests[2]), *paths[2].siblings[1:]))
    assert sibling_path.root(ZERO_WORD) != root


@pytest.mark.parametrize(("index", "depth"), [(1, 0), (-1, 0), (2, 1), (4, 2), (0, 17)])
def test_unfit_paths_are_refused(index: int, depth: int) -> None:
    with pytest.raises(VerificationError):
        Path(index, (ZERO_WORD,) * depth)


def test_an_empty_batch_is_refused() -> None:
    with pytest.raises(VerificationError, match="got 0"):
        build([])
