"""Attested answers beside claims: what a validator that recomputes one does about the other."""

from __future__ import annotations

import json
import logging
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from avow.prover.disputes.attested import AttestedAnswers
from avow.prover.disputes.journal import Watched
from avow.prover.disputes.plan import Plan
from avow.prover.disputes.programs import Programs, Vouched
from avow.prover.disputes.recheck import Stated
from avow.prover.enclave import contradiction
from avow.prover.nodes.claims import expected_statement
from avow.prover.nodes.fetch import FetchRules
from avow.prover.nodes.validator import Validator
from avow.prover.nodes.worklist import Delivery
from avow.prover.request import request_from
from avow.verifier.chain.attestation_records import StoredKey
from avow.verifier.chain.attested_keys import AttestedKeys, SignedAnswer
from avow.verifier.chain.claim_events import Claimed
from avow.verifier.chain.registration import Registry
from avow.verifier.commitment import commit_public
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.policy import Policy
from avow.verifier.tensor import Tensor
from avow.verifier.verdict import Assurance
from tests.circuits.sumcheck.small import inputs
from tests.integration.attested_town import (
    ADDRESS,
    OPTIMISTIC,
    TEE,
    AttestedTown,
    open_attested,
    wrong,
)
from tests.integration.court import (
    MODEL,
    SELECTOR,
    Court,
    Delivered,
    Values,
    deep,
    honest_values,
    lying_values,
    opened,
    outputs_of,
    refuter,
)
from tests.integration.town import CLAIMS, QUICK, STRANGER, UNIT, VALIDATOR, Town
from tests.integration.watching import Reaper, Watch, reaping

_APPROVE = keccak256(b"approve(address,uint256)")[:4]
ROW = 3
REWARD = 50 * UNIT
CLAIM, ATTESTED = 0, 1


class Beside(Watch):
    """A validator that watches claims and hears of attested answers."""

    def started(self) -> Validator:
        validator = super().started()
        watcher, town = validator.watcher, self.court.town
        assert watcher is not None
        validator.attested = watcher.attested = AttestedAnswers(
            watcher.market,
            AttestedKeys(town.chain, town.deployment, QUICK),
            self.account,
            validator.worklist,
            FetchRules(file_folder=town.config.bundles, seconds=5.0),
            town.config.home / "contradictions",
        )
        return validator


@dataclass
class Scene:
    """An order with a claimed leg and an attested one, both of the provider's."""

    world: AttestedTown
    court: Court
    watch: Beside
    order_id: bytes

    def claim(self, lie: Callable[[Sequence[Tensor], str], Values]) -> tuple[Delivered, Claimed]:
        """The provider's delivery and claim of a run; its tensors are shown."""
        given = inputs(row=ROW)
        values = lie(given, MODEL)
        outputs, town = outputs_of(values, MODEL), self.court.town
        order = town.reader.order(self.order_id)
        assert order is not None
        registry = Registry(town.chain, town.deployment, QUICK)
        statement, _ = expected_statement(
            town.reader, registry, order, SELECTOR, commit_public(outputs)
        )
        run = refuter(statement, values, MODEL)
        done = Delivered(MODEL, self.order_id, statement, given, outputs, run)
        self.world.show(self.order_id, CLAIM, done.bundle(1))
        return done, self.court.claim(done)

    def attest(self, outputs: Sequence[Tensor]) -> Path:
        """The provider's delivery of what its enclave's key signed."""
        return self.world.show(
            self.order_id, ATTESTED, self.world.signed(self.order_id, ROW, outputs)
        )

    @property
    def reward(self) -> int:
        """What the watching account can withdraw from the contract of keys."""
        return self.world.keys.credit(self.watch.account.address)

    def followed_up(self, validator: Validator) -> bool:
        """The claim is done with, and whatever it says about the attested answer was done."""
        return not self.watch.journal(validator).watched()

    def play(
        self,
        answer: Callable[[], bool] = lambda: False,
        begins: Callable[[], None] = lambda: None,
    ) -> Validator:
        """Until the validator has nothing more to do; one that is killed begins anew."""
        held: list[Validator] = []

        def start() -> Validator:
            begins()
            held[:] = [self.watch.started()]
            return held[0]

        return self.watch.play(lambda: self.followed_up(held[0]), answer, start)


def lazy_run(given: Sequence[Tensor], model: str) -> Values:
    """A run with a wrong activation that does not change its output."""
    right = honest_values(given, model)
    for tensor in range(1, len(right) - 1):
        for element in range(len(right[tensor])):
            values = lying_values(right, tensor, element, model)
            if outputs_of(values, model) == outputs_of(right, model):
                return values
    raise AssertionError("every activation matters")


@pytest.fixture
def scene(bare_town: Town) -> Scene:
    """Nothing is delivered yet."""
    world = open_attested(bare_town)
    court = opened(bare_town, MODEL)
    order_id = world.order(ROW, (OPTIMISTIC, TEE))
    return Scene(world, court, Beside(court), order_id)


def key_of(world: AttestedTown) -> StoredKey:
    """The enclave's, as it stands."""
    found = world.keys.key(ADDRESS)
    assert found is not None
    return found


def test_an_overturned_claim_of_the_same_lie_costs_the_key_its_stake_once(scene: Scene) -> None:
    delivered, claimed = scene.claim(deep)
    bundle = scene.attest(delivered.outputs)
    reaper = Reaper()

    def taken_away() -> None:
        # The liar does not serve for long what convicts it.
        if reaper.deaths:
            bundle.unlink(missing_ok=True)

    with reaping(reaper, STRANGER, ("decide",)):
        validator = scene.play(begins=taken_away)
    assert not bundle.is_file()
    # It commits to a refutation, refutes, has the claim's leg ended, contradicts, and has the
    # attested leg ended: killed before and after each.
    assert reaper.deaths["after broadcast"] >= 5 and reaper.deaths["before broadcast"] >= 5
    assert scene.court.claims.is_overturned(claimed.claim_id)
    assert key_of(scene.world).slashed
    assert scene.reward == REWARD
    legs = [scene.court.town.reader.leg(scene.order_id, at).state for at in (CLAIM, ATTESTED)]
    assert legs == [LegState.SLASHED, LegState.SLASHED]
    # It made no move twice.
    sent = scene.watch.sent()
    assert all(succeeded for _, succeeded in sent)
    calls = Counter(data for data, _ in sent if data[:4] != _APPROVE)
    assert max(calls.values()) == 1
    assert validator.attested is not None
    assert validator.attested.counts()["contradicted"] == 1


def test_a_contradiction_that_a_reorganisation_took_is_brought_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, snapshots = scene.court.town, []
    scene.watch.confirmations = 4
    delivered, _ = scene.claim(deep)
    scene.attest(delivered.outputs)
    contradict = contradiction.contradict_by_claim

    def noted(against: contradiction.Against, signed: SignedAnswer) -> None:
        snapshots.append(town.rpc("evm_snapshot"))
        contradict(against, signed)

    monkeypatch.setattr(contradiction, "contradict_by_claim", noted)
    validator = scene.watch.play(lambda: key_of(scene.world).slashed)
    assert town.rpc("evm_revert", snapshots[0])
    assert not key_of(scene.world).slashed
    scene.watch.play(lambda: scene.followed_up(validator), start=lambda: validator)
    assert key_of(scene.world).slashed and len(snapshots) == 2


def test_a_right_attested_answer_beside_a_lost_claim_is_left_alone(scene: Scene) -> None:
    delivered, claimed = scene.claim(lazy_run)
    assert delivered.outputs == outputs_of(honest_values(inputs(row=ROW)), MODEL)
    scene.attest(delivered.outputs)

    def silent() -> bool:
        challenge = scene.court.challenge_by(claimed, STRANGER.address)
        if challenge is not None and challenge.undecided and challenge.turn.is_providers:
            scene.court.town.pass_time(CLAIMS.clock + 1)
        return False

    validator = scene.play(silent)
    assert scene.court.claims.is_overturned(claimed.claim_id)
    assert not key_of(scene.world).slashed and scene.reward == 0
    assert validator.attested is not None and set(validator.attested.counts().values()) == {0}


def test_a_wrong_attested_answer_beside_a_right_claim_is_told_with_the_commands(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    delivered, _ = scene.claim(honest_values)
    scene.attest(wrong(delivered.outputs))
    with caplog.at_level(logging.WARNING, "avow.node"):
        validator = scene.watch.started()
        validator.step()
        scene.court.town.pass_time(CLAIMS.window + CLAIMS.margin + 1)
        for _ in range(4):
            validator.step()
    assert validator.attested is not None
    assert validator.attested.counts() == {"contradicted": 0, "needs_proof": 1, "lost": 0}
    assert scene.watch.sent() == []
    (line,) = [one.getMessage() for one in caplog.records if "avow attestation" in one.getMessage()]
    submit, made, contradict = line.split("is attested and wrong: ")[1].split("; ")
    # What it names is there, and is what the commands take.
    words = shlex.split(contradict)
    assert words[:3] == ["avow", "attestation", "contradict"] and words[4] == "--proof"
    signed = contradiction.signed_answer(Path(words[3]).read_bytes())
    assert contradiction.model_key_of(scene.court.town.reader, signed) == scene.world.model_key
    words = shlex.split(submit)
    asked = json.loads(Path(words[words.index("--input") + 1]).read_text())
    (number,) = request_from({"model": words[3], "inputs": asked}).inputs
    assert tuple(number.values) == delivered.given[0].values
    assert made.endswith(contradict.split("--proof ")[1])
    # After a restart it is not judged again, and nothing is told twice.
    assert not scene.watch.started().step()


def test_what_cannot_be_had_or_nobody_stakes_on_is_counted_and_not_kept(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivered, _ = scene.claim(honest_values)
    bundle = scene.attest(wrong(delivered.outputs))
    kept = scene.court.town.config.home / "contradictions"
    validator = scene.watch.started()
    with monkeypatch.context() as patch:
        # Anybody signs anything; only a registered key has something to lose.
        patch.setattr(AttestedKeys, "key", lambda keys, key: None)
        validator.step()
    assert not kept.exists()
    bundle.unlink()
    scene.court.town.pass_time(CLAIMS.window + CLAIMS.margin + 1)
    for _ in range(3):
        validator.step()
    assert validator.attested is not None
    assert validator.attested.counts() == {"contradicted": 0, "needs_proof": 0, "lost": 1}
    assert not kept.exists() and scene.watch.sent() == []


def test_slow_places_of_attested_answers_hold_up_no_dispute_and_no_wrong_claim(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, (_, right) = scene.order_id, scene.claim(honest_values)
    scene.order_id = scene.world.order(ROW, (OPTIMISTIC, TEE))
    _, lie = scene.claim(deep)
    validator = scene.watch.started()
    watcher = validator.watcher
    happened: list[str] = []
    assert watcher is not None and first != scene.order_id
    make = watcher._make

    def moves(plan: Plan) -> bool:
        happened.append("moves")
        return make(plan)

    def slow(claim: Watched, program: Vouched, stated: Stated) -> None:
        happened.append({right.claim_id: "right", lie.claim_id: "lie"}[claim.traced.statement])
        watcher._stepped -= 60

    monkeypatch.setattr(watcher, "_make", moves)
    monkeypatch.setattr(watcher, "_compare", slow)
    validator.step()
    assert happened[:4] == ["moves", "lie", "moves", "right"]


def test_a_liars_padding_is_not_kept_and_does_not_hide_the_lie(scene: Scene) -> None:
    delivered, _ = scene.claim(honest_values)
    signed = scene.world.signed(scene.order_id, ROW, wrong(delivered.outputs))
    padded = replace(signed, material={**signed.material, "padding": "x" * 2**21})
    served = scene.world.show(scene.order_id, ATTESTED, padded)
    scene.watch.started().step()
    kept = list((scene.court.town.config.home / "contradictions").iterdir())
    assert len(kept) == 2 and sum(path.stat().st_size for path in kept) < 2**20
    # What is kept is enough for whoever starts anew when the place serves nothing any more.
    served.unlink()
    validator = scene.watch.started()
    scene.court.town.pass_time(CLAIMS.window + CLAIMS.margin + 1)
    for _ in range(3):
        validator.step()
    assert validator.attested is not None
    assert validator.attested.counts()["needs_proof"] == 1


def test_a_claim_beside_attested_answers_ends_though_its_artifact_was_removed(
    scene: Scene,
) -> None:
    delivered, _ = scene.claim(honest_values)
    scene.attest(wrong(delivered.outputs))
    scene.watch.started().step()
    scene.court.town.pass_time(CLAIMS.window + CLAIMS.margin + 1)
    scene.watch.programs = Programs(list)
    validator = scene.watch.started()
    for _ in range(3):
        validator.step()
    assert scene.followed_up(validator)


class Convinced:
    """Evidence that nothing is held against; only the answer itself can be wrong."""

    def policy(self, base: Policy, data: bytes) -> Policy:
        return base

    def verdict(self, delivery: Delivery, data: bytes, policy: Policy) -> SimpleNamespace:
        return SimpleNamespace(srs_safe=None, assurance=Assurance.ATTESTED)

    def check(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("lie", "late", "state"),
    [
        (wrong, False, LegState.DELIVERED),
        (wrong, True, LegState.DELIVERED),
        (tuple, False, LegState.SETTLED),
    ],
)
def test_a_validator_settles_no_attested_leg_that_its_own_run_denies(
    scene: Scene,
    lie: Callable[[Sequence[Tensor]], tuple[Tensor, ...]],
    late: bool,
    state: LegState,
) -> None:
    scene.watch.account = VALIDATOR

    def started() -> Validator:
        validator = scene.watch.started()
        validator._evidence = validator._shared = Convinced()  # type: ignore[assignment]
        return validator

    delivered, _ = scene.claim(honest_values)
    validator = started()
    if late:
        # The claim is judged before there is anything beside it.
        validator.step()
    scene.attest(lie(delivered.outputs))
    for _ in range(3):
        validator.step()
        scene.court.town.mine()
    # Whoever starts anew knows it, too; even with no time left to wait for a claim.
    scene.court.town.pass_time(500)
    started().step()
    assert scene.court.town.reader.leg(scene.order_id, ATTESTED).state is state
