"""What a validator of the watch has found wrong, in the job database: a restart forgets nothing."""

from __future__ import annotations

from sqlalchemy import delete, select

from avow.prover.database import Database
from avow.prover.disputes.duty import Found
from avow.prover.disputes.journal import parse_traced_text, traced_text
from avow.prover.disputes.tables import WatchFindingRow
from avow.verifier.fields import to_hex


class Findings:
    """One validator's findings. Every change is one transaction and idempotent."""

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
