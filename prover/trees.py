"""Trees of large tensors, of which only the nodes are hashed that somebody asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from avow.prover.native import _core
from avow.verifier.keccak import ZERO_WORD
from avow.verifier.merkle import node
from avow.verifier.trace.layout import CHUNK
from avow.verifier.trace.tree import Nodes, depth_of

# Any tree is lower: a length fits 40 bits.
_EMPTY = [ZERO_WORD]
while len(_EMPTY) < 40:
    _EMPTY.append(node(_EMPTY[-1], _EMPTY[-1]))


class ChunkTree(Nodes):
    """The tree over a stored tensor's chunks; the same nodes as `Tree(chunk_leaves(data))`.

    What was asked for is kept, the rest is hashed again: a way down costs about twice the
    hashing of the data. `root` is believed where it is given.
    """

    def __init__(self, data: bytes, root: bytes | None = None) -> None:
        self._data = np.frombuffer(data, np.int8)
        self.depth = depth_of(-(-len(data) // CHUNK))
        self._known = {} if root is None else {(self.depth, 0): root}

    def at(self, height: int, place: int) -> bytes:
        """The node at a height above the leaves, padding included."""
        found = self._known.get((height, place))
        if found is None:
            found = self._known[height, place] = self._hash(height, place)
        return found

    def _hash(self, height: int, place: int) -> bytes:
        span = CHUNK << height
        part = self._data[place * span : (place + 1) * span]
        if part.size == 0:
            return _EMPTY[height]
        root = _core.tensor_root(part, 1, [part.size], [1])
        # The root of the last part is that of a lower tree.
        for above in range(depth_of(-(-part.size // CHUNK)), height):
            root = node(root, _EMPTY[above])
        return root


class Shown(Nodes):
    """A tree of one's own with the nodes that another has shown of his, in their places.

    `nodes` are by (height above the leaves, place). Left of where the two trees part all nodes
    are equal, so that whatever leads the first leaf that differs to the root is known.
    """

    def __init__(self, own: Nodes, nodes: Mapping[tuple[int, int], bytes]) -> None:
        self.depth = own.depth
        self._own = own
        self._nodes = dict(nodes)

    def at(self, height: int, place: int) -> bytes:
        """The node that was shown, otherwise one's own."""
        found = self._nodes.get((height, place))
        return self._own.at(height, place) if found is None else found


def leftmost(own: Nodes, height: int, first: int, shown: Sequence[bytes]) -> int | None:
    """Which of the nodes shown from place `first` on is the first that differs from one's own."""
    for at, theirs in enumerate(shown):
        if own.at(height, first + at) != theirs:
            return at
    return None
