"""Requests from outside: every bad one is refused in one line that says what was expected."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.prover.errors import RequestRefused
from avow.prover.request import Numbers, OrderContext, Request, parse_request, quantised
from avow.verifier.tensor import ElementType, Tensor, TensorSpec
from avow.verifier.verdict import Hides
from tests.prover.tiny import MODEL

GOOD: dict[str, Any] = {"model": "tiny", "system": "tiny/v1", "inputs": [{"reals": [0, 1, 2, 3.5]}]}


def parse(**changes: Any) -> Request:
    value = {**GOOD, **changes}
    return parse_request(json.dumps(value).encode())


def fit(item: object) -> tuple[Tensor, ...]:
    return quantised(parse(inputs=[item]), MODEL.inputs)


def test_a_good_request() -> None:
    request = parse(client_key="order-1", nonce="12")
    assert request.nonce == 12 and request.client_key == "order-1"
    (tensor,) = quantised(request, MODEL.inputs)
    assert tensor == Tensor(ElementType.INT16, (4,), (0, 16, 32, 56))


def test_a_system_may_be_left_out_and_shortened() -> None:
    value = {key: item for key, item in GOOD.items() if key != "system"}
    assert parse_request(json.dumps(value).encode()).system is None
    for name in ("ezkl", "sumcheck"):
        assert parse(system=name).system == f"{name}/v1"
    assert parse(hides="inputs").hides is Hides.INPUTS
    assert parse().hides is None


def test_integers_and_tensors_are_taken_as_they_are() -> None:
    (tensor,) = fit({"integers": [1, 2, 3, 4]})
    assert tensor.values == (1, 2, 3, 4)
    assert fit(tensor.to_json()) == (tensor,)


def test_nested_lists_have_the_shape_of_the_model() -> None:
    spec = TensorSpec("x", ElementType.INT8, (2, 2), 0, -5, 5)
    request = parse(inputs=[{"integers": [[1, 2], [3, 4]]}])
    assert quantised(request, (spec,))[0].values == (1, 2, 3, 4)
    wrong = parse(inputs=[{"integers": [[1, 2, 3, 4]]}])
    with pytest.raises(RequestRefused, match=r"expected shape \[2, 2\], got \[1, 4\]"):
        quantised(wrong, (spec,))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"reals": [0, 1, 2]}, r"inputs\[0\]: expected shape \[4\], got \[3\]"),
        ({"reals": []}, "expected numbers, got an empty list"),
        ({"reals": [0, 1, 2, 21]}, r"must lie in \[-20, 20\], got 21"),
        ({"reals": [0, 1, 2, "3"]}, "expected finite numbers, got '3'"),
        ({"reals": [0, 1, 2, None]}, "expected finite numbers, got None"),
        ({"reals": [0, 1, 2, True]}, "expected finite numbers, got True"),
        ({"reals": [0, 1, 2, 10**400]}, "expected finite numbers"),
        ({"reals": [[0, 1], [2]]}, "ragged"),
        ({"reals": 3}, r"expected shape \[4\], got \[\]"),
        ({"integers": [0, 1, 2, 1.5]}, "expected 64-bit integers, got 1.5"),
        ({"integers": [0, 1, 2, 2**63]}, "expected 64-bit integers"),
        ({"integers": [0, 1, 2, 400]}, r"must lie in \[-320, 320\], got 400"),
        ({"integers": [0, 1, 2, 40000]}, "does not fit int16"),
        ({"reals": [1, 2, 3, 4], "extra": 1}, "unknown 'extra'"),
        ({"type": "int16", "shape": [4], "data": "AAAA"}, "needs 8 bytes, got 3"),
        ({"type": "int8", "shape": [4], "data": "AAAAAA=="}, "must be int16, got int8"),
        ({}, "expected reals, integers or a tensor"),
        (7, "expected an object, got 7"),
    ],
)
def test_bad_inputs(item: object, message: str) -> None:
    with pytest.raises(RequestRefused, match=message) as caught:
        fit(item)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "expected JSON"),
        (b"{", "expected JSON"),
        (b"[]", "expected an object, got"),
        (b"\xff", "expected JSON"),
        (b'{"model": "a", "model": "b"}', "a key appears twice"),
        (b'{"model": NaN}', "NaN, which is not a number"),
        (b'{"model": "a"}', "lacks inputs"),
        (b"[" * 100_000, "expected JSON, got nested too deeply"),
        (json.dumps({**GOOD, "order": {}}).encode(), "unknown 'order'"),
        (json.dumps({**GOOD, "model": 5}).encode(), "model: expected text, got 5"),
        (json.dumps({**GOOD, "model": ""}).encode(), "model: expected a digest or a name"),
        (json.dumps({**GOOD, "inputs": []}).encode(), "inputs: expected 1 to 16 tensors"),
        (json.dumps({**GOOD, "inputs": [{"reals": [1]}] * 17}).encode(), "inputs: expected"),
        (json.dumps({**GOOD, "nonce": "0"}).encode(), "nonce: expected a decimal string"),
        (json.dumps({**GOOD, "nonce": 1}).encode(), "nonce: expected text"),
        (json.dumps({**GOOD, "nonce": "9" * 78}).encode(), "nonce: expected a number"),
        (json.dumps({**GOOD, "client_key": "a b"}).encode(), "client_key: expected 1 to 200"),
        (json.dumps({**GOOD, "record": "0x12"}).encode(), "record: expected 0x and 64"),
        (json.dumps({**GOOD, "system": ""}).encode(), "system: expected a system id"),
        (json.dumps({**GOOD, "hides": "both"}).encode(), "hides: expected 'none' or 'inputs'"),
    ],
)
def test_bad_requests(data: bytes, message: str) -> None:
    with pytest.raises(RequestRefused, match=message) as caught:
        parse_request(data)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_an_order_has_bounds() -> None:
    numbers = (Numbers((4,), (1, 2, 3, 4), real=False),)
    good = OrderContext(1, b"\x01" * 20, b"\x02" * 32, b"\x03" * 20, 1)
    assert Request("tiny", "tiny/v1", numbers, order=good).order == good
    with pytest.raises(RequestRefused, match="order has its own"):
        Request("tiny", "tiny/v1", numbers, order=good, nonce=5)
    for bad in (
        OrderContext(0, b"\x01" * 20, b"\x02" * 32, b"\x03" * 20, 1),
        OrderContext(1, bytes(20), b"\x02" * 32, b"\x03" * 20, 1),
        OrderContext(1, b"\x01" * 20, bytes(32), b"\x03" * 20, 1),
        OrderContext(1, b"\x01" * 20, b"\x02" * 32, b"\x03" * 19, 1),
        OrderContext(1, b"\x01" * 20, b"\x02" * 32, b"\x03" * 20, 0),
    ):
        with pytest.raises(RequestRefused, match="order: expected"):
            Request("tiny", "tiny/v1", numbers, order=bad)


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(RequestRefused):
        parse_request(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


@given(st.fixed_dictionaries({}, optional={key: JSON for key in (*GOOD, "nonce", "client_key")}))
def test_random_json_raises_nothing_else(value: dict[str, Any]) -> None:
    try:
        quantised(parse_request(json.dumps({**GOOD, **value}).encode()), MODEL.inputs)
    except RequestRefused as error:
        assert "\n" not in str(error)


@given(JSON)
def test_random_inputs_raise_nothing_else(value: object) -> None:
    try:
        fit({"reals": value})
    except RequestRefused as error:
        assert "\n" not in str(error)
