"""What was asked for, and whether a bundle shows the answer to that."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict

from avow.api.client.errors import BadInput, NotVerified
from avow.api.client.leg import Leg, checked_legs, parse_leg
from avow.api.client.replies import JOB_ID, Offer
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, parse_hex, to_hex
from avow.verifier.keccak import keccak256, tag
from avow.verifier.limits import LIMITS
from avow.verifier.policy import Policy
from avow.verifier.records import ModelRecord, parse_model_record
from avow.verifier.statement import OFF_CHAIN
from avow.verifier.tensor import Tensor, TensorSpec, parse_tensors
from avow.verifier.verdict import Hides, Verdict
from avow.verifier.verify import verify

FORMAT = "avow-asked/1"
_NONCE_TAG = tag("avow.client.nonce.v1")

# Nested lists of numbers, an array with `tolist`, or the integers themselves.
Numbers = Any
Inputs = Sequence[Numbers] | Mapping[str, Numbers]


class How(TypedDict, total=False):
    """What narrows down a request; everything may be left out.

    `system`, `record` (the digest of a system record) and `hides` ('none' or 'inputs') narrow down
    the proof. A higher `priority`, 0 to 9, is served first; 5 when absent. Submitting again with
    the same `idempotency_key` and request gives the same job; without one a random one protects
    the attempts of one call. `unsafe_unseen_input` accepts proofs that hide the input, so that
    nobody can see whether it is the one asked about. `legs` ask for several kinds of evidence,
    in place of `system` and `record`.
    """

    legs: Sequence[Leg]
    system: str | None
    record: str | None
    hides: str | None
    priority: int | None
    idempotency_key: str | None
    unsafe_unseen_input: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """A request before it is sent: everything that the statement will have to name.

    `system` and `record` are None where any will do. `unseen_input` accepts a proof that hides
    its input, so that nobody can see whether it is the one that was asked about. `request` names
    what several wishes are parts of, the key of one that stands alone being its own name.
    """

    model: ModelRecord
    inputs: tuple[Tensor, ...]
    key: str
    system: str | None = None
    record: bytes | None = None
    hides: Hides | None = None
    unseen_input: bool = False
    priority: int | None = None
    legs: tuple[Leg, ...] = ()
    request: str = ""

    @property
    def nonce(self) -> int:
        """Follows from the key, so that repeating a request after a crash repeats it exactly."""
        name = self.request or self.key
        return int.from_bytes(keccak256(_NONCE_TAG + name.encode("ascii")), "big") or 1

    def body(self) -> bytes:
        """The JSON that is sent; integers, so that nothing is left to another's rounding."""
        value: dict[str, Any] = {
            "model": to_hex(self.model.digest()),
            "inputs": [tensor.to_json() for tensor in self.inputs],
            "nonce": str(self.nonce),
        }
        if self.system is not None:
            value["system"] = self.system
        if self.record is not None:
            value["record"] = to_hex(self.record)
        if self.hides is not None:
            value["hides"] = self.hides.value
        if self.priority is not None:
            value["priority"] = self.priority
        if self.legs:
            value["legs"] = [leg.to_json() for leg in self.legs]
        return json.dumps(value).encode("ascii")


@dataclass(frozen=True, slots=True)
class Asked:
    """A job and what it was asked for. `to_json` and `parse_asked` carry it over a restart."""

    job: str
    model: ModelRecord
    inputs: tuple[Tensor, ...] = field(repr=False)
    nonce: int
    system: str | None = None
    record: bytes | None = None
    hides: Hides | None = None
    unseen_input: bool = False
    legs: tuple[Leg, ...] = ()

    def policy(self, base: Policy) -> Policy:
        """`base` with everything pinned that was asked for; raises BadInput where they differ."""
        pins: dict[str, Any] = {
            "model": self.model.digest(),
            "nonce": self.nonce,
            "domain": OFF_CHAIN,
        }
        if not self.unseen_input:
            pins["inputs"] = self.inputs
        if self.record is not None:
            pins["record"] = self.record
        if self.hides is Hides.INPUTS:
            pins["hides"] = self.hides
        for name, value in pins.items():
            if getattr(base, name) not in (None, value):
                raise BadInput(f"policy: asks for another {name} than the request")
        if self.system is not None:
            if base.systems is not None and self.system not in base.systems:
                raise BadInput(f"policy: does not allow {self.system}")
            pins["systems"] = (self.system,)
        return replace(base, **pins)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `parse_asked` reads; it holds the input."""
        value: dict[str, Any] = {
            "format": FORMAT,
            "job": self.job,
            "model": self.model.to_json(),
            "inputs": [tensor.to_json() for tensor in self.inputs],
            "nonce": str(self.nonce),
            "unseen_input": self.unseen_input,
        }
        if self.system is not None:
            value["system"] = self.system
        if self.record is not None:
            value["record"] = to_hex(self.record)
        if self.hides is not None:
            value["hides"] = self.hides.value
        if self.legs:
            value["legs"] = [leg.to_json() for leg in self.legs]
        return value


def parse_asked(value: Any) -> Asked:
    """Read what `Asked.to_json` gave; raises BadInput."""
    try:
        fields = Fields(
            value,
            "asked",
            {"format", "job", "model", "inputs", "nonce", "unseen_input"},
            {"system", "record", "hides", "legs"},
        )
        fields.one_of("format", (FORMAT,))
        hides = (Hides.NONE.value, Hides.INPUTS.value)
        if not JOB_ID.fullmatch(fields.text("job")):
            raise BadInput("asked.job: expected 32 hexadecimal digits")
        return Asked(
            job=fields.text("job"),
            model=parse_model_record(fields.raw("model")),
            inputs=parse_tensors(fields.raw("inputs"), "asked.inputs"),
            nonce=fields.decimal("nonce", 256),
            system=fields.name("system") if fields.has("system") else None,
            record=fields.octets("record", 32) if fields.has("record") else None,
            hides=Hides(fields.one_of("hides", hides)) if fields.has("hides") else None,
            unseen_input=fields.boolean("unseen_input"),
            legs=tuple(map(parse_leg, fields.items("legs", 1, 4) if fields.has("legs") else ())),
        )
    except VerificationError as error:
        raise BadInput(error.message) from error


@dataclass(frozen=True, slots=True)
class Verified:
    """An answer whose evidence was checked here, against what was asked.

    It is a proof unless the policy admits less. `verdict` says how strongly the answer is
    established, on what that rests and what was not checked; `bundle` are the
    bytes for others to check.
    """

    asked: Asked
    verdict: Verdict
    bundle: bytes = field(repr=False)

    @property
    def outputs(self) -> dict[str, tuple[float, ...]]:
        """The numbers by the outputs' names, row-major."""
        pairs = zip(self.verdict.output_specs, self.verdict.outputs, strict=True)
        return {spec.name: spec.dequantise(tensor) for spec, tensor in pairs}

    @property
    def output(self) -> tuple[float, ...]:
        """The numbers of the first output."""
        return next(iter(self.outputs.values()))


def wish(offers: Sequence[Offer], model: str, inputs: Inputs, how: How) -> Wish:
    """What to ask the server for, by what it offers; raises BadInput and sends nothing."""
    system, record, hides = how.get("system"), how.get("record"), how.get("hides")
    unseen_input, priority = how.get("unsafe_unseen_input", False), how.get("priority")
    if priority is not None and priority not in range(10):
        raise BadInput(f"priority: expected 0 to 9, got {priority!r}")
    if hides not in (None, Hides.NONE.value, Hides.INPUTS.value):
        raise BadInput(f"hides: expected 'none' or 'inputs', got {hides!r}")
    legs = checked_legs(how["legs"]) if "legs" in how else ()
    if legs and (system is not None or record is not None):
        raise BadInput("legs: expected neither system nor record beside them")
    wanted = None if system is None else system if "/" in system else f"{system}/v1"
    pinned = None if record is None else _digest(record, "record")
    fitting = [
        offer
        for offer in offers
        if offer.is_called(model)
        and wanted in (None, offer.system_record.system)
        and pinned in (None, offer.record)
        and (not legs or any(offer.system_record.system in leg.any_of for leg in legs))
        and (hides != Hides.INPUTS.value or offer.hides_input)
    ]
    found = {offer.model: offer.model_record for offer in fitting}
    if len(found) != 1:
        known = sorted({offer.model_record.name for offer in offers})
        count = f"{len(found)} models" if found else "no model"
        raise BadInput(f"model: {count} {model!r} on offer that fits; there: {', '.join(known)}")
    (chosen,) = found.values()
    hidden = [offer for offer in fitting if offer.hides_input]
    open_to_see = hides == Hides.NONE.value and len(hidden) < len(fitting)
    if hidden and not open_to_see and not unseen_input:
        raise BadInput(
            f"the evidence for {model!r} may hide its input, so that nobody can see whether it is "
            "yours: hides='none' asks for one that shows it, unsafe_unseen_input=True takes the "
            "provider's word"
        )
    key = how.get("idempotency_key") or secrets.token_hex(16)
    if not 1 <= len(key) <= 200 or any(not 33 <= ord(character) <= 126 for character in key):
        raise BadInput("idempotency_key: expected 1 to 200 printable characters without spaces")
    return Wish(
        chosen,
        _tensors(inputs, chosen.inputs),
        key,
        wanted,
        pinned,
        None if hides is None else Hides(hides),
        unseen_input,
        priority,
        legs,
    )


def check(asked: Asked, data: bytes, base: Policy) -> Verified:
    """Verify a bundle here, offline, against what was asked; raises NotVerified."""
    policy = asked.policy(base)
    try:
        verdict = verify(data, policy)
    except VerificationError as error:
        raise NotVerified(asked.job, error.step, error.message) from error
    if not verdict.final:
        raise NotVerified(
            asked.job,
            "time",
            "the claim may still be overturned; only its chain can say that it stood",
        )
    return Verified(asked, verdict, data)


def _tensors(inputs: Inputs, specs: Sequence[TensorSpec]) -> tuple[Tensor, ...]:
    if isinstance(inputs, Mapping):
        names = {spec.name for spec in specs}
        if set(inputs) != names:
            raise BadInput(f"inputs: expected {sorted(names)}, got {sorted(map(str, inputs))}")
        inputs = [inputs[spec.name] for spec in specs]
    if isinstance(inputs, (str, bytes)) or len(inputs) != len(specs):
        raise BadInput(f"inputs: expected {len(specs)}, one for each input of the model")
    return tuple(_tensor(item, spec) for item, spec in zip(inputs, specs, strict=True))


def _tensor(item: Numbers, spec: TensorSpec) -> Tensor:
    try:
        if isinstance(item, Tensor):
            spec.check(item)
            return item
        shape, flat = _flat(item, spec.name, LIMITS.tensor_rank)
        count = 1
        for dimension in spec.shape:
            count *= dimension
        if shape not in (spec.shape, (count,)):
            raise BadInput(
                f"inputs: {spec.name!r} must have shape {list(spec.shape)}, got {list(shape)}"
            )
        return spec.quantise(flat)
    except VerificationError as error:
        raise BadInput(f"inputs: {error.message}") from error


def _flat(item: Numbers, name: str, depth: int) -> tuple[tuple[int, ...], list[float]]:
    if hasattr(item, "tolist"):
        item = item.tolist()
    if isinstance(item, (int, float)) and not isinstance(item, bool):
        return (), [float(item)]
    if not isinstance(item, (list, tuple)) or not item or depth == 0:
        raise BadInput(f"inputs: {name!r} must be numbers in nested lists, got {str(item)[:40]!r}")
    parts = [_flat(part, name, depth - 1) for part in item]
    shapes = {shape for shape, _ in parts}
    if len(shapes) != 1:
        raise BadInput(f"inputs: {name!r} has lists of unequal length")
    return (len(item), *shapes.pop()), [real for _, flat in parts for real in flat]


def _digest(text: str, what: str) -> bytes:
    try:
        return parse_hex(text, 32, what)
    except VerificationError as error:
        raise BadInput(error.message) from error
