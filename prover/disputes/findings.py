"""What a validator of the watch found wrong and has committed to, in the job database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, select

from avow.prover.database import Database
from avow.prover.disputes.duty import Found
from avow.prover.disputes.journal import parse_traced_text, traced_text
from avow.prover.disputes.tables import WatchFindingRow, WatchTreeRow
from avow.verifier.fields import to_hex


class Findings:
    """One validator's findings, and the trees of verdicts over them.

    Every change is one transaction and idempotent.
    """

    def __init__(self, database: Database, node: str) -> None:
        """`node` names chain, watch and account."""
        self._database = database
        self._node = node

    def keep(self, found: Found) -> None:
        """Writes a finding down; one of the same claim stays, for it may be committed to."""
        key = (self._node, to_hex(found.claim_id))
        with self._database.write() as session:
            if session.get(WatchFindingRow, key) is not None:
                return
            session.add(
                WatchFindingRow(
                    node=self._node,
                    claim_id=key[1],
                    epoch=found.epoch,
                    traced=traced_text(found.traced),
                    refutation=found.refutation,
                )
            )

    def all(self) -> list[Found]:
        """Every finding, the oldest epochs first."""
        query = select(WatchFindingRow).where(WatchFindingRow.node == self._node)
        ordered = query.order_by(WatchFindingRow.epoch, WatchFindingRow.claim_id)
        with self._database.read() as session:
            return [
                Found(parse_traced_text(row.traced), row.epoch, bytes(row.refutation))
                for row in session.scalars(ordered)
            ]

    def forget(self, claim_id: bytes) -> None:
        """Drops a finding that nobody will ask for."""
        with self._database.write() as session:
            session.execute(
                delete(WatchFindingRow).where(
                    WatchFindingRow.node == self._node,
                    WatchFindingRow.claim_id == to_hex(claim_id),
                )
            )

    def count(self, first: int) -> int:
        """How many there are of the epoch `first` and later ones."""
        query = select(func.count()).where(
            WatchFindingRow.node == self._node, WatchFindingRow.epoch >= first
        )
        with self._database.read() as session:
            return int(session.scalar(query) or 0)

    def commit(self, epoch: int, root: bytes, leaves: Sequence[bytes]) -> None:
        """Writes down what stands under a root, before it is sent: only so can it be answered."""
        key = (self._node, epoch, to_hex(root))
        with self._database.write() as session:
            if session.get(WatchTreeRow, key) is None:
                row = WatchTreeRow(node=key[0], epoch=epoch, root=key[2], leaves=b"".join(leaves))
                session.add(row)

    def leaves(self, epoch: int, root: bytes) -> list[bytes]:
        """What stands under a root that was committed to for an epoch, in order; 32 bytes each."""
        with self._database.read() as session:
            row = session.get(WatchTreeRow, (self._node, epoch, to_hex(root)))
            data = b"" if row is None else bytes(row.leaves)
        return [data[at : at + 32] for at in range(0, len(data), 32)]

    def forget_trees(self, first: int) -> None:
        """Drops what was committed to for epochs before `first`."""
        with self._database.write() as session:
            session.execute(
                delete(WatchTreeRow).where(
                    WatchTreeRow.node == self._node, WatchTreeRow.epoch < first
                )
            )
