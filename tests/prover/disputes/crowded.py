"""Nodes in a simulated court where a block takes twelve seconds and whoever sends waits for one."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from avow.prover.database import Database
from avow.prover.disputes.challenger import Attack
from avow.prover.disputes.defender import Defender
from avow.prover.disputes.journal import Watched
from avow.prover.disputes.moves import Move
from avow.prover.disputes.party import Party, Standing
from avow.prover.disputes.sending import Sent
from avow.prover.disputes.state import Challenge
from avow.prover.disputes.watcher import Duties, Watcher
from avow.prover.nodes.pauses import Pauses
from avow.prover.refutation import Refuter
from avow.verifier.chain.client import Block, Receipt
from avow.verifier.chain.errors import Reverted as ChainReverted
from avow.verifier.chain.signer import Signer
from avow.verifier.chain.transactions import TOGETHER
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

    def made(self, first: int, last: int) -> list[Any]:
        """No claim is read from blocks here."""
        return []


class _Blocks:
    """Sends as `Sender` does: what would fail now is refused without being sent; of the rest so
    many are mined together in the next block, for which they wait."""

    def __init__(self, court: SimulatedClaims, account: bytes) -> None:
        self.court, self.account = court, account
        self.together = TOGETHER

    def send(self, wanted: Sequence[tuple[bytes, Move]]) -> list[Sent]:
        done: list[Sent] = []
        taken = 0
        for _, move in wanted:
            if taken == self.together:
                done.append(None)
                continue
            try:
                self.court.send(self.account, move)
            except Reverted as error:
                done.append(ChainReverted(str(error), (), "move"))
                continue
            done.append(Receipt(bytes(32), self.court.head, bytes(32), 0, None, ()))
            taken += 1
        self.court.now += BLOCK_SECONDS if taken else 0
        return done


class _Crowded(Party):
    """What both nodes have of the simulation. Every claim is known to them from the start."""

    court: SimulatedClaims
    blocks: _Blocks

    def enter(self, court: SimulatedClaims) -> None:
        """Takes the place of chain and follower."""
        self.court = court
        self.blocks = _Blocks(court, self.signer.address)
        self._sender = self.blocks  # type: ignore[assignment]
        self._follower.sync = lambda head: False  # type: ignore[method-assign]
        self._may_have_credit = False
        # A pause after a failure is as long as the court's time says.
        self._pauses = Pauses(lambda: float(court.now), 10.0)

    def knows(self, claims: Sequence[Watched]) -> None:
        """Claims as they were read, and what was found of them."""
        self.journal.watch(claims)
        for claim in claims:
            self.journal.decide(claim.traced.statement, claim.verdict, claim.reason)

    def standing(self, claim: Watched, outputs: object) -> Standing:
        view = self.court.view(claim.traced.statement)
        block = Block(self.court.head, bytes(32), bytes(32), self.court.now)
        return Standing(block, view, SimpleNamespace(), ())  # type: ignore[arg-type]


class CrowdedDefender(_Crowded, Defender):
    """A provider's node with the run of its one claim."""

    def __init__(
        self, court: SimulatedClaims, signer: Signer, database: Database, run: Refuter
    ) -> None:
        market = SimpleNamespace(deployment=SimpleNamespace(first_block=0))
        runs = SimpleNamespace(outputs=lambda claim: (), run=lambda claim: run)
        super().__init__(market, _Court(court), signer, database, runs, 0)  # type: ignore[arg-type]
        self.enter(court)

    def _undecided(self, standing: Standing) -> list[Challenge]:
        claim = standing.view.id
        found = [self.court.challenge(claim, who) for who in self.court.claims[claim].challenges]
        return [one for one in found if one is not None and one.undecided]


class CrowdedWatcher(_Crowded, Watcher):
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
        self.attacks = attacks
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
        self.enter(court)

    def end_when_deep(self, claim: Watched, head: Block, reason: str) -> bool:
        """What has ended here stays in sight."""
        return False

    def _attack(self, claim: Watched, *_: object) -> Attack:
        return self.attacks[claim.traced.statement]


__all__ = ["SALT", "CrowdedDefender", "CrowdedWatcher", "watched"]
