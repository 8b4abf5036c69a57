"""A picture of 3 x 224 x 224: too large to be shown, so ordered by its URI and its root."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from avow.api.bench.order import Desk
from avow.api.local.people import development_people
from avow.prover.bench import open_bench
from avow.prover.disputes.journal import Verdict
from avow.prover.errors import ConfigurationError
from avow.prover.nodes.claims import policy_for
from avow.prover.nodes.start import ProviderOptions, ValidatorOptions, open_provider, open_validator
from avow.prover.planting import start as planting_start
from avow.prover.planting.planter import Accounts
from avow.prover.planting.start import PlanterOptions, open_planter
from avow.prover.refutation import Place
from avow.verifier.bundle import parse_bundle
from avow.verifier.chain.claim_events import ChunkRevealed, TensorRevealed
from avow.verifier.chain.claim_records import ClaimState, commitment
from avow.verifier.chain.deployment import Placed
from avow.verifier.chain.errors import Reverted
from avow.verifier.commitment import Scheme, commit_public
from avow.verifier.lifecycle import LegState
from avow.verifier.tensor import Tensor
from avow.verifier.trace.inputs import commit_input
from avow.verifier.trace.refutation import Kind, refutes
from avow.verifier.verdict import Assurance
from avow.verifier.verify import verify
from tests.circuits.sumcheck.small import HOME, inputs
from tests.integration.court import SALT, Court, Values, honest_values, lying_values, made, opened
from tests.integration.picture_model import MODEL, picture
from tests.integration.test_claiming import Office, closed
from tests.integration.test_watch import guarded
from tests.integration.town import (
    OWNER,
    PROVIDER,
    REQUESTER,
    STRANGER,
    UNIT,
    VALIDATOR,
    Town,
    refusing,
)
from tests.integration.watching import Watch

ELEMENT = 100_000


@pytest.fixture
def court(bare_town: Town) -> Court:
    """The model is compiled and registered for claims."""
    picture()
    return opened(bare_town, MODEL)


@pytest.fixture
def office(court: Court) -> Iterator[Office]:
    """Both nodes, as the commands start them."""
    town = court.town
    config, folder = replace(town.config, allow_unsafe_srs=True), made(MODEL).artifact.folder
    shutil.copytree(folder, config.artifacts / folder.name)
    model = config.models / picture().digest.hex()
    model.mkdir(parents=True)
    (model / "model.onnx").write_bytes(picture().model().data)
    open_bench.cache_clear()
    offers = ProviderOptions(1, {}, 0, 60.0, None, input_files=config.bundles)
    duties = ValidatorOptions(0, True, 10.0, config.bundles)
    nodes = Office(
        court,
        open_bench(config, "test"),
        open_provider(config, town.market(), PROVIDER, offers),
        open_validator(config, town.market(), VALIDATOR, duties),
    )
    yield nodes
    closed(nodes)


def test_an_order_by_hand_commits_to_its_input_as_answers_do(court: Court) -> None:
    """`avow bench` serves its orders itself: no provider of this project is asked."""
    town, given = court.town, inputs(MODEL, 0)
    desk = Desk(
        town.market(), development_people(), court.registered.model_key, made(MODEL).artifact.record
    )
    order = desk.open(given)
    terms = town.market().order(order.order_id)
    assert terms is not None and terms.input == commit_input(given)
    assert terms.input.scheme is Scheme.PUBLIC_TREE
    statement = desk.statement(order, commit_public(given))
    assert statement.input == commit_input(given)


def test_a_planter_refuses_pictures_before_it_plants_anything(
    court: Court, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it could be exposed: `Watch` takes no plant whose input is not in the order."""
    world, market = guarded(court), court.town.market()
    (tmp_path / "models").symlink_to(HOME / "models")
    (tmp_path / "artifacts").symlink_to(HOME / "claimed")
    contracts = (*market.deployment.contracts, ("watch", Placed(world.watch.address, bytes(32))))
    market.deployment = replace(market.deployment, contracts=contracts)
    monkeypatch.setattr(planting_start, "Watch", lambda chain, deployment: world.watch)
    rows = picture().held_out_path
    assert rows is not None
    options = PlanterOptions(court.registered.model_key, rows, 2_500, UNIT, UNIT, 0, None)
    before = court.town.chain.head().number
    with refusing(ConfigurationError, "has 150528 bytes of input", "at most 24576 bytes"):
        open_planter(
            replace(court.town.config, home=tmp_path),
            market,
            OWNER,
            Accounts(REQUESTER, PROVIDER),
            options,
        )
    assert court.town.chain.head().number == before


def another_picture(given: Sequence[Tensor], model: str) -> Values:
    """The right run of a picture that differs in one byte."""
    return lying_values(honest_values(given, model), 0, ELEMENT, model)


@pytest.mark.timeout(180)
def test_an_answer_about_a_picture_is_claimed_verified_and_paid(office: Office) -> None:
    court, town = office.court, office.court.town
    before = town.holdings(PROVIDER.address)
    order_id, given = court.request()
    terms = town.market().order(order_id)
    assert terms is not None and terms.input.scheme is Scheme.PUBLIC_TREE
    claimed = office.claimed(order_id)
    assert claimed.traced.input == terms.input.value
    (kept,) = town.config.bundles.glob("*.avow.json")
    bundle = parse_bundle(kept.read_bytes())
    assert bundle.statement.input == terms.input
    policy = replace(policy_for(bundle.statement, False), minimum_assurance=Assurance.CHALLENGEABLE)
    verdict = verify(kept.read_bytes(), policy, claimed.window_end - 1)
    assert verdict.assurance is Assurance.CHALLENGEABLE

    # Its root and an element beside show nothing wrong.
    own = court.own(claimed, given)
    assert own.run.root == claimed.traced.trace
    vain = own.run.refute(Place(Kind.INPUT, 0, ELEMENT), given, Scheme.PUBLIC_TREE)
    assert not refutes(claimed.traced, vain)
    noted = commitment(STRANGER.address, claimed.claim_id, vain, SALT)
    court.claims.commit(STRANGER, noted)
    town.mine()
    with refusing(Reverted, "NotRefuted"):
        court.claims.refute(STRANGER, claimed.traced, vain, SALT)
    for _ in range(3):
        office.validator.step()
        office.provider.step()
    watcher = office.validator.watcher
    assert watcher is not None
    watched = watcher.journal.of_leg(order_id, 0)
    assert watched is not None and watched.verdict is Verdict.AGREES
    office.pass_window(claimed)
    for _ in range(6):
        office.validator.step()
        office.provider.step()
    assert office.settled(claimed)
    assert town.holdings(PROVIDER.address)[PROVIDER.address] > before[PROVIDER.address]


@pytest.mark.timeout(180)
def test_who_traced_another_picture_and_shows_it_is_overturned_at_once(court: Court) -> None:
    town, claims = court.town, court.claims
    delivered = court.deliver(another_picture)
    claimed = court.claim(delivered)
    attack = court.attack(claimed, delivered, STRANGER, shown=True)
    refutation = attack.refutation(court.view(claimed))
    assert refutation is not None and refutation[0] == Kind.INPUT_BY_ROOT
    # The root, and its way to the trace's: the picture alone has 150,528 bytes.
    assert len(refutation) < 600
    noted = attack.commitment(court.view(claimed))
    assert noted is not None
    claims.commit(STRANGER, noted)
    town.mine()
    receipt = claims.refute(STRANGER, claimed.traced, refutation, SALT)
    assert claims.is_overturned(claimed.claim_id)
    assert receipt.gas_used < 150_000, receipt.gas_used
    print(f"a picture by its root, {len(refutation)} bytes: gas {receipt.gas_used}")
    town.market().refute(STRANGER, delivered.order_id, 0)
    assert town.state(delivered.order_id) is LegState.SLASHED
    assert not any(isinstance(event, TensorRevealed | ChunkRevealed) for event in court.events())


@pytest.mark.timeout(180)
def test_who_hides_that_it_traced_another_picture_is_overturned_in_the_game(court: Court) -> None:
    """The validator has the picture from where the order says; nothing was published beside."""
    watch = Watch(court)
    delivered = court.deliver(another_picture)
    claimed = court.claim(delivered)

    def done() -> bool:
        return court.town.state(delivered.order_id) is LegState.SLASHED

    validator = watch.play(done, lambda: watch.answer(claimed, delivered))
    assert watch.found(validator, claimed).verdict is Verdict.WRONG
    stored = court.claims.stored(claimed.claim_id)
    assert stored is not None and stored.state is ClaimState.OVERTURNED
    events = court.events()
    # The game ends at the input's root: no chunk of it is asked for.
    assert any(isinstance(event, TensorRevealed) for event in events)
    assert not any(isinstance(event, ChunkRevealed) for event in events)
    validator.close()
