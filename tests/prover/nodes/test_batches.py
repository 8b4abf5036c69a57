"""Legs of one proof wait for one another, but not for long, and never hold each other up."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from eth_abi.abi import decode

from avow.prover.nodes.batches import (
    CALLBACK_GAS,
    MOST_ITEMS,
    PATIENCE_SECONDS,
    Batches,
    Gathered,
    _portions,
    calldata_bytes,
)
from avow.verifier.bundle import Bundle
from avow.verifier.chain.abi import interface
from avow.verifier.chain.errors import ChainError
from avow.verifier.chain.orders import NOBODY, Order, selector_of
from avow.verifier.chain.seals import batch_of, batch_seal, seal
from avow.verifier.commitment import commit_public
from avow.verifier.fields import to_base64, to_hex
from avow.verifier.merkle import build
from avow.verifier.trace.layout import MOST_OCTETS
from tests.verifier import examples

SYSTEM = "sumcheck/v1"
FAR = 1e9


def bundles(count: int, proof: bytes = b"a proof") -> list[Bundle]:
    """Bundles of one proof; each has its own opening."""
    plain = examples.bundle()
    statements = [replace(plain.statement, system=SYSTEM, nonce=at + 1) for at in range(count)]
    _, paths = build([statement.digest() for statement in statements])
    made = []
    for at, (statement, path) in enumerate(zip(statements, paths, strict=True)):
        value = {"format": "avow-sumcheck-proof/1", "batch": count, "data": to_base64(proof)}
        if count > 1:
            value["opening"] = to_hex(bytes([at]) * 64)
        made.append(replace(plain, statement=statement, path=path, proof=value))
    return made


def order(number: int, callback_gas: int = 0) -> Order:
    """A stored order."""
    inputs = examples.bundle().inputs
    assert inputs is not None
    return Order(
        order_id=number.to_bytes(32, "big"),
        requester=NOBODY,
        nonce=1,
        provider=NOBODY,
        validator=NOBODY,
        model_key=bytes(32),
        input=commit_public(inputs),
        lock_deadline=0,
        locked_at=0,
        grace_period=0,
        settlement_window=0,
        price=1,
        bond=0,
        leg_count=1,
        callback_gas=callback_gas,
    )


def filled(found: list[Bundle], gas: int = 0, now: float = 0.0) -> Batches:
    """Every bundle added at `now`, each for an order of its own."""
    batches = Batches()
    for at, bundle in enumerate(found):
        batches.add(order(at, gas), 0, bundle, now, FAR)
    return batches


def numbers(found: Iterator[Gathered]) -> list[list[int]]:
    """Which orders settle together."""
    return [[int.from_bytes(item.order_id, "big") for item in one.items] for one in found]


def test_a_whole_batch_is_due_at_once() -> None:
    found = bundles(4)
    batches = filled(found)
    (gathered,) = batches.due(0.0)
    assert [item.path for item in gathered.items] == [bundle.path for bundle in found]
    assert gathered.root == found[0].path.root(found[0].statement.digest())
    assert not batches.holds(order(0).order_id)


def test_a_part_of_a_batch_waits_a_little() -> None:
    batches = filled(bundles(4)[:2], now=100.0)
    assert batches.holds(order(0).order_id, 0)
    assert not batches.holds(order(0).order_id, 1)
    assert numbers(batches.due(100.0 + PATIENCE_SECONDS / 2)) == []
    batches.add(order(2), 0, bundles(4)[2], 100.0 + PATIENCE_SECONDS / 2, FAR)
    assert numbers(batches.due(100.0 + PATIENCE_SECONDS)) == [], "the newest counts"
    assert numbers(batches.due(100.0 + 2 * PATIENCE_SECONDS)) == [[0, 1, 2]]


def test_nobody_waits_beyond_its_deadline() -> None:
    batches = Batches()
    batches.add(order(0), 0, bundles(4)[0], 100.0, FAR)
    batches.add(order(1), 0, bundles(4)[1], 100.0, 101.0)
    assert numbers(batches.due(100.5)) == []
    assert numbers(batches.due(101.0)) == [[0, 1]]


def test_other_proofs_settle_apart() -> None:
    batches = filled(bundles(2))
    batches.add(order(7), 0, bundles(2, b"another proof")[0], 0.0, FAR)
    assert numbers(batches.due(0.0)) == [[0, 1]]
    assert numbers(batches.due(PATIENCE_SECONDS)) == [[7]]


def test_legs_that_were_refused_together_settle_one_by_one() -> None:
    found = bundles(3)
    batches = filled(found)
    (gathered,) = batches.due(0.0)
    batches.separate(gathered)
    for at, bundle in enumerate(found):
        batches.add(order(at), 0, bundle, 0.0, FAR)
    assert numbers(batches.due(0.0)) == [[0], [1], [2]]


@pytest.mark.parametrize(
    ("count", "gas", "portions"),
    [
        (MOST_ITEMS + 1, 0, [MOST_ITEMS, 1]),
        (3, CALLBACK_GAS // 2, [2, 1]),
        (2, CALLBACK_GAS + 1, [1, 1]),
    ],
)
def test_a_transaction_takes_what_it_has_room_for(
    count: int, gas: int, portions: list[int]
) -> None:
    found = numbers(filled(bundles(count), gas).due(0.0))
    assert [len(one) for one in found] == portions
    assert sorted(number for one in found for number in one) == list(range(count))


def test_nodes_pass_on_what_a_batch_sends() -> None:
    """Sixty-four answers about pictures of 28 x 28 pixels are more than 128 KiB."""
    settle = interface("Market").function("settleBatch")
    plain = filled(bundles(MOST_ITEMS))
    (small,) = plain.due(0.0)
    large = [replace(item, output=bytes(1_001), part=bytes(2_000)) for item in small.items]
    sent = settle.encode([bytes(32), bytes(32), [item.encode() for item in large], bytes(5_000)])
    assert calldata_bytes(large, 5_000) == len(sent) > MOST_OCTETS

    portions = list(_portions(large, 5_000))
    assert [item for one in portions for item in one] == large
    assert len(portions) == 2
    for one in portions:
        assert calldata_bytes(one, 5_000) <= MOST_OCTETS
    assert calldata_bytes([*portions[0], portions[1][0]], 5_000) > MOST_OCTETS
    # What fits nowhere is tried alone, and what the chain says of it is told.
    assert [len(one) for one in _portions([replace(large[0], part=bytes(2**17))], 0)] == [1]


def test_the_seal_of_a_batch_is_in_two_parts() -> None:
    one, other = bundles(2)
    assert batch_of(one) == 2
    mine, foreign = batch_seal(one), batch_seal(other)
    assert mine.shared == foreign.shared
    assert mine.shared[:4] == selector_of(SYSTEM)
    assert decode(["uint32", "bytes"], mine.shared[4:]) == (2, b"a proof")
    assert one.inputs is not None
    inputs, outputs = one.inputs[0].data(), one.outputs[0].data()
    assert decode(["bytes", "bytes", "bytes"], mine.part) == (inputs, outputs, bytes(64))
    assert decode(["bytes", "bytes", "bytes"], foreign.part)[2] == b"\x01" * 64
    with pytest.raises(ChainError, match="settle as a batch"):
        seal(one)


def test_the_seal_of_one_statement_holds_tensors_and_proof() -> None:
    (alone,) = bundles(1)
    made = seal(alone)
    assert alone.inputs is not None
    expected = (alone.inputs[0].data(), alone.outputs[0].data(), b"a proof")
    assert made[:4] == selector_of(SYSTEM)
    assert decode(["bytes", "bytes", "bytes"], made[4:]) == expected


def test_a_system_without_batches_has_no_such_seal() -> None:
    with pytest.raises(ChainError, match="has none"):
        batch_seal(examples.bundle())
    assert batch_of(examples.bundle()) == 1
