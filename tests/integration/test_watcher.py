"""`avow validator` on claims: right ones are left alone, wrong ones overturned, once each move."""

from __future__ import annotations

from collections import Counter

import pytest

from avow.prover.disputes.evidence import Evidence, InputMissing
from avow.prover.disputes.journal import Verdict, Watched
from avow.prover.disputes.programs import Programs
from avow.prover.nodes.fetch import FetchRules
from avow.prover.nodes.validator import Validator
from avow.prover.nodes.worklist import Delivery, Worklist
from avow.verifier.chain.claim_events import Claimed
from avow.verifier.chain.client import checksum
from avow.verifier.chain.errors import RpcRefused, RpcUnavailable
from avow.verifier.chain.signer import development_signer
from avow.verifier.chain.transactions import send
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import LegState
from tests.integration.court import Delivered, deep, inside, loaded, opened
from tests.integration.flaky import flaky
from tests.integration.town import (
    CLAIMS,
    PROVIDER,
    QUICK,
    REQUESTER,
    STRANGER,
    UNIT,
    VALIDATOR,
    Town,
)
from tests.integration.watching import Reaper, Watch, reaping

_APPROVE = keccak256(b"approve(address,uint256)")[:4]
_WITHDRAW = keccak256(b"withdraw()")[:4]


@pytest.fixture
def watch(bare_town: Town) -> Watch:
    """A small model is claimed, and a stranger watches."""
    return Watch(opened(bare_town, "digits-mlp"))


def overturned(watch: Watch, claimed: Claimed) -> bool:
    """Everything is over: the claim, the order, and what the challenger was owed."""
    court = watch.court
    if not court.claims.is_overturned(claimed.claim_id):
        return False
    slashed = court.town.state(claimed.order_id) is LegState.SLASHED
    return slashed and not court.claims.credit(watch.account.address)


def gained(watch: Watch, before: dict[bytes, int]) -> int:
    """What the watcher has more than before."""
    return watch.court.town.holdings(*before)[watch.account.address] - before[watch.account.address]


def once(watch: Watch, *again: bytes) -> Counter[bytes]:
    """Every transaction succeeded, and none was sent twice; how many of each function, but for
    those that may come `again`."""
    sent = watch.sent()
    assert all(succeeded for _, succeeded in sent)
    # An approval may be given again: the one before was used up.
    calls = [data for data, _ in sent if data[:4] not in (_APPROVE, *again)]
    twice = [data[:4].hex() for data, times in Counter(calls).items() if times > 1]
    assert not twice, "a move was made twice"
    return Counter(data[:4] for data in calls)


def lied(watch: Watch, shown: bool, model_lie=deep) -> tuple[Delivered, Claimed]:  # type: ignore[no-untyped-def]
    delivered = watch.court.deliver(model_lie, shown=shown)
    return delivered, watch.court.claim(delivered)


def test_a_right_claim_is_left_alone(bare_town: Town) -> None:
    court = opened(bare_town, "digits-mlp")
    watch = Watch(court, account=VALIDATOR)
    delivered = court.deliver(shown=True)
    claimed = court.claim(delivered)
    validator = watch.started()
    for _ in range(4):
        validator.step()
    assert watch.found(validator, claimed).verdict is Verdict.AGREES
    assert watch.sent() == []
    court.town.pass_time(claimed.window_end - court.town.chain.head().timestamp + 1)
    for _ in range(4):
        validator.step()
    assert watch.found(validator, claimed).ended
    # The grace period outlasts the window: the market's validator settles, and is paid for it.
    assert court.town.state(claimed.order_id) is LegState.SETTLED
    assert len(watch.sent()) == 1


def test_a_lie_that_is_shown_is_refuted_at_once(watch: Watch) -> None:
    before = watch.court.town.holdings(STRANGER.address, REQUESTER.address)
    _, claimed = lied(watch, shown=True)
    validator = watch.play(lambda: overturned(watch, claimed))
    assert watch.found(validator, claimed).verdict is Verdict.WRONG
    assert gained(watch, before) == CLAIMS.claim_bond // 2
    # Commitment, refutation, the market's refund, the withdrawal.
    assert sorted(once(watch).values()) == [1, 1, 1, 1]


def test_a_lie_that_is_withheld_is_overturned_by_the_game(bare_town: Town) -> None:
    watch = Watch(opened(bare_town, "digits-cnn"))
    before = bare_town.holdings(STRANGER.address)
    delivered, claimed = lied(watch, False, inside)
    watch.play(lambda: overturned(watch, claimed), lambda: watch.answer(claimed, delivered))
    assert gained(watch, before) == CLAIMS.claim_bond // 2
    once(watch)


def test_a_silent_provider_is_timed_out(watch: Watch) -> None:
    before = watch.court.town.holdings(STRANGER.address)
    _, claimed = lied(watch, shown=False)
    court = watch.court

    def passing() -> bool:
        if court.challenge_by(claimed, STRANGER.address) is not None:
            court.town.pass_time(20)
        return False

    watch.play(lambda: overturned(watch, claimed), passing)
    assert gained(watch, before) == CLAIMS.claim_bond // 2
    once(watch)


def test_killed_between_every_two_steps_of_a_game_it_moves_once(bare_town: Town) -> None:
    watch = Watch(opened(bare_town, "digits-mlp"))
    before = bare_town.holdings(STRANGER.address)
    delivered, claimed = lied(watch, shown=False)
    reaper = Reaper()
    with reaping(reaper, STRANGER):
        watch.play(
            lambda: overturned(watch, claimed),
            lambda: watch.answer(claimed, delivered),
            rounds=600,
        )
    assert gained(watch, before) == CLAIMS.claim_bond // 2
    moves = sum(once(watch).values())
    # Written down, signed and handed over, each survived and not.
    assert reaper.deaths["before begin"] >= moves - 2
    assert reaper.deaths["after broadcast"] >= moves
    print(dict(reaper.deaths))


def test_a_reorganisation_in_mid_game_is_played_again(watch: Watch) -> None:
    town = watch.court.town
    before = town.holdings(STRANGER.address)
    delivered, claimed = lied(watch, shown=False)
    validator = watch.started()
    snapshot = None
    for _ in range(60):
        validator.step()
        watch.answer(claimed, delivered)
        town.mine()
        town.skew += 20_000
        challenge = watch.court.challenge_by(claimed, STRANGER.address)
        if challenge is not None and snapshot is None:
            snapshot = town.rpc("evm_snapshot")
        if challenge is not None and len(challenge.events) >= 4:
            break
    assert snapshot is not None
    assert town.rpc("evm_revert", snapshot)
    again = watch.court.challenge_by(claimed, STRANGER.address)
    assert again is not None and len(again.events) < 4
    watch.play(
        lambda: overturned(watch, claimed),
        lambda: watch.answer(claimed, delivered),
        start=lambda: validator,
    )
    assert gained(watch, before) == CLAIMS.claim_bond // 2
    once(watch)


def test_a_claim_that_a_reorganisation_took_is_forgotten(watch: Watch) -> None:
    town = watch.court.town
    delivered = watch.court.deliver(deep)
    snapshot = town.rpc("evm_snapshot")
    claimed = watch.court.claim(delivered)
    validator = watch.started()
    for _ in range(3):
        validator.step()
    assert watch.found(validator, claimed).verdict is Verdict.WRONG
    assert town.rpc("evm_revert", snapshot)
    town.mine(3)
    for _ in range(3):
        validator.step()
    assert watch.journal(validator).watched() == []
    again = watch.court.claim(delivered)
    watch.play(
        lambda: overturned(watch, again),
        lambda: watch.answer(again, delivered),
        start=lambda: validator,
    )


def test_an_rpc_that_fails_at_random(watch: Watch) -> None:
    town = watch.court.town
    before = town.holdings(STRANGER.address)
    delivered, claimed = lied(watch, shown=False)
    with flaky(town.url, 0.1, 3) as proxy:
        watch.url = proxy.url
        validator = _patiently(watch)
        for _ in range(400):
            try:
                validator.step()
            except (RpcUnavailable, RpcRefused):
                pass
            watch.answer(claimed, delivered)
            town.mine()
            town.skew += 20_000
            if overturned(watch, claimed):
                break
        assert sum(proxy.faults.values()) > 5, "the proxy did not fail"
    assert gained(watch, before) == CLAIMS.claim_bond // 2
    once(watch)


def _patiently(watch: Watch) -> Validator:
    for _ in range(50):
        try:
            return watch.started()
        except (RpcUnavailable, RpcRefused):
            continue
    raise AssertionError("the validator could not be started")


def test_of_a_program_that_is_not_here_nothing_is_said(watch: Watch) -> None:
    watch.programs = Programs(lambda: [])
    _, claimed = lied(watch, shown=True)
    validator = watch.started()
    for _ in range(4):
        validator.step()
    assert watch.found(validator, claimed).verdict is Verdict.UNKNOWN
    town = watch.court.town
    town.pass_time(claimed.window_end - town.chain.head().timestamp + 1)
    for _ in range(3):
        validator.step()
    watched = watch.found(validator, claimed)
    assert (watched.verdict, watched.ended) == (Verdict.UNDECIDED, True)
    assert watch.sent() == []


class One:
    """Duties of one order, and what was found."""

    def __init__(self, order_id: bytes) -> None:
        self.order_id = order_id
        self.heard: list[Verdict] = []

    def looks_at(self, claim: Watched) -> bool:
        return claim.order_id == self.order_id

    def judged(self, claim: Watched, verdict: Verdict, reason: str) -> None:
        self.heard.append(verdict)

    def step(self) -> bool:
        return False


def test_only_what_is_on_duty_is_looked_at_and_its_verdict_told(watch: Watch) -> None:
    _, first = lied(watch, shown=True)
    second = watch.court.claim(watch.court.deliver(row=1, shown=True))
    watch.duties = duties = One(second.order_id)
    validator = watch.started()
    for _ in range(4):
        validator.step()
    assert duties.heard == [Verdict.AGREES]
    assert watch.found(validator, first).verdict is Verdict.UNKNOWN
    assert PROVIDER.address == watch.found(validator, first).provider


def test_killed_while_its_transactions_wait_it_moves_once(watch: Watch) -> None:
    """Blocks come every second, so that whoever starts again finds its transaction not mined."""
    town = watch.court.town
    before = town.holdings(STRANGER.address)
    _, claimed = lied(watch, shown=True)
    reaper = Reaper()
    town.rpc("evm_setAutomine", False)
    town.rpc("evm_setIntervalMining", 1)
    try:
        with reaping(reaper, STRANGER):
            watch.play(lambda: overturned(watch, claimed), rounds=600)
    finally:
        town.rpc("evm_setIntervalMining", 0)
        town.rpc("evm_setAutomine", True)
    assert gained(watch, before) == CLAIMS.claim_bond // 2
    assert sorted(once(watch).values()) == [1, 1, 1, 1]
    assert reaper.deaths["after broadcast"] >= 4


def test_killed_while_moves_about_many_claims_wait_it_makes_each_once(watch: Watch) -> None:
    """They wait together, under nonces one behind the other."""
    court, town = watch.court, watch.court.town
    before = town.holdings(STRANGER.address)
    claims = [court.claim(court.deliver(deep, row=row, shown=True)) for row in range(3)]
    reaper = Reaper()
    town.rpc("evm_setAutomine", False)
    town.rpc("evm_setIntervalMining", 1)
    try:
        with reaping(reaper, STRANGER):
            watch.play(lambda: all(overturned(watch, one) for one in claims), rounds=1_000)
    finally:
        town.rpc("evm_setIntervalMining", 0)
        town.rpc("evm_setAutomine", True)
    assert gained(watch, before) == 3 * (CLAIMS.claim_bond // 2)
    # Commitment, refutation and refund of each. Who is killed before it has found the last claim
    # wrong may withdraw before, and then again: it succeeds only where there is something.
    assert sorted(once(watch, _WITHDRAW).values()) == [3, 3, 3]
    assert reaper.deaths["after broadcast"] >= 10


def test_several_games_are_opened_with_one_approval(watch: Watch) -> None:
    court = watch.court
    made = [court.deliver(deep, row=row) for row in range(3)]
    claims = [court.claim(one) for one in made]
    pairs = list(zip(claims, made, strict=True))

    def answered() -> bool:
        return any([watch.answer(claimed, delivered) for claimed, delivered in pairs])

    watch.play(lambda: all(overturned(watch, one) for one in claims), answered, rounds=600)
    approvals = [data for data, _ in watch.sent() if data[:4] == _APPROVE]
    assert len(approvals) == 1
    once(watch)


def test_with_too_few_tokens_it_waits_and_then_goes_on(watch: Watch) -> None:
    court, town = watch.court, watch.court.town
    watch.account = poor = development_signer(8)
    delivered, claimed = lied(watch, shown=False)
    validator = watch.started()
    for _ in range(6):
        validator.step()
        town.mine()
        town.skew += 20_000
    assert watch.sent() == [], "nothing that must fail is sent"
    call = court.claims.token.call("transfer", checksum(poor.address), CLAIMS.challenge_bond)
    send(town.chain, STRANGER, call, QUICK)
    watch.play(
        lambda: overturned(watch, claimed),
        lambda: watch.answer(claimed, delivered),
        start=lambda: validator,
    )
    once(watch)


def test_of_two_validators_one_wins_and_the_other_has_its_bond_back(watch: Watch) -> None:
    court, town = watch.court, watch.court.town
    other = Watch(court, account=development_signer(8))
    call = court.claims.token.call("transfer", checksum(other.account.address), 100 * UNIT)
    send(town.chain, STRANGER, call, QUICK)
    watch.since = town.chain.head().number
    before = town.holdings(STRANGER.address, other.account.address)
    delivered, claimed = lied(watch, shown=False)
    second = other.started()
    # Both challenge before either has won.
    for _ in range(4):
        second.step()
        town.mine()
    assert court.challenge_by(claimed, other.account.address) is not None

    def play_second() -> bool:
        moved = second.step()
        town.skew += 20_000
        return watch.answer(claimed, delivered) or moved

    watch.play(
        lambda: overturned(watch, claimed) and overturned(other, claimed), play_second, rounds=200
    )
    after = town.holdings(STRANGER.address, other.account.address)
    gains = sorted(after[one] - before[one] for one in before)
    assert gains == [0, CLAIMS.claim_bond // 2]
    once(watch)
    once(other)


def test_inputs_of_another_claim_are_not_believed(watch: Watch) -> None:
    """The order has its input by address, so that it is taken from what was delivered."""
    lying, claimed = lied(watch, shown=True)
    other = watch.court.deliver(row=1, shown=True)
    validator = watch.started()
    validator.step()
    specs = loaded().program.inputs
    rules = FetchRules(file_folder=watch.court.town.config.bundles)
    watched = watch.found(validator, claimed)
    evidence = Evidence(_Elsewhere(validator.worklist), rules)  # type: ignore[arg-type]
    assert evidence.inputs(watched, specs) == lying.given
    exchanged = Evidence(_Elsewhere(validator.worklist, other.order_id), rules)  # type: ignore[arg-type]
    with pytest.raises(InputMissing):
        exchanged.inputs(watched, specs)
    # Tensors of another run are read, and lead to another root.
    assert exchanged.shown(watched) == other.run.tensors
    nothing = Evidence(_Elsewhere(validator.worklist, bytes(32)), rules)  # type: ignore[arg-type]
    assert nothing.shown(watched) is None
    with pytest.raises(InputMissing):
        nothing.inputs(watched, specs)


class _Elsewhere:
    """Orders without an inline input, and deliveries of one order for all."""

    def __init__(self, worklist: Worklist, instead: bytes | None = None) -> None:
        self._worklist = worklist
        self._instead = instead

    def order(self, order_id: bytes) -> None:
        return None

    def delivery(self, order_id: bytes, leg: int) -> Delivery | None:
        return self._worklist.delivery(self._instead or order_id, leg)
