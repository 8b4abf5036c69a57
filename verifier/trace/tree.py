"""Merkle trees over any number of leaves, and openings of any set of them.

Leaves are keccak256(0x00 || data), nodes keccak256(0x01 || left || right), as in
`verifier.merkle`; zero words, which no leaf equals, pad the leaves to a power of two.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence

from avow.verifier.keccak import ZERO_WORD
from avow.verifier.merkle import leaf, node
from avow.verifier.trace.layout import CHUNK
from avow.verifier.trace.octets import malformed


def depth_of(count: int) -> int:
    """Levels above the leaves of a tree of `count` leaves."""
    return (count - 1).bit_length()


def chunk_leaves(data: bytes) -> list[bytes]:
    """The leaves of a tensor's tree: its bytes in chunks, the last one padded with zero bytes."""
    return [leaf(data[at : at + CHUNK].ljust(CHUNK, b"\0")) for at in range(0, len(data), CHUNK)]


class Nodes(ABC):
    """Any tree whose nodes can be asked for."""

    depth: int
    """Levels above the leaves."""

    @abstractmethod
    def at(self, height: int, place: int) -> bytes:
        """The node at a height above the leaves, padding included."""

    @property
    def root(self) -> bytes:
        """The root; of one leaf, that leaf."""
        return self.at(self.depth, 0)

    def siblings(self, places: Iterable[int]) -> tuple[bytes, ...]:
        """What `fold` needs to lead the leaves at these places to the root."""
        known = set(places)
        found = []
        for height in range(self.depth):
            found += [self.at(height, at ^ 1) for at in sorted(known) if at ^ 1 not in known]
            known = {at >> 1 for at in known}
        return tuple(found)


class Tree(Nodes):
    """All levels of a tree, `levels[0]` the leaves without their padding."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.depth = depth_of(len(leaves))
        self.levels = [list(leaves)]
        # What stands beyond the end at this height: a tree of nothing but padding.
        empty = ZERO_WORD
        self._empty = []
        for _ in range(self.depth):
            below = self.levels[-1]
            pairs = range(0, len(below), 2)
            padded = [*below, empty]
            self.levels.append([node(padded[at], padded[at + 1]) for at in pairs])
            self._empty.append(empty)
            empty = node(empty, empty)
        self._empty.append(empty)

    def at(self, height: int, place: int) -> bytes:
        """The node at a height above the leaves, padding included."""
        level = self.levels[height]
        return level[place] if place < len(level) else self._empty[height]


def fold(known: Mapping[int, bytes], depth: int, sibling: Callable[[], bytes]) -> bytes:
    """The root that leaves at their places lead to.

    `sibling` gives the siblings in order: from the leaves upwards, in a level from left to right,
    the other child of every known node whose other child is not known.
    """
    if not known or not 0 <= min(known) <= max(known) < 1 << depth:
        raise malformed(f"leaves {sorted(known)} do not fit a tree of depth {depth}")
    level = dict(known)
    for _ in range(depth):
        for at in sorted(level):
            if at ^ 1 not in level:
                level[at ^ 1] = sibling()
        level = {at >> 1: node(level[at], level[at | 1]) for at in level if not at & 1}
    return level[0]
