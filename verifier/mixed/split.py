"""Whether two bundles establish the answer of a model that was cut at one tensor."""

from dataclasses import dataclass, replace
from typing import Literal

from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.canonical import Json
from avow.verifier.commitment import Scheme
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.mixed.split_record import Between, Part, SplitRecord
from avow.verifier.policy import Policy
from avow.verifier.statement import OFF_CHAIN
from avow.verifier.trace.inputs import commit_tree
from avow.verifier.verdict import Assurance, Hides, Step, Verdict
from avow.verifier.verify import bounded, verify

# What the record says of either part; a caller's policy is about both.
PINNED_BY_THE_RECORD = ("model", "systems", "record", "program")


@dataclass(frozen=True, slots=True)
class SplitVerdict:
    """Both parts accepted, and the tensor between them the same.

    `assurance` is the weaker part's: what it rests on, the whole answer rests on. Nothing says of
    the first part's weights but that they are those of its record, hidden.
    """

    record: SplitRecord
    first: Verdict
    second: Verdict
    steps: tuple[Step, ...]
    not_checked: tuple[str, ...]

    @property
    def assurance(self) -> Assurance:
        """The weaker of both."""
        return min((self.first.assurance, self.second.assurance), key=lambda one: one.rank)

    @property
    def final(self) -> bool:
        """Whether neither part may still be challenged."""
        return self.first.final and self.second.final

    @property
    def final_at(self) -> int | None:
        """Unix time in seconds until which a part may be challenged, by `final_at_by`."""
        return self._last.final_at

    @property
    def final_at_by(self) -> Literal["claim", "chain"]:
        """Who says until when: the claim itself, or its chain."""
        return self._last.final_at_by

    @property
    def _last(self) -> Verdict:
        return max((self.first, self.second), key=lambda one: one.final_at or 0)

    def to_json(self) -> Json:
        """The verdict as a JSON object with both parts' own verdicts."""
        value: dict[str, Json] = {
            "accepted": True,
            "assurance": self.assurance.value,
            "final": self.final,
            "split": to_hex(self.record.digest()),
            "tensor": self.record.between.to_json(),
            "hides": self.first.hides.value,
            "shows": ["the tensor between the parts", "the second part's weights"],
            "first": self.first.to_json(),
            "second": self.second.to_json(),
            "steps": [step.to_json() for step in self.steps],
            "not_checked": list(self.not_checked),
        }
        if self.final_at is not None:
            value |= {"final_at": self.final_at, "final_at_by": self.final_at_by}
        if self.record.whole is not None:
            value["whole_onnx_sha256"] = to_hex(self.record.whole)
        return value


def verify_split(
    first: bytes, second: bytes, record: SplitRecord, policy: Policy, at: int | None = None
) -> SplitVerdict:
    """Check both bundles offline, and that the second begins where the first ends.

    `policy` is what the caller insists on of the whole: its input is the first part's, its output
    and its minimum the second's, the rest is asked of both. The first part is proven with its
    weights hidden, whatever the policy says. Raises `VerificationError`.
    """
    with bounded():
        return _verify_split(first, second, record, policy, at)


def _verify_split(
    first: bytes, second: bytes, record: SplitRecord, policy: Policy, at: int | None
) -> SplitVerdict:
    # 1. Policy: nothing that could only mean one of the parts.
    for name in PINNED_BY_THE_RECORD:
        if getattr(policy, name) is not None:
            raise VerificationError("policy", f"of a split, the split record names the {name}")

    # 2. Records: each bundle is of the part that the record names in its place.
    opening, rest = parse_bundle(first), parse_bundle(second)
    _check_part("first", opening, record.first, record.second)
    _check_part("second", rest, record.second, record.first)

    # 3. Parts: each convinces by itself; the first proves and hides its weights.
    before = _judged("first", first, _first_policy(record.first, policy), at)
    after = _judged("second", second, _second_policy(record.second, policy), at)

    # 4. Tensor: it leaves the first part and enters the second as the same integers, meaning the
    # same. Both statements commit to it by its public digest.
    _check_between(opening, rest, record.between)
    if opening.statement.domain == rest.statement.domain == OFF_CHAIN:
        if opening.statement.nonce != rest.statement.nonce:
            raise VerificationError("split", "the parts answer two requests: their nonces differ")

    # 5. Verdict.
    between = record.between
    steps = (
        Step("parts", f"both bundles are of the parts of split {to_hex(record.digest())}"),
        Step(
            "tensor",
            f"{between.name!r}: the output that the first part proves is the second's input, "
            f"{len(opening.outputs[0].values)} integers of {between.element_type.value}",
        ),
    )
    return SplitVerdict(record, before, after, steps, _open(record, opening, rest))


def _check_part(name: str, bundle: Bundle, part: Part, other: Part) -> None:
    given = (bundle.model.digest(), bundle.system.digest())
    if given == (part.model, part.record):
        return
    if given == (other.model, other.record):
        raise VerificationError("split", f"the {name} bundle is of the other part: order matters")
    what = "model" if given[0] != part.model else "system record"
    raise VerificationError("split", f"the {name} bundle is of another {what} than the split's")


def _check_between(first: Bundle, second: Bundle, between: Between) -> None:
    outputs, inputs = first.system.outputs, second.model.inputs
    for name, specs in (("first part's output", outputs), ("second part's input", inputs)):
        if [Between.of(spec) for spec in specs] != [between]:
            raise VerificationError("split", f"the {name} is not the tensor that the split names")
    if second.inputs is None:
        raise VerificationError(
            "split", "the second bundle does not show the tensor it begins with"
        )
    (gives,), (takes,) = first.outputs, second.inputs
    if gives != takes:
        pairs = enumerate(zip(gives.values, takes.values, strict=False))
        where = next((f"at {at}: {one} and {two}" for at, (one, two) in pairs if one != two), "")
        raise VerificationError(
            "split", f"the second part begins with another tensor than the first ends in {where}"
        )
    ends, begins = first.statement.output, second.statement.input
    if begins.scheme is Scheme.PUBLIC_TREE:
        # An input may be too large to be shown; outputs are committed to by their data.
        ends = commit_tree(first.outputs)
    if ends != begins:
        raise VerificationError("split", "the statements commit to different tensors between them")


def _first_policy(part: Part, policy: Policy) -> Policy:
    hides = Hides.BOTH if policy.hides in (Hides.INPUTS, Hides.BOTH) else Hides.WEIGHTS
    return replace(
        policy,
        minimum_assurance=Assurance.PROVEN,
        model=part.model,
        record=part.record,
        hides=hides,
        outputs=None,
        measurements=(),
        sample=None,
        attestation=None,
        anchor=None,
    )


def _second_policy(part: Part, policy: Policy) -> Policy:
    return replace(policy, model=part.model, record=part.record, hides=None, inputs=None)


def _judged(name: str, data: bytes, policy: Policy, at: int | None) -> Verdict:
    try:
        return verify(data, policy, at)
    except VerificationError as error:
        raise VerificationError(error.step, f"{name} part: {error.message}") from error


def _open(record: SplitRecord, first: Bundle, second: Bundle) -> tuple[str, ...]:
    whole = "no whole is named"
    if record.whole is not None:
        whole = f"SHA-256 {record.whole.hex()}"
    said = [
        f"whole: that the parts make up one model ({whole}) is the split record's word; only who "
        "has the hidden weights can cut it again (avow split check)",
        "hidden weights: enough answers with the tensor between the parts may give them away",
    ]
    if first.statement.provider != second.statement.provider:
        said.append("provider: the parts were answered by two, each for its own")
    if not first.statement.domain == second.statement.domain == OFF_CHAIN:
        said.append("request: on a chain each part is an order of its own")
    if record.fidelity is not None:
        said.append("fidelity of both parts together: the split record's word")
    return tuple(said)
