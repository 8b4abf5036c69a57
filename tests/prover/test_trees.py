"""Trees of which only some nodes are hashed, against the tree that holds all of them."""

from random import Random

import pytest

from avow.prover.refutation import wrong_in_chunk
from avow.prover.trees import ChunkTree, Shown, leftmost
from avow.verifier.program.semantics import index_at
from avow.verifier.trace.layout import CHUNK, ordered
from avow.verifier.trace.tree import Tree, chunk_leaves, fold


@pytest.mark.parametrize("size", [1, 255, 256, 257, 512, 769, 256 * 8, 256 * 9 + 1, 256 * 37 + 100])
def test_every_node_is_that_of_the_whole_tree(size: int) -> None:
    data = Random(size).randbytes(size)
    whole = Tree(chunk_leaves(data))
    lazy = ChunkTree(data)
    assert lazy.depth == whole.depth and lazy.root == whole.root
    for height in range(whole.depth + 1):
        for place in range(1 << whole.depth - height):
            assert lazy.at(height, place) == whole.at(height, place)
    places = Random(size).sample(range(len(whole.levels[0])), min(3, len(whole.levels[0])))
    siblings = iter(lazy.siblings(places))
    known = {at: whole.levels[0][at] for at in places}
    assert fold(known, lazy.depth, lambda: next(siblings)) == whole.root


def test_a_root_that_is_given_is_not_hashed_again() -> None:
    tree = ChunkTree(bytes(1000), b"r" * 32)
    assert tree.root == b"r" * 32
    assert tree.at(0, 0) == Tree(chunk_leaves(bytes(1000))).at(0, 0)


def test_shown_nodes_stand_before_ones_own() -> None:
    own = ChunkTree(bytes(256 * 8))
    shown = Shown(own, {(1, 2): b"n" * 32, (3, 0): b"r" * 32})
    assert shown.root == b"r" * 32 and shown.at(1, 2) == b"n" * 32
    assert shown.at(1, 3) == own.at(1, 3)


def test_the_leftmost_of_two_differences_is_taken() -> None:
    own = ChunkTree(bytes(256 * 8))
    children = [own.at(0, at) for at in range(4, 8)]
    assert leftmost(own, 0, 4, children) is None
    children[1] = children[3] = b"x" * 32
    assert leftmost(own, 0, 4, children) == 1


@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_the_element_that_differs_in_a_chunk_is_named(width: int, order: tuple[int, ...]) -> None:
    layout = ordered(width, (7, 9, 11), order)
    rng = Random(width)
    values = [rng.randrange(-100, 100) for _ in range(layout.count)]
    for _ in range(20):
        element = rng.randrange(layout.count)
        changed = [*values[:element], values[element] ^ 1, *values[element + 1 :]]
        chunk = layout.place(index_at(element, layout.shape)) * width // CHUNK
        part = slice(chunk * CHUNK, (chunk + 1) * CHUNK)
        mine, theirs = layout.store(values)[part], layout.store(changed)[part]
        assert wrong_in_chunk(layout, chunk, mine, theirs) == element
        assert wrong_in_chunk(layout, chunk, mine, mine) is None
