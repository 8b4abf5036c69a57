"""Reading a chain's events once each, through re-organisations and restarts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from avow.prover.nodes.cursors import Cursor
from avow.verifier.chain.client import Chain

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


def read_on(
    chain: Chain,
    memory: Memory,
    first_block: int,
    confirmations: int,
    read: Callable[[int, int], _Read],
) -> tuple[_Read, Cursor] | None:
    """What `read(first, last)` gives of the next blocks, `confirmations` behind the head, and the
    cursor to keep with it; None where there is nothing to read yet.

    A cursor that the chain no longer has is taken back to the newest one that it still has (to
    `first_block`, where it has none), and what follows is read again.
    """
    first = _next(chain, memory, first_block)
    last = min(chain.head().number - confirmations, first + _BLOCKS_PER_STEP - 1)
    if last < first:
        return None
    end = chain.block(last)
    found = read(first, last)
    if end is None or chain.block(last) != end:
        # The chain changed while it was read: what was read may be of either version.
        return None
    return found, Cursor(end.number, end.hash)


def _next(chain: Chain, memory: Memory, first_block: int) -> int:
    while (cursor := memory.cursor()) is not None:
        block = chain.block(cursor.number)
        if block is not None and block.hash == cursor.hash:
            return cursor.number + 1
        memory.rewind(cursor.number)
    return first_block
