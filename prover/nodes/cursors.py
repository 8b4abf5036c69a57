"""How far a reading of the chain has come, and whether the chain still has what was read."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from avow.prover.nodes.tables import NodeBlockRow
from avow.verifier.fields import to_hex

# More than any re-organisation that a chain survives; older cursors are dropped.
_BLOCKS_KEPT = 256


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last block that was read."""

    number: int
    hash: bytes


def newest(session: Session, reading: str) -> Cursor | None:
    """Where a reading stands."""
    query = select(NodeBlockRow).where(NodeBlockRow.node == reading)
    row = session.scalars(query.order_by(NodeBlockRow.number.desc()).limit(1)).first()
    return Cursor(row.number, bytes.fromhex(row.hash[2:])) if row else None


def keep(session: Session, reading: str, cursor: Cursor) -> None:
    """Notes that everything up to a block was read."""
    session.merge(NodeBlockRow(node=reading, number=cursor.number, hash=to_hex(cursor.hash)))
    session.execute(
        delete(NodeBlockRow).where(
            NodeBlockRow.node == reading, NodeBlockRow.number < cursor.number - _BLOCKS_KEPT
        )
    )


def rewind(session: Session, reading: str, number: int) -> None:
    """Forgets that blocks from `number` on were read."""
    session.execute(
        delete(NodeBlockRow).where(NodeBlockRow.node == reading, NodeBlockRow.number >= number)
    )
