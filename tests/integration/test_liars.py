"""Whoever lies to a node gets nothing for it, and stops nobody."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.abi import function_signature_to_4byte_selector
from sqlalchemy import select

from avow.prover.nodes.tables import NodeDeliveryRow
from avow.prover.nodes.worklist import Status
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.chain.client import checksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.market import Market
from avow.verifier.chain.orders import selector_of
from avow.verifier.chain.transactions import Call, send
from avow.verifier.commitment import Commitment, Scheme, commit_public
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.systems.ezkl.material import Proof, parse_proof
from avow.verifier.tensor import ElementType, Tensor
from tests.integration.mock_ezkl import SYSTEM, fake_proof, instances
from tests.integration.town import (
    PRICE,
    PROVIDER,
    QUICK,
    REQUESTER,
    STRANGER,
    UNIT,
    Town,
    refusing,
    run_to_end,
)

SELECTOR = selector_of(SYSTEM)


def proven(town: Town) -> tuple[bytes, Bundle, bytes]:
    """A locked order whose honest bundle is made but not delivered: id, bundle, file's bytes."""
    order_id = town.order()
    provider = town.provider()
    provider.step()
    town.work()
    queue = town.queue()
    data = queue.bundle(queue.jobs()[0].id)
    return order_id, parse_bundle(data), data


def deliver(town: Town, order_id: bytes, data: bytes, output: Commitment) -> Path:
    """Delivers bytes under their own digest, as a lying provider would."""
    town.config.bundles.mkdir(parents=True, exist_ok=True)
    file = town.config.bundles / "lie.avow.json"
    file.write_bytes(data)
    market = town.market()
    market.deliver(PROVIDER, order_id, 0, SELECTOR, output, keccak256(data), file.as_uri())
    return file


def refused_by_the_validator(town: Town, order_id: bytes) -> str:
    """Lets the validator look as often as it wants; why it refuses. The liar is slashed later."""
    validator = town.validator()
    for _ in range(5):
        validator.step()
        town.skew += 100_000
    assert town.state(order_id) is LegState.DELIVERED
    delivery = validator.worklist.delivery(order_id, 0)
    assert delivery is not None
    town.pass_time(3_601)
    town.skew += 100_000
    validator.step()
    assert town.state(order_id) is LegState.SLASHED
    return delivery.refused


def wrong_output(bundle: Bundle) -> Bundle:
    """Another output; statement and public values adjusted, the proof left as it is."""
    outputs = (Tensor(ElementType.INT32, (2,), (9, 9)),)
    statement = replace(bundle.statement, output=commit_public(outputs))
    proof = parse_proof(bundle.proof)
    instances = (*proof.instances[:-2], 9, 9)
    return replace(
        bundle,
        outputs=outputs,
        statement=statement,
        proof=Proof(instances, proof.data).to_json(),
    )


def wrong_proof(bundle: Bundle) -> Bundle:
    """One bit of the proof changed."""
    proof = parse_proof(bundle.proof)
    data = bytes([proof.data[0] ^ 1]) + proof.data[1:]
    return replace(bundle, proof=Proof(proof.instances, data).to_json())


def rebound(bundle: Bundle, **changes: bytes) -> Bundle:
    """A sound proof of another statement: what a copier of answers would deliver."""
    statement = replace(bundle.statement, **changes)
    assert bundle.inputs is not None
    root = bundle.path.root(statement.digest())
    values = instances(root, bundle.inputs, bundle.outputs)
    proof = Proof(values, fake_proof(values)).to_json()
    return replace(bundle, statement=statement, proof=proof)


def other_order(bundle: Bundle) -> Bundle:
    """The statement of another order, soundly proven."""
    return rebound(bundle, order=keccak256(b"other"))


def other_provider(bundle: Bundle) -> Bundle:
    """Somebody else's statement, soundly proven."""
    return rebound(bundle, provider=STRANGER.address)


def other_record(bundle: Bundle) -> Bundle:
    """A system record that nobody registered."""
    return replace(bundle, system=replace(bundle.system, constraints=2))


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (wrong_output, "public values"),
        (wrong_proof, "refuses the proof"),
        (other_order, "policy asks for another order"),
        (other_provider, "policy asks for another provider"),
        (other_record, "system record"),
    ],
)
def test_a_lying_bundle_is_refused_and_costs_the_bond(
    town: Town, lie: Callable[[Bundle], Bundle], reason: str
) -> None:
    order_id, bundle, _ = proven(town)
    lying = lie(bundle)
    deliver(town, order_id, lying.encode(), lying.statement.output)
    assert reason in refused_by_the_validator(town, order_id)


def test_an_output_that_the_bundle_does_not_have(town: Town) -> None:
    order_id, _, data = proven(town)
    other = commit_public([Tensor(ElementType.INT32, (2,), (9, 9))])
    deliver(town, order_id, data, other)
    assert "output" in refused_by_the_validator(town, order_id)


def test_garbage_in_place_of_a_bundle(town: Town) -> None:
    order_id, bundle, _ = proven(town)
    deliver(town, order_id, b"{}", bundle.statement.output)
    assert "lacks" in refused_by_the_validator(town, order_id)


def test_a_file_changed_after_delivery_is_waited_for(town: Town) -> None:
    order_id, bundle, data = proven(town)
    file = deliver(town, order_id, data, bundle.statement.output)
    file.write_bytes(data[:-1])
    validator = town.validator()
    validator.step()
    seen = validator.worklist.order(order_id)
    assert seen is not None and "not those that were delivered" in seen.reason
    file.write_bytes(data)
    town.skew += 100_000
    validator.step()
    assert town.state(order_id) is LegState.SETTLED


def test_a_bundle_outside_the_allowed_folder_is_not_read(town: Town, tmp_path: Path) -> None:
    order_id, bundle, data = proven(town)
    secret = tmp_path / "secret"
    secret.write_bytes(data)
    market = town.market()
    output = bundle.statement.output
    market.deliver(PROVIDER, order_id, 0, SELECTOR, output, keccak256(data), secret.as_uri())
    assert "outside the allowed folder" in refused_by_the_validator(town, order_id)


@pytest.mark.parametrize(
    "address", ["", "\x00", "http://\x00/", "caf\u00e9 \U0001f600\r\n", "x" * 1_024]
)
def test_an_address_of_strange_text_stops_nobody(town: Town, address: str) -> None:
    order_id, bundle, data = proven(town)
    market, output = town.market(), bundle.statement.output
    market.deliver(PROVIDER, order_id, 0, SELECTOR, output, keccak256(data), address)
    validator = town.validator()
    validator.step()
    delivery = validator.worklist.delivery(order_id, 0)
    assert delivery is not None and delivery.bundle_uri == address
    seen = validator.worklist.order(order_id)
    assert seen is not None and "bundle: " in (delivery.refused or seen.reason)
    with town.database().read() as session:
        row = session.scalars(select(NodeDeliveryRow)).one()
        # A database that refuses a character must not be able to stop the reading.
        assert (row.bundle_uri + row.refused + seen.reason).isprintable()


def test_a_model_registered_by_a_stranger_with_another_verifier(town: Town) -> None:
    market = town.market()
    registry = Contract(town.chain, "ModelRegistry", town.deployment.registry)
    model, record = town.compiled.model, town.compiled.record
    own = (model.digest(), checksum(bytes(20)), 0, [(2, [4])], "")
    send(town.chain, STRANGER, registry.call("registerModel", own), QUICK)
    key = bytes(registry.read("modelKeyOf", checksum(STRANGER.address), model.digest()))
    honest = registry.read("systemOf", town.registered.model_key, SELECTOR)
    refuser = town.deployment.placed("token")
    system = (
        SYSTEM,
        record.digest(),
        record.program,
        record.key,
        checksum(refuser.address),
        refuser.code_hash,
        1,
        [(3, [2])],
        bytes(honest.proofLayout),
        "",
    )
    send(town.chain, STRANGER, registry.call("addSystem", key, system), QUICK)
    terms = town.terms(model_key=key)
    order_id, _ = market.request(REQUESTER, terms)
    provider = town.provider()
    provider.step()
    seen = provider.worklist.order(order_id)
    assert seen is not None and seen.status is Status.IGNORED
    assert "another verifier code is registered" in seen.reason
    assert town.state(order_id) is LegState.OPEN


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"values": (1, 2, 3, 321)}, Status.IGNORED, "must lie in [-320, 320], got 321"),
        ({"price": 4}, Status.IGNORED, "it pays 4, the least is 5"),
        ({"lock_seconds": 20, "seconds": 25}, Status.ACTIVE, "its deadline leaves"),
        ({"bond": 20_000 * UNIT}, Status.ACTIVE, "its bond is"),
    ],
)
def test_orders_that_do_not_pay_are_left_alone(
    town: Town, changes: dict[str, Any], status: Status, reason: str
) -> None:
    bad = town.order(**changes)
    provider = town.provider(least_price=5)
    provider.step()
    provider.step()
    seen = provider.worklist.order(bad)
    assert seen is not None and (seen.status, town.state(bad)) == (status, LegState.OPEN)
    assert reason in seen.reason
    good = town.order()
    assert run_to_end(town, [provider, town.validator()], good) is LegState.SETTLED


def test_an_input_by_address_is_left_alone(town: Town) -> None:
    terms = town.terms(input_data=b"", input_uri="https://example.org/input")
    order_id, _ = town.market().request(REQUESTER, terms)
    provider = town.provider()
    provider.step()
    seen = provider.worklist.order(order_id)
    assert seen is not None and seen.reason == "its input is not inline"


def test_an_event_that_cannot_be_decoded_stops_nobody(town: Town) -> None:
    """Text in an event need not be UTF-8; whoever reads the market must live with that."""
    market = town.market()
    _request_with_uri(town, market, b"\xff\xfe\xfd")
    good = town.order()
    nodes = [town.provider(), town.validator()]
    assert run_to_end(town, nodes, good) is LegState.SETTLED


def _request_with_uri(town: Town, market: Market, uri: bytes) -> None:
    terms = town.terms()
    request = (
        "(bytes32,(uint16,bytes32),bytes,%s,(bytes16,uint64,uint16)[],"
        "uint128,uint128,uint64,(address,uint32))"
    )
    values = list(terms.encode())
    values[2], values[3] = b"", uri
    selector = function_signature_to_4byte_selector(f"request({request % 'string'})")
    approve = market.token.call("approve", checksum(market.contract.address), PRICE)
    send(town.chain, STRANGER, approve, QUICK)
    data = selector + encode([request % "bytes"], [tuple(values)])
    receipt = send(town.chain, STRANGER, Call("request", market.contract.address, data), QUICK)
    assert len(receipt.logs) >= 1


def test_a_salted_input_cannot_be_ordered_where_the_model_takes_it_public(town: Town) -> None:
    terms = town.terms(input=Commitment(Scheme.SALTED, keccak256(b"salted")))
    with refusing(Reverted, "InputSchemeDiffers"):
        town.market().request(REQUESTER, terms)
