"""Which orders are worth a bond: decided from the order alone, before any money moves."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avow.prover.catalogue import Compiled
from avow.prover.nodes.offers import Declined, Pricing, check_price, check_time, plan, read_input
from avow.prover.nodes.terms import read_terms, same_terms, terms_digest, terms_text
from avow.verifier.chain.orders import CallbackState, Leg, LegTerms, Order, OrderTerms, selector_of
from avow.verifier.commitment import Commitment, Scheme, commit_public, commit_salted
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.records import InputVisibility, ModelRecord, OutputShape, SrsClaim
from avow.verifier.srs import KNOWN_CEREMONIES
from avow.verifier.systems.optimistic.claim import SYSTEM_ID as OPTIMISTIC
from avow.verifier.tensor import ElementType, Tensor, TensorSpec
from tests.prover.tiny import MODEL, RECORD

COMPILED = Compiled(Path("/nowhere"), Path("/nowhere/model.onnx"), MODEL, RECORD)
X = Tensor(ElementType.INT16, (4,), (1, -2, 3, 320))
CEREMONY = bytes.fromhex(next(iter(KNOWN_CEREMONIES))[2:])
SELECTOR = selector_of(RECORD.system)


def terms(**changes: Any) -> OrderTerms:
    """Terms that can be served, with changes."""
    good = OrderTerms(
        model_key=keccak256(b"model key"),
        input=commit_public([X]),
        input_data=X.data(),
        input_uri="",
        legs=(LegTerms(SELECTOR, 2_000, 10_000),),
        price=100,
        bond=10,
        lock_deadline=1_000,
    )
    return replace(good, **changes)


def declined(order: OrderTerms, model: ModelRecord = MODEL) -> str:
    """Why an order's input is not taken."""
    with pytest.raises(Declined) as caught:
        read_input(order, model)
    assert caught.value.final
    return str(caught.value)


def test_a_good_order_is_planned() -> None:
    planned = plan(terms(), MODEL.digest(), [COMPILED])
    assert planned.legs == (COMPILED,)
    assert planned.inputs == (X,)


def test_several_inputs_are_read_one_after_another() -> None:
    y = Tensor(ElementType.INT8, (2,), (-128, 127))
    spec = TensorSpec("y", ElementType.INT8, (2,), 0, -128, 127)
    model = replace(MODEL, inputs=(*MODEL.inputs, spec))
    order = terms(input=commit_public([X, y]), input_data=X.data() + y.data())
    assert read_input(order, model) == (X, y)
    swapped = terms(input=commit_public([X, y]), input_data=y.data() + X.data())
    assert "malformed" in declined(swapped, model) or "commits to" in declined(swapped, model)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"input_data": X.data()[:-1]}, "malformed"),
        ({"input_data": X.data() + b"\0"}, "has 9 bytes, the model takes 8"),
        ({"input_data": b""}, "not inline"),
        ({"input_uri": "https://example.org"}, "not inline"),
        ({"input_data": b"\x7f\xff" * 4}, "must lie in"),
        ({"input": Commitment(Scheme.PUBLIC, bytes(32))}, "not the one that it commits to"),
        ({"input": commit_salted([X], bytes(32))}, "public digest"),
    ],
)
def test_a_malformed_input_is_declined(changes: dict[str, Any], reason: str) -> None:
    assert reason in declined(terms(**changes))


def test_only_what_is_compiled_here_is_planned() -> None:
    digest = MODEL.digest()
    other = terms(legs=(LegTerms(b"\x01\x02\x03\x04", 2_000, 10_000),))
    hidden = replace(COMPILED, record=replace(RECORD, input_visibility=InputVisibility.HASHED))
    for order, known, catalogue, reason in (
        (terms(), None, [COMPILED], "not registered"),
        (terms(), keccak256(b"other"), [COMPILED], "not one of this provider's"),
        (terms(), digest, [], "not one of this provider's"),
        (other, digest, [COMPILED], "not compiled here for the system 0x01020304"),
        (terms(), digest, [hidden], "hidden"),
    ):
        with pytest.raises(Declined, match=reason):
            plan(order, known, catalogue)


@pytest.mark.parametrize(
    ("claim", "safe"),
    [
        (None, True),
        (SrsClaim(CEREMONY, True), True),
        (SrsClaim(CEREMONY, False), False),
        (SrsClaim(keccak256(b"made here"), False), False),
        (SrsClaim(keccak256(b"made here, called safe"), True), False),
    ],
)
def test_a_proof_under_an_unsafe_srs_is_not_promised(claim: SrsClaim | None, safe: bool) -> None:
    compiled = replace(COMPILED, record=replace(RECORD, srs=claim))
    assert plan(terms(), MODEL.digest(), [compiled], allow_unsafe_srs=True).legs == (compiled,)
    if safe:
        assert plan(terms(), MODEL.digest(), [compiled]).legs == (compiled,)
    else:
        with pytest.raises(Declined, match="unsafe SRS"):
            plan(terms(), MODEL.digest(), [compiled])


def test_an_answer_that_would_have_to_be_claimed_is_not_promised() -> None:
    compiled = replace(COMPILED, record=replace(RECORD, system=OPTIMISTIC))
    order = terms(legs=(LegTerms(selector_of(OPTIMISTIC), 2_000, 10_000),))
    with pytest.raises(Declined, match="must be claimed on chain"):
        plan(order, MODEL.digest(), [compiled])


@pytest.mark.parametrize(("price", "taken"), [(0, False), (69, False), (70, True), (71, True)])
def test_the_least_price_of_the_model_counts(price: int, taken: bool) -> None:
    planned = plan(terms(), MODEL.digest(), [COMPILED])
    pricing = Pricing(1_000, {MODEL.name: 70})
    if taken:
        check_price(terms(price=price), planned, pricing)
    else:
        with pytest.raises(Declined, match=f"it pays {price}, the least is 70"):
            check_price(terms(price=price), planned, pricing)


def test_time_must_suffice() -> None:
    check_time(terms(), 100.0, 999)
    with pytest.raises(Declined, match="time to lock") as late:
        check_time(terms(), 100.0, 1_000)
    assert late.value.final
    with pytest.raises(Declined, match="leaves 1001 s, about 1002 s are needed") as slow:
        check_time(terms(), 1_001.5, 999)
    assert not slow.value.final


def test_terms_survive_the_database() -> None:
    strange = terms(input_uri="caf\u00e9 \udcff\x00", callback=bytes(range(20)), callback_gas=5)
    for order in (terms(), strange, terms(price=2**128 - 1, lock_deadline=2**64 - 1)):
        assert read_terms(terms_text(order)) == order
        assert terms_text(order).isascii()
    assert terms_digest(terms()) != terms_digest(terms(price=101))


def stored(order: OrderTerms) -> tuple[Order, list[Leg]]:
    """What the market holds for these terms."""
    legs = [
        Leg(leg.selector, leg.deadline, 0, leg.share_bps, LegState.OPEN, CallbackState.NONE, None)
        for leg in order.legs
    ]
    kept = Order(
        order_id=bytes(32),
        requester=bytes(20),
        nonce=3,
        provider=bytes(20),
        validator=bytes(20),
        model_key=order.model_key,
        input=order.input,
        lock_deadline=order.lock_deadline,
        locked_at=0,
        grace_period=60,
        settlement_window=600,
        price=order.price,
        bond=order.bond,
        leg_count=len(legs),
    )
    return kept, legs


@pytest.mark.parametrize(
    "changes",
    [
        {"model_key": bytes(32)},
        {"input": Commitment(Scheme.PUBLIC, bytes(32))},
        {"price": 99},
        {"bond": 11},
        {"lock_deadline": 999},
        {"legs": (LegTerms(SELECTOR, 2_001, 10_000),)},
        {"legs": (LegTerms(SELECTOR, 2_000, 9_999),)},
    ],
)
def test_other_terms_under_the_same_id_are_noticed(changes: dict[str, Any]) -> None:
    kept, legs = stored(terms())
    assert same_terms(terms(), 3, kept, legs)
    assert not same_terms(terms(), 4, kept, legs)
    assert not same_terms(terms(**changes), 3, kept, legs)


def test_the_records_of_these_tests_fit_each_other() -> None:
    assert RECORD.model == MODEL.digest()
    assert MODEL.outputs == (OutputShape("y", (1,)),)
