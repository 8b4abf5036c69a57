"""Blocks are read once each, again after a re-organisation, and an old head costs no question."""

from dataclasses import dataclass, field
from typing import Any, cast

from avow.prover.nodes.cursors import Cursor
from avow.prover.nodes.reading import Reading
from avow.verifier.chain.client import Block, Chain

Read = tuple[int, int]


@dataclass
class Fork:
    """A chain in memory; its blocks' hashes name the fork that made them."""

    blocks: list[Block] = field(default_factory=list)
    asked: int = 0

    def grow(self, count: int, fork: str = "a") -> None:
        """More blocks on top."""
        for number in range(len(self.blocks), len(self.blocks) + count):
            parent = self.blocks[-1].hash if self.blocks else b""
            self.blocks.append(Block(number, f"{fork}{number}".encode(), parent, number))

    def cut(self, number: int) -> None:
        """Forgets the blocks from `number` on."""
        del self.blocks[number:]

    def head(self) -> Block:
        """The newest block."""
        return self.blocks[-1]

    def block(self, number: int) -> Block | None:
        """As `Chain.block`."""
        self.asked += 1
        return self.blocks[number] if number < len(self.blocks) else None


@dataclass
class Cursors:
    """Every block that was the last of a reading."""

    kept: list[Cursor] = field(default_factory=list)

    def cursor(self) -> Cursor | None:
        """The newest."""
        return self.kept[-1] if self.kept else None

    def rewind(self, number: int) -> None:
        """Forgets from `number` on."""
        self.kept = [cursor for cursor in self.kept if cursor.number < number]


class Reader:
    """A reading of a fork, and what it has read."""

    def __init__(self, confirmations: int = 1) -> None:
        self.chain, self.memory = Fork(), Cursors()
        self.chain.grow(4)
        chain = cast(Chain, cast(Any, self.chain))
        self.reading: Reading[Read] = Reading(chain, self.memory, 1, confirmations, self.read)

    def read(self, first: int, last: int) -> Read:
        """The range itself."""
        return first, last

    def on(self) -> Read | None:
        """Reads on and keeps the cursor."""
        found = self.reading.on(self.chain.head())
        if found is None:
            return None
        self.memory.kept.append(found[1])
        return found[0]


def test_every_block_is_read_once_behind_the_head() -> None:
    reader = Reader()
    assert reader.on() == (1, 2)
    assert reader.on() is None
    reader.chain.grow(3)
    assert reader.on() == (3, 5)
    assert reader.on() is None


def test_a_head_that_was_read_up_to_costs_no_question() -> None:
    reader = Reader()
    assert reader.on() == (1, 2)
    assert reader.on() is None
    asked = reader.chain.asked
    for _ in range(5):
        assert reader.on() is None
    assert reader.chain.asked == asked
    reader.chain.grow(1)
    assert reader.on() == (3, 3)


def test_a_fork_of_the_same_length_is_read_again() -> None:
    reader = Reader()
    assert reader.on() == (1, 2) and reader.on() is None
    reader.chain.cut(2)
    reader.chain.grow(2, "b")
    assert reader.on() == (1, 2)
    assert reader.memory.cursor() == Cursor(2, b"b2")
    # And back again.
    reader.chain.cut(2)
    reader.chain.grow(2)
    assert reader.on() == (1, 2)
    assert reader.memory.cursor() == Cursor(2, b"a2")


def test_a_fork_above_the_cursor_needs_nothing_read_again() -> None:
    reader = Reader()
    assert reader.on() == (1, 2) and reader.on() is None
    reader.chain.cut(3)
    reader.chain.grow(2, "b")
    assert reader.on() == (3, 3)


def test_a_chain_that_changes_while_it_is_read_is_read_again() -> None:
    reader = Reader()

    def change(first: int, last: int) -> Read:
        reader.chain.cut(2)
        reader.chain.grow(2, "b")
        return first, last

    reader.reading._read = change  # type: ignore[method-assign]
    assert reader.on() is None
    reader.reading._read = reader.read  # type: ignore[method-assign]
    assert reader.on() == (1, 2)
    assert reader.memory.cursor() == Cursor(2, b"b2")
