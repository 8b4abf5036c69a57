"""Reading a chain's events once each, through re-organisations and restarts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from avow.prover.nodes.cursors import Cursor
from avow.verifier.chain.client import Block, Chain

# What one step reads at most, so that a first start does not hold years of events in memory.
_BLOCKS_PER_STEP = 10_000
_Read = TypeVar("_Read")


class Memory(Protocol):
    """Where it stands how far has been read."""

    def cursor(self) -> Cursor | None:
        """The last block that was read."""
        ...

    def rewind(self, number: int) -> None:
        """Forgets that blocks from `number` on were read."""
        ...


class Reading(Generic[_Read]):
    """Each block once, `confirmations` behind the head, by `read(first, last)`.

    `memory` says how far it got before a restart; nobody else may move its cursor meanwhile.
    """

    def __init__(
        self,
        chain: Chain,
        memory: Memory,
        first_block: int,
        confirmations: int,
        read: Callable[[int, int], _Read],
    ) -> None:
        self._chain = chain
        self._memory = memory
        self._first_block = first_block
        self._confirmations = confirmations
        self._read = read
        self._exhausted: bytes | None = None

    def on(self, head: Block) -> tuple[_Read, Cursor] | None:
        """What the next blocks under a recent `head` hold, and the cursor to keep with it; None
        where there is nothing to read yet.

        A cursor that the chain no longer has is taken back to the newest one that it still has
        (to `first_block`, where it has none), and what follows is read again.
        """
        if head.hash == self._exhausted:
            # The same head has the same blocks below it, of which all were read.
            return None
        self._exhausted = None
        first = self._next(head)
        last = min(head.number - self._confirmations, first + _BLOCKS_PER_STEP - 1)
        if last < first:
            self._exhausted = head.hash
            return None
        end = self._at(last, head)
        found = self._read(first, last)
        if end is None or self._chain.block(last) != end:
            # The chain changed while it was read: what was read may be of either version.
            return None
        return found, Cursor(end.number, end.hash)

    def _next(self, head: Block) -> int:
        while (cursor := self._memory.cursor()) is not None:
            block = self._at(cursor.number, head)
            if block is not None and block.hash == cursor.hash:
                return cursor.number + 1
            self._memory.rewind(cursor.number)
        return self._first_block

    def _at(self, number: int, head: Block) -> Block | None:
        return head if number == head.number else self._chain.block(number)
