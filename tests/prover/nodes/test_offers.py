"""Which orders are worth a bond: decided from the order alone, before any money moves."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avow.prover.catalogue import Compiled
from avow.prover.nodes.offers import (
    LARGEST_DELIVERED,
    LARGEST_INLINE,
    Declined,
    Pricing,
    check_deadline,
    check_price,
    choose,
    input_bytes,
    offer,
    read_input,
)
from avow.prover.nodes.terms import read_terms, same_terms, terms_digest, terms_text
from avow.verifier.chain.orders import CallbackState, Leg, LegTerms, Order, OrderTerms, selector_of
from avow.verifier.commitment import Commitment, Scheme, commit_public, commit_salted
from avow.verifier.keccak import keccak256
from avow.verifier.lifecycle import LegState
from avow.verifier.limits import LIMITS
from avow.verifier.records import InputVisibility, ModelRecord, OutputShape, SrsClaim
from avow.verifier.srs import KNOWN_CEREMONIES
from avow.verifier.systems.optimistic.claim import SYSTEM_ID as OPTIMISTIC
from avow.verifier.tensor import ElementType, Tensor, TensorSpec
from avow.verifier.trace.inputs import commit_tree
from tests.prover.tiny import MODEL, RECORD

ORDER_TERMS = Path(__file__).resolve().parents[3] / "contracts/src/market/OrderTerms.sol"
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


def declined(order: OrderTerms, model: ModelRecord = MODEL, data: bytes | None = None) -> str:
    """Why an order's input is not taken, which is `data` or stands in the order."""
    compiled = replace(COMPILED, model=model)
    with pytest.raises(Declined) as caught:
        offer(order, model.digest(), [compiled], fetches=data is not None)
        read_input(order, model, order.input_data if data is None else data)
    assert caught.value.final
    return str(caught.value)


def test_a_good_order_is_planned() -> None:
    planned = offer(terms(), MODEL.digest(), [COMPILED])
    assert planned.legs == ((COMPILED,),)
    assert planned.model == MODEL
    assert read_input(terms(), MODEL, X.data()) == (X,)


LARGE = TensorSpec("x", ElementType.INT8, (1, 3, 224, 224), 0, -100, 100)
PICTURE = Tensor(ElementType.INT8, LARGE.shape, tuple(at % 201 - 100 for at in range(150_528)))
FLAT = commit_public([PICTURE])
ROOTED = replace(MODEL, inputs=(LARGE,))


def by_uri(**changes: Any) -> OrderTerms:
    """Terms of an order about a picture, which are not inline."""
    asked = terms(input=commit_tree([PICTURE]), input_data=b"", input_uri="https://example.org/x")
    return replace(asked, **changes)


def test_an_input_at_an_address_is_compared() -> None:
    rooted = replace(COMPILED, model=ROOTED)
    assert offer(by_uri(), ROOTED.digest(), [rooted], fetches=True).model == ROOTED
    assert read_input(by_uri(), ROOTED, PICTURE.data()) == (PICTURE,)
    small = terms(input_data=b"", input_uri="https://example.org/x")
    assert offer(small, MODEL.digest(), [COMPILED], fetches=True).model == MODEL
    assert read_input(small, MODEL, X.data()) == (X,)


@pytest.mark.parametrize(
    ("order", "data", "reason"),
    [
        (by_uri(), PICTURE.data()[:-1] + b"\0", "not the one that it commits to"),
        (by_uri(), PICTURE.data()[:-1], "has 150527 bytes, the model takes 150528"),
        (by_uri(), PICTURE.data()[:-1] + b"\x7f", "must lie in"),
        (
            by_uri(input=Commitment(Scheme.PUBLIC_TREE, PICTURE.digest())),
            PICTURE.data(),
            "commits to",
        ),
        (
            by_uri(input=commit_public([PICTURE])),
            PICTURE.data(),
            "by scheme 1, answers .* by scheme 4",
        ),
        (by_uri(input=commit_salted([PICTURE], bytes(32))), PICTURE.data(), "public digest"),
    ],
)
def test_another_input_than_the_one_committed_to_is_declined(
    order: OrderTerms, data: bytes, reason: str
) -> None:
    assert re.search(reason, declined(order, ROOTED, data))


def test_a_small_input_by_its_root_is_declined() -> None:
    """Workers would commit to it otherwise, and the bond would be lost."""
    assert "by scheme 4, answers" in declined(terms(input=commit_tree([X])))


def test_what_an_order_may_hold_is_what_the_contract_says() -> None:
    assert f"MAXIMUM_INPUT = {LARGEST_INLINE:_};" in ORDER_TERMS.read_text()


def test_an_input_that_no_bundle_could_show_is_not_locked_for() -> None:
    """It would be fetched, answered and refused by everybody, and the bond lost."""
    half = TensorSpec("x", ElementType.INT64, (LARGEST_DELIVERED // 16,), 0, -5, 5)
    for inputs, fits in (((half, half), True), ((half, half, replace(half, shape=(1,))), False)):
        model = replace(MODEL, inputs=inputs)
        assert (input_bytes(inputs) <= LARGEST_DELIVERED) is fits
        catalogue = [replace(COMPILED, model=model)]
        if fits:
            assert offer(by_uri(), model.digest(), catalogue, fetches=True).model == model
            continue
        with pytest.raises(Declined, match="answers show at most") as refusal:
            offer(by_uri(), model.digest(), catalogue, fetches=True)
        assert refusal.value.final
    # As text a third more, beside which a proof has room.
    assert 4 * LARGEST_DELIVERED // 3 < LIMITS.bundle_bytes * 7 // 10


def test_several_inputs_are_read_one_after_another() -> None:
    y = Tensor(ElementType.INT8, (2,), (-128, 127))
    spec = TensorSpec("y", ElementType.INT8, (2,), 0, -128, 127)
    model = replace(MODEL, inputs=(*MODEL.inputs, spec))
    order = terms(input=commit_public([X, y]), input_data=X.data() + y.data())
    assert read_input(order, model, order.input_data) == (X, y)
    swapped = terms(input=commit_public([X, y]), input_data=y.data() + X.data())
    assert "malformed" in declined(swapped, model) or "commits to" in declined(swapped, model)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"input_data": X.data()[:-1]}, "has 7 bytes, the model takes 8"),
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
            offer(order, known, catalogue)


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
    held = offer(terms(), MODEL.digest(), [compiled], allow_unsafe_srs=True)
    assert held.legs == ((compiled,),)
    if safe:
        assert offer(terms(), MODEL.digest(), [compiled]).legs == ((compiled,),)
    else:
        with pytest.raises(Declined, match="unsafe SRS"):
            offer(terms(), MODEL.digest(), [compiled])


def test_an_answer_that_would_have_to_be_claimed_is_not_promised() -> None:
    compiled = replace(COMPILED, record=replace(RECORD, system=OPTIMISTIC))
    order = terms(legs=(LegTerms(selector_of(OPTIMISTIC), 2_000, 10_000),))
    with pytest.raises(Declined, match="must be claimed on chain"):
        offer(order, MODEL.digest(), [compiled])


@pytest.mark.parametrize(("price", "taken"), [(0, False), (69, False), (70, True), (71, True)])
def test_the_least_price_of_the_model_counts(price: int, taken: bool) -> None:
    planned = offer(terms(), MODEL.digest(), [COMPILED])
    pricing = Pricing(1_000, {MODEL.name: 70})
    if taken:
        check_price(terms(price=price), planned, pricing)
    else:
        with pytest.raises(Declined, match=f"it pays {price}, the least is 70"):
            check_price(terms(price=price), planned, pricing)


def in_time(order: OrderTerms, seconds: float, now: int) -> None:
    """Chooses for an order by the one artifact, by which everything takes so long."""
    offered = offer(order, MODEL.digest(), [COMPILED])
    assert choose(order, offered, lambda item: 1.0, lambda items: seconds, now).legs == (COMPILED,)


def test_each_leg_has_its_price() -> None:
    order = terms(price=139, legs=(LegTerms(A, 100, 1), LegTerms(B, 100, 9_999)))
    offered = offer(order, MODEL.digest(), [FIRST, SECOND])
    with pytest.raises(Declined, match="it pays 139, the least is 140"):
        check_price(order, offered, Pricing(70))
    check_price(replace(order, price=140), offered, Pricing(70))


def test_time_must_suffice() -> None:
    in_time(terms(), 100.0, 999)
    check_deadline(terms(), 999, 999, "")
    with pytest.raises(Declined, match=r"^the time to lock it has passed$") as late:
        check_deadline(terms(), 1_000, 1_000, "")
    assert late.value.final
    with pytest.raises(Declined, match=r"has passed, while its input is not here yet$"):
        check_deadline(terms(), 1_000, 1_000, "its input is not here yet")
    with pytest.raises(Declined, match="leaves 1001 s, about 1002 s are needed") as slow:
        in_time(terms(), 1_001.5, 999)
    assert not slow.value.final


@pytest.mark.parametrize("reason", ["", "its input is not here yet"])
def test_an_order_is_given_up_by_the_chains_time(reason: str) -> None:
    """A transaction that locks it may be mined in a block that is older than the clock says: its
    bond would be lost if the order had been given up."""
    with pytest.raises(Declined, match=reason or "says the clock here") as late:
        check_deadline(terms(), 1_010, 999, reason)
    assert not late.value.final
    with pytest.raises(Declined) as over:
        check_deadline(terms(), 1_010, 1_000, reason)
    assert over.value.final


def compiled_for(system: str) -> Compiled:
    """The same model compiled for another system."""
    return replace(COMPILED, record=replace(RECORD, system=system))


FIRST, SECOND, THIRD = compiled_for("a/v1"), compiled_for("b/v1"), compiled_for("c/v1")
CLAIMED = selector_of(OPTIMISTIC)
A, B, C = (selector_of(item.record.system) for item in (FIRST, SECOND, THIRD))


def chosen(order: OrderTerms, costs: dict[str, float], now: int = 0) -> list[str]:
    """The systems that are chosen for an order's legs, were answers to cost so many seconds."""
    offered = offer(order, MODEL.digest(), [FIRST, SECOND, THIRD])

    def cost(item: Compiled) -> float:
        return costs[item.record.system]

    planned = choose(order, offered, cost, lambda items: sum(map(cost, items)), now)
    return [item.record.system for item in planned.legs]


def test_of_several_systems_the_cheapest_is_chosen() -> None:
    order = terms(legs=(LegTerms(A + B + C, 100, 10_000),))
    assert chosen(order, {"a/v1": 3, "b/v1": 2, "c/v1": 9}) == ["b/v1"]
    assert chosen(order, {"a/v1": 3, "b/v1": 3, "c/v1": 3}) == ["a/v1"]


def test_the_cheapest_is_no_use_when_it_is_too_late() -> None:
    order = terms(legs=(LegTerms(A + B, 100, 10_000),))
    offered = offer(order, MODEL.digest(), [FIRST, SECOND])
    slow = {FIRST: 101.0, SECOND: 100.0}
    planned = choose(
        order, offered, lambda item: float(item is SECOND), lambda items: slow[items[-1]], 0
    )
    assert planned.legs == (SECOND,)


def test_each_leg_has_its_own_deadline_and_the_first_due_is_served_first() -> None:
    order = terms(legs=(LegTerms(A, 3_600, 7_000), LegTerms(B, 10, 3_000)))
    assert chosen(order, {"a/v1": 3_000, "b/v1": 5, "c/v1": 0}) == ["a/v1", "b/v1"]
    with pytest.raises(Declined, match="leaves 3600 s, about 3605 s are needed"):
        chosen(order, {"a/v1": 3_600, "b/v1": 5, "c/v1": 0})
    with pytest.raises(Declined, match="leaves 10 s, about 11 s are needed"):
        chosen(order, {"a/v1": 1, "b/v1": 11, "c/v1": 0})


@pytest.mark.parametrize(
    ("first", "seconds", "expected"),
    [
        # A claim that is lost would cost the stake of the key that signed the same answer.
        ("tee/v1", 100, ["tee/v1", "b/v1"]),
        # Nothing else is in time.
        ("tee/v1", 10, ["tee/v1", OPTIMISTIC]),
        # Nothing is attested.
        ("a/v1", 100, ["a/v1", OPTIMISTIC]),
    ],
)
@pytest.mark.parametrize("due", [1_000, 5])
def test_no_leg_is_claimed_beside_one_that_is_attested_where_another_is_in_time(
    first: str, seconds: int, due: int, expected: list[str]
) -> None:
    claimed = compiled_for(OPTIMISTIC)
    attested = compiled_for(first)
    named = (LegTerms(selector_of(first), due, 3_000), LegTerms(CLAIMED + B, seconds, 7_000))
    order = terms(legs=named)
    offered = offer(order, MODEL.digest(), [attested, claimed, SECOND], claims=True)
    costs = {first: 1.0, OPTIMISTIC: 2.0, "b/v1": 20.0}

    def cost(item: Compiled) -> float:
        return costs[item.record.system]

    planned = choose(order, offered, cost, lambda items: sum(map(cost, items)), 0)
    assert [item.record.system for item in planned.legs] == expected


def test_an_order_with_a_leg_that_cannot_be_served_is_left_alone() -> None:
    order = terms(legs=(LegTerms(A + B, 100, 3_000), LegTerms(C, 100, 7_000)))
    with pytest.raises(Declined, match=f"not compiled here for the system 0x{C.hex()}"):
        offer(order, MODEL.digest(), [FIRST, SECOND])
    assert offer(order, MODEL.digest(), [SECOND, THIRD]).legs == ((SECOND,), (THIRD,))


def test_what_could_not_be_settled_is_not_offered() -> None:
    order = terms(legs=(LegTerms(A + B, 100, 10_000),))

    def objection(selector: bytes, compiled: Compiled) -> str | None:
        return "it is another key" if selector == A else None

    both = [FIRST, SECOND]
    assert offer(order, MODEL.digest(), both, objection=objection).legs == ((SECOND,),)
    with pytest.raises(Declined, match=r"could not be settled: it is another key; .*not compiled"):
        offer(order, MODEL.digest(), [FIRST], objection=objection)


def test_terms_survive_the_database() -> None:
    strange = terms(input_uri="caf\u00e9 \udcff\x00", callback=bytes(range(20)), callback_gas=5)
    several = terms(legs=(LegTerms(A + B + C + SELECTOR, 5, 1), LegTerms(b"\0" * 4, 6, 2)))
    for order in (terms(), several, strange, terms(price=2**128 - 1, lock_deadline=2**64 - 1)):
        assert read_terms(terms_text(order)) == order
        assert terms_text(order).isascii()
    assert terms_digest(terms()) != terms_digest(terms(price=101))


def stored(order: OrderTerms) -> tuple[Order, list[Leg]]:
    """What the market holds for these terms."""
    legs = [
        Leg(
            selector=leg.named[0],
            deadline=leg.deadline,
            delivered_at=0,
            share_bps=leg.share_bps,
            state=LegState.OPEN,
            callback_state=CallbackState.NONE,
            output=None,
            others=leg.selectors[4:],
        )
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
        {"legs": (LegTerms(SELECTOR + A, 2_000, 10_000),)},
        {"legs": (LegTerms(SELECTOR, 2_000, 5_000), LegTerms(A, 2_000, 5_000))},
    ],
)
def test_other_terms_under_the_same_id_are_noticed(changes: dict[str, Any]) -> None:
    kept, legs = stored(terms())
    assert same_terms(terms(), 3, kept, legs)
    assert not same_terms(terms(), 4, kept, legs)
    assert not same_terms(terms(**changes), 3, kept, legs)


def test_a_delivered_leg_is_by_one_of_the_systems_that_were_asked_for() -> None:
    order = terms(legs=(LegTerms(A + B, 2_000, 10_000),))
    kept, (leg,) = stored(order)
    assert same_terms(order, 3, kept, [leg])
    assert not same_terms(order, 3, kept, [replace(leg, others=C)])
    assert not same_terms(order, 3, kept, [replace(leg, selector=B, others=A)])
    delivered = replace(leg, others=b"", delivered_at=5)
    assert same_terms(order, 3, kept, [delivered])
    assert same_terms(order, 3, kept, [replace(delivered, selector=B)])
    assert not same_terms(order, 3, kept, [replace(delivered, selector=C)])
    assert not same_terms(order, 3, kept, [replace(delivered, others=B)])


def test_the_records_of_these_tests_fit_each_other() -> None:
    assert RECORD.model == MODEL.digest()
    assert MODEL.outputs == (OutputShape("y", (1,)),)
