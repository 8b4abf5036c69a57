"""What a caller asks for: a model, a proof system and the inputs, on chain or off."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from avow.prover.asked_legs import AskedLeg, check_legs, parse_legs
from avow.prover.catalogue import system_id
from avow.prover.errors import RequestRefused
from avow.prover.webhooks.registry import Wish
from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS
from avow.verifier.tensor import ElementType, Tensor, TensorSpec, parse_tensor
from avow.verifier.verdict import Hides

# Text form of 2^24 elements with room for digits and separators.
REQUEST_BYTES = 256 * 2**20
_CLIENT_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_NAME = re.compile(r"[\x21-\x7e]{1,200}")
_DIGEST = re.compile(r"0x[0-9a-f]{64}")
_OPTIONAL = {"system", "hides", "client_key", "nonce", "record", "priority", "legs"}
PRIORITIES = range(10)
MIDDLE_PRIORITY = 5
_HIDES = {value.value: value for value in (Hides.NONE, Hides.INPUTS)}
_HIDES_TEXT = " or ".join(repr(value) for value in _HIDES)


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of one input as a caller wrote them, row-major, with the shape they came in.

    `real` True: to be quantised by the model's scale. False: integers, taken as they are.
    """

    shape: tuple[int, ...]
    values: tuple[float, ...] | tuple[int, ...]
    real: bool


@dataclass(frozen=True, slots=True)
class OrderContext:
    """The order on a chain that a job serves.

    `market` and `provider` are 20 bytes, `order` 32; `nonce` is the order's; `leg` its leg;
    `deadline` is a Unix time in seconds; `share_bps` the leg's share of the price. `batches` are
    the numbers of answers in one proof that the market can settle, ascending from 1.
    """

    chain_id: int
    market: bytes
    order: bytes
    provider: bytes
    nonce: int
    leg: int = 0
    deadline: int | None = None
    share_bps: int = 10_000
    batches: tuple[int, ...] = (1,)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `model` is a digest, a name, or name@version; `record` pins one artifact.

    Without `system` the catalogue chooses one, or `legs` say which several kinds of evidence are
    wanted; `hides` INPUTS asks that the proof hides the
    input, NONE allows it to be shown. `client_key` makes a repeated submission return the first
    job. `nonce` is chosen at random when absent; with `order` the order's nonce counts. `owner` is
    the id of the API key that asks, empty without one; `priority` 9 goes before 0; `webhook` is
    told of the job.
    Construction checks every bound.
    """

    model: str
    system: str | None
    inputs: tuple[Tensor | Numbers, ...]
    order: OrderContext | None = None
    client_key: str | None = None
    nonce: int | None = None
    record: str | None = None
    hides: Hides | None = None
    owner: str = ""
    priority: int = MIDDLE_PRIORITY
    webhook: Wish | None = None
    legs: tuple[AskedLeg, ...] = ()

    def __post_init__(self) -> None:
        _expect(bool(_NAME.fullmatch(self.model)), "model", "a digest or a name", self.model)
        if self.system is not None:
            _expect(bool(_NAME.fullmatch(self.system)), "system", "a system id", self.system)
        _expect(self.hides in (None, *_HIDES.values()), "hides", _HIDES_TEXT, self.hides)
        _expect(
            1 <= len(self.inputs) <= LIMITS.tensors,
            "inputs",
            f"1 to {LIMITS.tensors} tensors",
            len(self.inputs),
        )
        if self.client_key is not None:
            # The column holds the owner beside it.
            most = 200 - (len(self.owner) + 1 if self.owner else 0)
            good = bool(_CLIENT_KEY.fullmatch(self.client_key)) and len(self.client_key) <= most
            _expect(good, "client_key", "1 to 200 printable characters", self.client_key)
        _expect(self.priority in PRIORITIES, "priority", "a number from 0 to 9", self.priority)
        if self.record is not None:
            good = bool(_DIGEST.fullmatch(self.record))
            _expect(good, "record", "0x and 64 hexadecimal digits", self.record)
        if self.nonce is not None:
            _expect(1 <= self.nonce < 2**256, "nonce", "a number in [1, 2^256)", self.nonce)
            _expect(self.order is None, "nonce", "none, since the order has its own", self.nonce)
        if self.order is not None:
            _check_order(self.order)
        if self.legs:
            check_legs(self.legs)
            _expect(self.system is None, "system", "none beside legs", self.system)
            _expect(self.record is None, "record", "none beside legs", self.record)
            _expect(self.order is None, "legs", "none: a leg of an order is a job", len(self.legs))


def quantised(request: Request, specs: Sequence[TensorSpec]) -> tuple[Tensor, ...]:
    """The request's inputs as tensors that fit the model's schema; raises RequestRefused."""
    if len(request.inputs) != len(specs):
        raise RequestRefused(f"inputs: expected {len(specs)}, got {len(request.inputs)}")
    return tuple(
        _fit(item, spec, f"inputs[{at}]")
        for at, (item, spec) in enumerate(zip(request.inputs, specs, strict=True))
    )


def check_inputs(tensors: Sequence[Tensor], specs: Sequence[TensorSpec]) -> None:
    """Refuses tensors that do not fit the schema, with RequestRefused."""
    if len(tensors) != len(specs):
        raise RequestRefused(f"inputs: expected {len(specs)}, got {len(tensors)}")
    for at, (tensor, spec) in enumerate(zip(tensors, specs, strict=True)):
        _fit(tensor, spec, f"inputs[{at}]")


def batches_text(batches: Sequence[int]) -> str:
    """The form that an evidence row stores and `read_batches` reads."""
    return ",".join(map(str, batches))


def read_batches(text: str) -> tuple[int, ...]:
    """The batch sizes of an evidence row; an order taken before there were batches has one."""
    return tuple(int(item) for item in text.split(",") if item) or (1,)


def parse_request(data: bytes) -> Request:
    """Reads the JSON form of a request from outside; raises RequestRefused.

    An object with `model`, `inputs` and optionally `system`, `hides` (`none` or `inputs`),
    `client_key`, `nonce` (a decimal string), `record`, `priority` (0 to 9) and `legs`. An
    input is `{"reals": nested list}`, `{"integers": nested list}` or a tensor
    `{"type", "shape", "data"}`. An order never comes from outside as JSON.
    """
    if len(data) > REQUEST_BYTES:
        raise RequestRefused(f"request: at most {REQUEST_BYTES} bytes, got {len(data)}")
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique_keys, parse_constant=_no_constant
        )
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise RequestRefused(f"request: expected JSON, got {said}") from error
    return request_from(value)


def request_from(value: object, owner: str = "") -> Request:
    """Reads the decoded JSON form of a request from outside, by an owner; see `parse_request`."""
    if not isinstance(value, dict):
        raise RequestRefused(f"request: expected an object, got {_kind(value)}")
    _keys(value, "request", {"model", "inputs"}, _OPTIONAL)
    inputs = value["inputs"]
    _expect(isinstance(inputs, list), "inputs", "a list", inputs)
    _expect(len(inputs) <= LIMITS.tensors, "inputs", f"at most {LIMITS.tensors}", len(inputs))
    nonce = _text(value, "nonce")
    if nonce is not None:
        good = bool(re.fullmatch(r"[1-9][0-9]{0,77}", nonce))
        _expect(good, "nonce", "a decimal string from 1", nonce)
    system, hides = _text(value, "system"), _text(value, "hides")
    priority = value.get("priority", MIDDLE_PRIORITY)
    whole = isinstance(priority, int) and not isinstance(priority, bool)
    _expect(whole, "priority", "a number from 0 to 9", priority)
    _expect(hides is None or hides in _HIDES, "hides", _HIDES_TEXT, hides)
    return Request(
        model=_text(value, "model") or "",
        system=None if system is None else system_id(system),
        inputs=tuple(_parse_input(item, f"inputs[{at}]") for at, item in enumerate(inputs)),
        client_key=_text(value, "client_key"),
        nonce=int(nonce) if nonce is not None else None,
        record=_text(value, "record"),
        hides=None if hides is None else _HIDES[hides],
        owner=owner,
        priority=priority,
        legs=() if value.get("legs") is None else parse_legs(value["legs"]),
    )


def _fit(item: Tensor | Numbers, spec: TensorSpec, where: str) -> Tensor:
    try:
        if isinstance(item, Numbers):
            _expect(
                item.shape in (spec.shape, (math.prod(spec.shape),)),
                where,
                f"shape {list(spec.shape)}",
                list(item.shape),
            )
            if item.real:
                return spec.quantise(item.values)
            whole = tuple(int(value) for value in item.values)
            item = Tensor(spec.element_type, spec.shape, whole)
        spec.check(item)
    except VerificationError as error:
        raise RequestRefused(f"{where}: {error.message}") from error
    return item


def _parse_input(value: object, where: str) -> Tensor | Numbers:
    if not isinstance(value, dict):
        raise RequestRefused(f"{where}: expected an object, got {_kind(value)}")
    for key in ("reals", "integers"):
        if key in value:
            _keys(value, where, {key}, set())
            shape, flat = _flatten(value[key], where, LIMITS.tensor_rank)
            return Numbers(shape, _read_numbers(flat, key, where), key == "reals")
    try:
        return parse_tensor(value)
    except VerificationError as error:
        raise RequestRefused(
            f"{where}: expected reals, integers or a tensor, got: {error.message}"
        ) from error


def _read_numbers(flat: list[Any], key: str, where: str) -> tuple[float, ...] | tuple[int, ...]:
    low, high = ElementType.INT64.minimum, ElementType.INT64.maximum
    for item in flat:
        number = isinstance(item, int | float) and not isinstance(item, bool)
        if key == "integers":
            good = number and isinstance(item, int) and low <= item <= high
            _expect(good, where, "64-bit integers", item)
        else:
            good = number and abs(item) < 1e300 and math.isfinite(item)
            _expect(good, where, "finite numbers", item)
    return tuple(int(item) for item in flat) if key == "integers" else tuple(map(float, flat))


def _flatten(value: object, where: str, depth: int) -> tuple[tuple[int, ...], list[Any]]:
    if not isinstance(value, list):
        return (), [value]
    if depth == 0:
        raise RequestRefused(f"{where}: expected at most {LIMITS.tensor_rank} nested lists")
    if not value:
        raise RequestRefused(f"{where}: expected numbers, got an empty list")
    if not any(isinstance(item, list) for item in value):
        return (len(value),), value
    parts = [_flatten(item, where, depth - 1) for item in value]
    shapes = {shape for shape, _ in parts}
    if len(shapes) != 1:
        raise RequestRefused(f"{where}: expected lists of equal length, got ragged ones")
    return (len(value), *shapes.pop()), [item for _, flat in parts for item in flat]


def _check_order(order: OrderContext) -> None:
    good = (
        1 <= order.chain_id < 2**256
        and len(order.market) == 20
        and any(order.market)
        and len(order.order) == 32
        and any(order.order)
        and len(order.provider) == 20
        and 1 <= order.nonce < 2**256
        and 0 <= order.leg < 256
        and 0 <= order.share_bps <= 10_000
        and (order.deadline is None or 0 <= order.deadline < 2**40)
        and order.batches[:1] == (1,)
        and list(order.batches) == sorted(set(order.batches))
        and order.batches[-1] <= 2**LIMITS.merkle_depth
    )
    _expect(good, "order", "a chain, market, order id, provider and nonce within bounds", order)


def _text(value: dict[str, Any], key: str) -> str | None:
    item = value.get(key)
    _expect(item is None or isinstance(item, str), key, "text", item)
    return item if isinstance(item, str) else None


def _keys(value: dict[str, Any], where: str, required: set[str], optional: set[str]) -> None:
    missing, unknown = required - value.keys(), value.keys() - required - optional
    if missing:
        raise RequestRefused(f"{where}: lacks {', '.join(sorted(missing))}")
    if unknown:
        shown = ", ".join(sorted(repr(key)[:40] for key in unknown)[:5])
        raise RequestRefused(f"{where}: unknown {shown}")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key appears twice")
    return result


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text}, which is not a number")


def _expect(holds: bool, where: str, expected: str, got: object) -> None:
    if not holds:
        raise RequestRefused(f"{where}: expected {expected}, got {_kind(got)}")


def _kind(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
