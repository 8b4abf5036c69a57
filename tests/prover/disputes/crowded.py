"""Nodes in a simulated court where a block takes twelve seconds and a sent move waits for one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from avow.prover.database import Database
from avow.prover.disputes.challenger import Attack
from avow.prover.disputes.defender import Defender
from avow.prover.disputes.journal import Watched
from avow.prover.disputes.moves import Move
from avow.prover.disputes.party import Standing
from avow.prover.disputes.state import Challenge
from avow.prover.disputes.watcher import Duties, Watcher
from avow.prover.refutation import Refuter
from avow.verifier.chain.client import Block
from avow.verifier.chain.errors import Reverted as ChainReverted
from avow.verifier.chain.signer import Signer
from avow.verifier.trace.refutation import TracedClaim
from tests.prover.disputes.games import SALT
from tests.prover.disputes.simulated import Reverted, SimulatedClaims

BLOCK_SECONDS = 12


def watched(court: SimulatedClaims, traced: TracedClaim) -> Watched:
    """A claim of the court as a node has read it."""
    held = court.claims[traced.statement]
    return Watched(traced, b"o" * 32, 0, b"m" * 32, held.provider, held.window_end, 1, 0)


class _Court:
    """What nodes ask a contract and its chain, answered by the simulation."""

    def __init__(self, court: SimulatedClaims) -> None:
        self.court = court
        self.chain = SimpleNamespace(chain_id=1, head=self.head)
        self.contract = SimpleNamespace(address=b"\x01" * 20)

    def head(self) -> Block:
        return Block(self.court.head, bytes(32), bytes(32), self.court.now)

    def stored(self, claim: bytes, block: int = 0) -> Any:
        view = self.court.view(claim)
        return SimpleNamespace(
            state=view.state, open=view.undecided, window_end=view.window_end, version=0
        )

    def challenge(self, claim: bytes, challenger: bytes) -> None:
        """Nobody plays a game here."""
        return None

    def committed_in(self, commitment: bytes) -> int:
        return self.court.commitments.get(commitment, 0)

    def credit(self, account: bytes) -> int:
        return 0


class _Waiting:
    """Sends as `transactions.send` does: refused without being sent what would fail now;
    otherwise it returns when the move is mined, a block later."""

    court: SimulatedClaims
    account: bytes

    def send(self, claim: Watched, move: Move) -> bool:
        try:
            self.court.send(self.account, move)
        except Reverted as error:
            raise ChainReverted(str(error), (), "move") from error
        self.court.now += BLOCK_SECONDS
        return True

    def standing(self, claim: Watched, outputs: object) -> Standing:
        view = self.court.view(claim.traced.statement)
        block = Block(self.court.head, bytes(32), bytes(32), self.court.now)
        return Standing(block, view, SimpleNamespace(), ())  # type: ignore[arg-type]


class CrowdedDefender(_Waiting, Defender):
    """A provider's node with the run of its one claim."""

    def __init__(
        self, court: SimulatedClaims, signer: Signer, database: Database, run: Refuter
    ) -> None:
        self.court, self.account = court, signer.address
        market = SimpleNamespace(deployment=SimpleNamespace(first_block=0))
        runs = SimpleNamespace(outputs=lambda claim: (), run=lambda claim: run)
        super().__init__(market, _Court(court), signer, database, runs, 0)  # type: ignore[arg-type]

    def _undecided(self, standing: Standing) -> list[Challenge]:
        claim = standing.view.id
        found = [self.court.challenge(claim, who) for who in self.court.claims[claim].challenges]
        open_ones = [one for one in found if one is not None and one.undecided]
        return sorted(open_ones, key=lambda one: one.deadline)


class CrowdedWatcher(_Waiting, Watcher):
    """A validator's node that knows the right run of every claim."""

    def __init__(
        self,
        court: SimulatedClaims,
        signer: Signer,
        database: Database,
        attacks: dict[bytes, Attack],
        duties: Duties | None = None,
        evidence: Any = None,
        recheck: Any = None,
    ) -> None:
        self.court, self.account, self.attacks = court, signer.address, attacks
        # Every order's validator is this one.
        order = SimpleNamespace(validator=signer.address)
        market = SimpleNamespace(
            deployment=SimpleNamespace(first_block=0),
            leg=lambda *_: SimpleNamespace(state=None),
            order=lambda *_: order,
        )
        program = SimpleNamespace(inputs=(), outputs=(), recheck=recheck)
        programs = SimpleNamespace(of=lambda traced: program)
        super().__init__(
            market,  # type: ignore[arg-type]
            _Court(court),  # type: ignore[arg-type]
            signer,
            database,
            programs,  # type: ignore[arg-type]
            evidence,
            0,
            duties,
        )

    def _attack(self, claim: Watched, *_: object) -> Attack:
        return self.attacks[claim.traced.statement]


__all__ = ["SALT", "CrowdedDefender", "CrowdedWatcher", "watched"]
