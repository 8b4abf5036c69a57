"""What a node remembers of disputes, on every kind of database; a crash after every single step."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from avow.prover.database import Database, open_database
from avow.prover.disputes import moves
from avow.prover.disputes.journal import Journal, Verdict, Watched
from avow.verifier.chain.claim_records import ClaimState
from avow.verifier.keccak import keccak256
from avow.verifier.trace.refutation import TracedClaim
from tests.programs.every import every_operation
from tests.programs.runs import CommittedRun, honest_run
from tests.prover.disputes.games import CHALLENGER, PROVIDER, Game, claimed, defended
from tests.prover.disputes.simulated import CLAIM_BOND, Reverted, SimulatedClaims
from tests.prover.disputes.test_game import liar

NODE = "1:0x00:challenger:0x01"
TRACED = TracedClaim(*(bytes([at]) * 32 for at in range(1, 7)))
CLAIM = Watched(TRACED, b"o" * 32, 1, b"m" * 32, b"p" * 20, 5000, 17, 3)
FIRST = moves.Timeout(TRACED.statement, b"c" * 20)
SECOND = moves.Finish(TRACED.statement)


@pytest.fixture
def database(any_new_database: Database) -> Database:
    return any_new_database


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database, NODE)


def test_claims_are_watched_until_they_end(journal: Journal) -> None:
    early = dataclasses.replace(
        CLAIM, traced=dataclasses.replace(TRACED, statement=b"e" * 32), window_end=4000
    )
    journal.watch([CLAIM, early])
    assert journal.watched() == [early, CLAIM]
    journal.decide(TRACED.statement, Verdict.WRONG, "tensor 3 differs\nfrom its own run")
    journal.watch([CLAIM])
    found = journal.watched()[1]
    assert found.verdict is Verdict.WRONG and found.reason == "tensor 3 differs from its own run"
    journal.end(early.traced.statement)
    assert journal.watched() == [found]
    journal.end(early.traced.statement, ended=False)
    assert len(journal.watched()) == 2


def test_another_claim_under_the_same_name_is_looked_at_anew(journal: Journal) -> None:
    journal.watch([CLAIM])
    journal.decide(TRACED.statement, Verdict.AGREES, "every tensor")
    other = dataclasses.replace(CLAIM, traced=dataclasses.replace(TRACED, trace=b"t" * 32))
    journal.watch([other])
    assert journal.watched() == [other]


def test_claims_of_blocks_that_are_gone_are_forgotten(journal: Journal) -> None:
    journal.watch([CLAIM])
    journal.rewind(18)
    assert journal.watched() == [CLAIM]
    journal.rewind(17)
    assert journal.watched() == []


def test_nodes_do_not_see_each_others_disputes(database: Database, journal: Journal) -> None:
    other = Journal(database, "1:0x00:challenger:0x02")
    journal.watch([CLAIM])
    assert other.watched() == []
    assert journal.begin(TRACED.statement, FIRST, 1) is not None
    begun = other.begin(TRACED.statement, FIRST, 1)
    assert begun is not None and begun.fresh


def test_a_move_keeps_its_nonce(journal: Journal) -> None:
    first = journal.begin(TRACED.statement, FIRST, 7)
    assert first is not None and (first.nonce, first.transaction, first.fresh) == (7, None, True)
    again = journal.begin(TRACED.statement, FIRST, 8)
    assert again is not None and (again.nonce, again.transaction, again.fresh) == (7, None, False)
    journal.sent(FIRST, b"t" * 32)
    again = journal.begin(TRACED.statement, FIRST, 9)
    assert again is not None and (again.nonce, again.transaction) == (7, b"t" * 32)


def test_no_two_moves_have_one_nonce(journal: Journal) -> None:
    assert journal.begin(TRACED.statement, FIRST, 7) is not None
    journal.sent(FIRST, b"t" * 32)
    assert journal.begin(TRACED.statement, SECOND, 7) is None
    journal.forget(FIRST)
    assert journal.begin(TRACED.statement, SECOND, 7) is not None


def test_a_move_that_was_never_handed_over_gives_way(journal: Journal) -> None:
    assert journal.begin(TRACED.statement, FIRST, 7) is not None
    begun = journal.begin(TRACED.statement, SECOND, 7)
    assert begun is not None and begun.fresh
    begun = journal.begin(TRACED.statement, FIRST, 8)
    assert begun is not None and begun.fresh and begun.nonce == 8


def test_every_part_of_a_move_is_in_its_digest() -> None:
    a, b = b"a" * 32, b"b" * 32
    different = [
        moves.Reveal(a, CHALLENGER, (a, b)),
        moves.Reveal(a, CHALLENGER, (b, a)),
        moves.Reveal(b, CHALLENGER, (a, b)),
        moves.Reveal(a, CHALLENGER, (a + b,)),
        moves.RevealTensor(a, CHALLENGER, a, (b,)),
        moves.Pick(a, 0, a, (b,)),
        moves.Pick(a, 1, a, (b,)),
        moves.PickTensor(TRACED, 0, a, (b,), b""),
        moves.PickTensor(TRACED, 0, a, (b,), b"\0"),
        moves.Open(TRACED),
        moves.Open(dataclasses.replace(TRACED, trace=a)),
        moves.Timeout(a, CHALLENGER),
        moves.Reclaim(a, CHALLENGER),
        moves.Finish(a),
        moves.Commit(a),
    ]
    assert len({moves.digest(move) for move in different}) == len(different)


class Crash(Exception):
    """The process ends here."""


@dataclass
class Network:
    """One account's transactions: waiting ones, and how many were mined; one for each nonce."""

    claims: SimulatedClaims
    account: bytes
    waiting: dict[int, moves.Move] = field(default_factory=dict)
    mined: list[moves.Move] = field(default_factory=list)
    refused: int = 0

    def take(self, nonce: int, move: moves.Move) -> None:
        """A signed transaction; one whose nonce was used is not taken."""
        if nonce >= len(self.mined) + self.refused:
            self.waiting[nonce] = move

    def mine(self) -> None:
        """A block with everything that waits."""
        for nonce in sorted(self.waiting):
            move = self.waiting.pop(nonce)
            try:
                self.claims.send(self.account, move)
                self.mined.append(move)
            except Reverted:
                self.refused += 1


@dataclass
class Sender:
    """The order in which a node writes down, signs and sends; it may end after any step."""

    network: Network
    journal: Callable[[], Journal]
    claim: bytes
    crash_at: int = -1
    steps: int = 0

    def step(self) -> None:
        """One place at which the process may end."""
        self.steps += 1
        if self.steps == self.crash_at:
            raise Crash

    def send(self, move: moves.Move) -> None:
        """Sends a move, for the first time or again."""
        journal, network = self.journal(), self.network
        self.step()
        begun = journal.begin(self.claim, move, len(network.mined) + network.refused)
        assert begun is not None
        self.step()
        journal.sent(move, keccak256(moves.digest(move)))
        self.step()
        network.take(begun.nonce, move)
        self.step()
        network.mine()
        self.step()


@pytest.fixture(scope="module")
def honest() -> CommittedRun:
    return honest_run(*every_operation())


def played(honest: CommittedRun, database: Database, seed: int, crash_at: int) -> tuple[Game, int]:
    """A game to its end whose challenger ends after some step and is started again."""
    lying = liar(honest, seed)
    run = lying.refuter()
    game = claimed(honest, run, lying.claim(run.root))
    network = Network(game.claims, CHALLENGER)
    node = f"{NODE}:{seed}:{crash_at}"
    sender = Sender(network, lambda: Journal(database, node), game.claim, crash_at)
    answer = defended(run, game.claim)
    for _ in range(60):
        move = game.challengers()
        try:
            if move is not None:
                sender.send(move)
        except Crash:
            # What was handed over before may still be mined while the node is down.
            network.mine()
            continue
        theirs = answer(game.claims)
        if theirs is not None:
            game.claims.send(PROVIDER, theirs)
        elif move is None:
            # A commitment counts from the next block on, and blocks come by themselves.
            game.claims.block += 1
        if game.claims.view(game.claim).state is ClaimState.OVERTURNED:
            break
    assert network.refused == 0
    assert len({moves.digest(one) for one in network.mined}) == len(network.mined)
    return game, sender.steps


def test_a_crash_after_any_step_changes_nothing(
    honest: CommittedRun, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("crashes") / "jobs.sqlite3"
    database = open_database(f"sqlite:///{path}")
    try:
        undisturbed, steps = played(honest, database, 4, -1)
        assert steps >= 30
        for crash_at in range(1, steps + 1):
            game, _ = played(honest, database, 4, crash_at)
            assert game.claims.view(game.claim).state is ClaimState.OVERTURNED
            assert game.claims.credit == undisturbed.claims.credit
            assert game.claims.credit[CHALLENGER] > CLAIM_BOND // 2
    finally:
        database.close()
