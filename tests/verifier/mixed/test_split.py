"""Two bundles of a split model: both parts, one tensor, and never more than the weaker part."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier import canonical
from avow.verifier import verify as verify_module
from avow.verifier.attestation.policy import AttestationPolicy
from avow.verifier.bundle import Bundle
from avow.verifier.cli import main
from avow.verifier.commitment import commit_public, commit_salted
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import ALONE
from avow.verifier.mixed.split import SplitVerdict, verify_split
from avow.verifier.mixed.split_record import Between, Part, SplitRecord, parse_split_record
from avow.verifier.policy import Policy
from avow.verifier.records import (
    Fidelity,
    InputVisibility,
    ModelRecord,
    OutputShape,
    WeightVisibility,
)
from avow.verifier.statement import Domain, Statement
from avow.verifier.systems.optimistic.sample import Sample
from avow.verifier.systems.optimistic.settlement import Anchor
from avow.verifier.systems.system import Evidence, Findings
from avow.verifier.systems.tee.terms import Terms
from avow.verifier.tensor import ElementType, Tensor, TensorSpec
from avow.verifier.trace import layout
from avow.verifier.trace.inputs import commit_tree
from avow.verifier.verdict import Assurance, Hides
from tests.verifier.examples import Doubling, model_record, prove, system_record

KIND, SHAPE = ElementType.INT32, (1, 3)
LENIENT = Policy(minimum_assurance=Assurance.CHALLENGEABLE)
NOW = 1_800_000_000


class Hiding(Doubling):
    """A first part: proves, and hides its weights if the record says so."""

    system_id = "hiding/v1"

    def verify(self, evidence: Evidence) -> Findings:
        hidden = evidence.system.weight_visibility is WeightVisibility.HASHED
        found = super().verify(evidence)
        return replace(found, hides=Hides.WEIGHTS if hidden else Hides.NONE)


class HidingBoth(Doubling):
    """Proves a part whose input and weights are hidden, or whose input alone is."""

    system_id = "hiding-both/v1"
    final_at: int | None = None

    def verify(self, evidence: Evidence) -> Findings:
        hidden = evidence.system.weight_visibility is WeightVisibility.HASHED
        hides = Hides.BOTH if hidden else Hides.INPUTS
        return Findings(Assurance.PROVEN, hides, None, "hidden")


class Claiming(Doubling):
    """A second part: claimed, and challengeable for a while unless its policy names a chain."""

    system_id = "claiming/v1"
    assurance = Assurance.CHALLENGEABLE
    final_at = NOW + 3600


@pytest.fixture(autouse=True)
def systems(monkeypatch: pytest.MonkeyPatch) -> Claiming:
    """Both systems are known."""
    claiming = Claiming()
    for system in (Hiding(), HidingBoth(), claiming):
        monkeypatch.setitem(verify_module.SYSTEMS, system.system_id, system)
    return claiming


def model(name: str, given: TensorSpec, output: str) -> ModelRecord:
    """A part that doubles what it is given."""
    return replace(
        model_record(),
        name=name,
        onnx_sha256=keccak256(name.encode()),
        inputs=(given,),
        outputs=(OutputShape(output, SHAPE),),
    )


FIRST_MODEL = model("first", TensorSpec("x", KIND, SHAPE, 4, -100, 100), "t")
SECOND_MODEL = model("second", TensorSpec("t", KIND, SHAPE, 6, -1000, 1000), "y")


def bundle(
    about: ModelRecord,
    system: str,
    output: TensorSpec,
    values: tuple[int, ...],
    weights: WeightVisibility = WeightVisibility.FIXED,
    nonce: int = 7,
) -> Bundle:
    """A proven bundle of one part."""
    record = replace(
        system_record(),
        model=about.digest(),
        system=system,
        outputs=(output,),
        weight_visibility=weights,
    )
    kind = about.inputs[0].element_type
    before = Tensor(kind, SHAPE, values)
    after = Tensor(output.element_type, SHAPE, tuple(2 * value for value in values))
    statement = Statement(
        domain=Domain(0, bytes(20)),
        model=about.digest(),
        system=system,
        program=record.program,
        key=record.key,
        input=commit_public([before]),
        output=commit_public([after]),
        order=bytes(32),
        provider=bytes(20),
        nonce=nonce,
    )
    return prove(
        Bundle(
            statement=statement,
            path=ALONE,
            model=about,
            system=record,
            signature=None,
            inputs=(before,),
            salt=None,
            outputs=(after,),
            proof={},
            material={"key": "key"},
        )
    )


def first(
    values: tuple[int, ...] = (1, -2, 3),
    weights: WeightVisibility = WeightVisibility.HASHED,
    nonce: int = 7,
) -> Bundle:
    """The first part's bundle: hides its weights, ends in `t`."""
    return bundle(
        FIRST_MODEL, "hiding/v1", TensorSpec("t", KIND, SHAPE, 6, -200, 200), values, weights, nonce
    )


def second(values: tuple[int, ...] = (2, -4, 6), nonce: int = 7) -> Bundle:
    """The second part's bundle: begins with `t`."""
    return bundle(
        SECOND_MODEL,
        "claiming/v1",
        TensorSpec("y", KIND, SHAPE, 6, -2000, 2000),
        values,
        nonce=nonce,
    )


def part(of: Bundle) -> Part:
    """What a record names of a bundle."""
    return Part(of.model.digest(), of.system.digest())


def record(opening: Bundle | None = None, rest: Bundle | None = None) -> SplitRecord:
    """The split's record."""
    return SplitRecord(
        Between("t", KIND, SHAPE, 6),
        part(opening or first()),
        part(rest or second()),
        whole=keccak256(b"whole"),
        fidelity=Fidelity(300, "0.99", "0.5", "0.1"),
    )


def judge(
    opening: Bundle,
    rest: Bundle,
    about: SplitRecord | None = None,
    policy: Policy = LENIENT,
) -> SplitVerdict:
    """The verdict on two bundles."""
    return verify_split(opening.encode(), rest.encode(), about or record(), policy, NOW)


def refused(step: str, reason: str, attempt: Callable[[], object]) -> None:
    """The attempt is refused, at this step and with these words."""
    with pytest.raises(VerificationError) as caught:
        attempt()
    assert (caught.value.step, reason in caught.value.message) == (step, True), str(caught.value)


def test_both_parts_together_are_worth_what_the_weaker_is() -> None:
    verdict = judge(first(), second())
    assert verdict.first.assurance is Assurance.PROVEN
    assert verdict.first.hides is Hides.WEIGHTS
    assert verdict.second.assurance is verdict.assurance is Assurance.CHALLENGEABLE
    assert (verdict.final, verdict.final_at) == (False, NOW + 3600)
    said = verdict.to_json()
    assert isinstance(said, dict)
    assert said["assurance"] == "CHALLENGEABLE" and said["final"] is False
    assert said["hides"] == "weights"
    assert any("only who has the hidden weights" in item for item in verdict.not_checked)
    refused("policy", "second part: the policy asks for PROVEN", lambda: proven())


def proven() -> SplitVerdict:
    """The default policy asks for a proof of everything."""
    return judge(first(), second(), policy=Policy())


def test_what_is_settled_is_final(systems: Claiming) -> None:
    systems.assurance, systems.final_at = Assurance.SETTLED, None
    verdict = judge(first(), second())
    assert verdict.assurance is Assurance.SETTLED
    assert verdict.final and verdict.final_at is None
    systems.assurance = Assurance.PROVEN
    assert judge(first(), second(), policy=Policy()).assurance is Assurance.PROVEN


@pytest.mark.parametrize(
    "values", [(2, -4, 7), (3, -4, 6), (2, 4, 6), (0, 0, 0)], ids=["unit", "unit-0", "sign", "all"]
)
def test_another_tensor_between_is_refused(values: tuple[int, ...]) -> None:
    """The second part is honestly claimed for what the first did not give, by one unit or more."""
    lie = second(values)
    assert verify_module.verify(lie.encode(), LENIENT).final_at == NOW + 3600
    refused("split", "begins with another tensor", lambda: judge(first(), lie))


def test_the_first_difference_is_named() -> None:
    refused("split", "ends in at 2: 6 and 7", lambda: judge(first(), second((2, -4, 7))))


def test_parts_in_the_other_order_are_refused() -> None:
    refused("split", "first bundle is of the other part", lambda: judge(second(), first()))
    refused("split", "second bundle is of the other part", lambda: judge(first(), first()))


def test_a_part_of_another_split_is_refused() -> None:
    other = replace(SECOND_MODEL, onnx_sha256=keccak256(b"other"))
    output = TensorSpec("y", KIND, SHAPE, 6, -2000, 2000)
    foreign = bundle(other, "claiming/v1", output, (2, -4, 6))
    refused("split", "second bundle is of another model", lambda: judge(first(), foreign))
    refused(
        "split",
        "second bundle is of another model",
        lambda: judge(first(), second(), record(rest=foreign)),
    )


def test_shown_weights_are_refused_even_where_the_record_names_them() -> None:
    shown = first(weights=WeightVisibility.FIXED)
    refused("split", "first bundle is of another system record", lambda: judge(shown, second()))
    refused(
        "policy",
        "first part: the policy asks to hide weights, this hides none",
        lambda: judge(shown, second(), record(opening=shown)),
    )


def test_a_first_part_that_is_only_claimed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Hiding, "assurance", Assurance.CHALLENGEABLE)
    refused("policy", "first part: the policy asks for PROVEN", lambda: judge(first(), second()))


@pytest.mark.parametrize(
    "change",
    [{"scale": 5}, {"name": "u"}, {"shape": (3, 1)}, {"element_type": ElementType.INT64}],
    ids=lambda change: next(iter(change)),
)
def test_a_record_of_another_tensor_is_refused(change: dict[str, object]) -> None:
    about = replace(record(), between=replace(record().between, **change))  # type: ignore[arg-type]
    refused(
        "split", "is not the tensor that the split names", lambda: judge(first(), second(), about)
    )


@pytest.mark.parametrize("scale", [5, 7])
def test_the_same_integers_may_not_mean_something_else(scale: int) -> None:
    """A second part that reads the first part's integers at another scale."""
    other = replace(SECOND_MODEL, inputs=(replace(SECOND_MODEL.inputs[0], scale=scale),))
    output = TensorSpec("y", KIND, SHAPE, 6, -2000, 2000)
    foreign = bundle(other, "claiming/v1", output, (2, -4, 6))
    about = record(rest=foreign)
    assert foreign.inputs == second().inputs
    refused(
        "split",
        "second part's input is not the tensor",
        lambda: judge(first(), foreign, about),
    )


@pytest.mark.parametrize("scale", [5, 7])
def test_nor_may_they_have_meant_something_else_before(scale: int) -> None:
    """A first part that gives the second's integers at another scale."""
    output = TensorSpec("t", KIND, SHAPE, scale, -200, 200)
    weights = WeightVisibility.HASHED
    other = bundle(FIRST_MODEL, "hiding/v1", output, (1, -2, 3), weights)
    assert other.outputs == first().outputs
    refused(
        "split",
        "first part's output is not the tensor",
        lambda: judge(other, second(), record(opening=other)),
    )


def test_a_record_that_names_a_model_and_anothers_system_is_refused() -> None:
    about = record()
    mixed = replace(about, first=Part(keccak256(b"other"), about.first.record))
    refused("split", "first bundle is of another model", lambda: judge(first(), second(), mixed))
    mixed = replace(about, second=Part(keccak256(b"other"), about.second.record))
    refused("split", "second bundle is of another model", lambda: judge(first(), second(), mixed))


def test_what_is_asked_of_claims_and_enclaves_is_asked_of_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, Evidence] = {}
    for system in (Hiding, Claiming):
        honest = system.verify

        def noting(
            self: Doubling,
            evidence: Evidence,
            honest: Callable[..., Findings] = honest,
        ) -> Findings:
            asked[self.system_id] = evidence
            return honest(self, evidence)

        monkeypatch.setattr(system, "verify", noting)
    measured = b"\7" * 48
    rest = second()
    enclave = replace(rest.system, measurements=(measured,))
    rest = replace(rest, system=enclave)
    policy = replace(
        LENIENT,
        sample=Sample(3, bytes(32)),
        anchor=Anchor(b"\1" * 20, b"\2" * 32),
        attestation=Terms(1, AttestationPolicy()),
        measurements=(measured,),
    )
    judge(first(), rest, record(rest=rest), policy)
    one, other = asked["hiding/v1"], asked["claiming/v1"]
    assert (one.sample, one.anchor, one.attestation) == (None, None, None)
    assert (other.sample, other.anchor) == (policy.sample, policy.anchor)
    assert other.attestation is policy.attestation
    refused(
        "policy",
        "second part: no measurement of the record is one that the policy allows",
        lambda: judge(first(), second(), policy=policy),
    )


def test_a_wider_integer_is_another_tensor() -> None:
    wide = replace(SECOND_MODEL.inputs[0], element_type=ElementType.INT64)
    other = replace(SECOND_MODEL, inputs=(wide,))
    output = TensorSpec("y", KIND, SHAPE, 6, -2000, 2000)
    foreign = bundle(other, "claiming/v1", output, (2, -4, 6))
    about = record(rest=foreign)
    refused("split", "second part's input is not", lambda: judge(first(), foreign, about))


def test_a_large_tensor_between_is_committed_to_by_its_root(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As an input too large to be shown is; of an output it is no commitment."""
    monkeypatch.setattr(layout, "LARGEST_SHOWN", 0)
    begun, rest = first(), second()
    assert begun.inputs is not None
    statement = replace(begun.statement, input=commit_tree(begun.inputs))
    begun = prove(replace(begun, statement=statement))
    assert rest.inputs is not None
    statement = replace(rest.statement, input=commit_tree(rest.inputs))
    verdict = judge(begun, prove(replace(rest, statement=statement)))
    assert verdict.second.statement == statement.digest()
    other = replace(rest.inputs[0], values=tuple(reversed(rest.inputs[0].values)))
    statement = replace(rest.statement, input=commit_tree([other]))
    lying = prove(replace(rest, statement=statement))
    refused("tensors", "second part: the input is not the one", lambda: judge(begun, lying))


def test_equal_tensors_under_another_commitment_are_refused() -> None:
    salt = bytes(range(32))
    rest = second()
    assert rest.inputs is not None
    statement = replace(rest.statement, input=commit_salted(rest.inputs, salt))
    salted = prove(replace(rest, statement=statement, salt=salt))
    refused("split", "statements commit to different tensors", lambda: judge(first(), salted))


def test_answers_to_two_requests_are_refused() -> None:
    refused("split", "their nonces differ", lambda: judge(first(), second(nonce=8)))
    policy = replace(LENIENT, nonce=8)
    assert judge(first(nonce=8), second(nonce=8), policy=policy).final_at == NOW + 3600
    refused("policy", "another nonce", lambda: judge(first(), second(), policy=policy))


def hidden_input(shown: Bundle, system: str, weights: WeightVisibility) -> Bundle:
    """The same part by a system that hides its input."""
    assert shown.inputs is not None
    salt = bytes(32)
    record = replace(
        shown.system,
        system=system,
        input_visibility=InputVisibility.HASHED,
        weight_visibility=weights,
    )
    committed = commit_salted(shown.inputs, salt)
    statement = replace(shown.statement, system=system, input=committed)
    return replace(shown, statement=statement, system=record, inputs=None, salt=salt)


def test_a_first_part_may_hide_its_input_as_well() -> None:
    opening = hidden_input(first(), "hiding-both/v1", WeightVisibility.HASHED)
    about = record(opening=opening)
    for wanted in (None, *(one for one in Hides if one is not Hides.NONE)):
        verdict = judge(opening, second(), about, replace(LENIENT, hides=wanted))
        assert verdict.first.hides is Hides.BOTH
    refused(
        "policy",
        "first part: the policy holds an input, but the bundle hides its own",
        lambda: judge(opening, second(), about, replace(LENIENT, inputs=first().inputs)),
    )
    alone = hidden_input(first(), "hiding-both/v1", WeightVisibility.FIXED)
    refused(
        "policy",
        "first part: the policy asks to hide weights, this hides inputs",
        lambda: judge(alone, second(), record(opening=alone)),
    )


def test_a_second_part_must_show_what_it_begins_with() -> None:
    rest = hidden_input(second(), "hiding-both/v1", WeightVisibility.FIXED)
    refused(
        "split",
        "the second bundle does not show the tensor it begins with",
        lambda: judge(first(), rest, record(rest=rest)),
    )


def test_a_second_part_on_a_chain_is_an_order_of_its_own() -> None:
    """Its nonce is the order's, and the verdict says what that leaves open."""
    rest = second()
    domain = Domain(31337, b"\1" * 20)
    ordered = replace(rest.statement, domain=domain, order=b"\2" * 32, nonce=99)
    verdict = judge(first(), prove(replace(rest, statement=ordered)))
    assert any(item.startswith("request: on a chain") for item in verdict.not_checked)
    served = replace(ordered, provider=b"\3" * 20)
    verdict = judge(first(), prove(replace(rest, statement=served)))
    assert any(item.startswith("provider: ") for item in verdict.not_checked)
    assert not any(item.startswith("provider: ") for item in judge(first(), rest).not_checked)


def test_a_false_part_is_refused() -> None:
    wrong = replace(first(), proof=second().proof)
    refused("proof", "first part: bound to another statement", lambda: judge(wrong, second()))
    claim = replace(second(), proof=first().proof)
    refused("proof", "second part: bound to another statement", lambda: judge(first(), claim))


def test_a_policy_is_about_the_whole() -> None:
    given, answer = first().inputs, second().outputs
    assert judge(first(), second(), policy=replace(LENIENT, inputs=given, outputs=answer))
    refused(
        "policy",
        "first part: the policy asks for another input",
        lambda: judge(first(), second(), policy=replace(LENIENT, inputs=first().outputs)),
    )
    refused(
        "policy",
        "second part: the policy asks for another output",
        lambda: judge(first(), second(), policy=replace(LENIENT, outputs=first().outputs)),
    )
    refused(
        "policy",
        "first part: the policy asks to hide both",
        lambda: judge(first(), second(), policy=replace(LENIENT, hides=Hides.INPUTS)),
    )
    strict = replace(LENIENT, require_model_binding=True, checked_records=(part(first()).record,))
    refused(
        "policy",
        "second part: the policy asks for a record recomputed",
        lambda: judge(first(), second(), policy=strict),
    )
    for name, value in (
        ("model", bytes(32)),
        ("record", bytes(32)),
        ("program", bytes(32)),
        ("systems", ("ezkl/v1",)),
    ):
        refused(
            "policy",
            f"the split record names the {name}",
            lambda: judge(first(), second(), policy=replace(LENIENT, **{name: value})),  # noqa: B023
        )


def test_a_record_is_read_as_it_was_written() -> None:
    about = record()
    assert parse_split_record(about.encode()) == about
    bare = replace(about, whole=None, fidelity=None)
    assert parse_split_record(bare.encode()) == bare
    assert bare.digest() != about.digest()
    value = canonical.parse(about.encode(), 10**6, "record")
    assert isinstance(value, dict)
    for broken, reason in (
        (value | {"more": 1}, "unknown 'more'"),
        ({key: item for key, item in value.items() if key != "tensor"}, "lacks 'tensor'"),
        (value | {"second": value["first"]}, "are the same model"),
        (value | {"format": "avow-split/2"}, "must be one of"),
        (value | {"whole_onnx_sha256": "0x00"}, "32 bytes"),
    ):
        with pytest.raises(VerificationError) as caught:
            parse_split_record(canonical.encode(broken))
        assert reason in caught.value.message
    with pytest.raises(VerificationError, match="not canonical"):
        parse_split_record(json.dumps(value, indent=1).encode())


@given(st.binary(max_size=200), st.integers(0, 10_000))
def test_no_bytes_escape_the_parser(noise: bytes, at: int) -> None:
    honest = record().encode()
    cut = at % len(honest)
    for data in (noise, honest[:cut] + noise + honest[cut:]):
        try:
            found = parse_split_record(data)
        except VerificationError:
            continue
        assert found.encode() == data


@dataclass(frozen=True, slots=True)
class Files:
    """Both bundles, the record and a policy on disk."""

    folder: Path

    def arguments(self, *more: str) -> list[str]:
        """What is typed, in the right order."""
        names = [str(self.folder / name) for name in ("first", "second", "record", "policy")]
        return [names[0], names[1], "--split", names[2], "--policy", names[3], *more]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """An honest pair."""
    (tmp_path / "first").write_bytes(first().encode())
    (tmp_path / "second").write_bytes(second().encode())
    (tmp_path / "record").write_bytes(record().encode())
    policy = {"format": "avow-policy/1", "minimum_assurance": "CHALLENGEABLE"}
    (tmp_path / "policy").write_text(json.dumps(policy))
    return Files(tmp_path)


def test_the_status_says_that_it_is_not_final(
    files: Files, systems: Claiming, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(files.arguments()) == 3
    said = capsys.readouterr().out
    assert said.startswith(f"ACCEPTED: CHALLENGEABLE until {NOW + 3600} (says the claim)")
    assert "no more than the weaker part: PROVEN, then CHALLENGEABLE" in said
    assert "hides          the first part's weights" in said
    assert "shows          't' between the parts (int32 1x3, scale 6)" in said
    assert main(files.arguments("--json")) == 3
    assert json.loads(capsys.readouterr().out)["second"]["assurance"] == "CHALLENGEABLE"
    # That the time is over says nothing of what became of the claim.
    assert main(files.arguments("--at", str(NOW + 9999))) == 3
    systems.final_at_by = "chain"
    capsys.readouterr()
    assert main(files.arguments("--json")) == 3
    value = json.loads(capsys.readouterr().out)
    assert (value["final_at"], value["final_at_by"]) == (NOW + 3600, "chain")
    systems.assurance, systems.final_at = Assurance.SETTLED, None
    assert main(files.arguments()) == 0


def test_the_status_says_that_it_is_refused(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = files.arguments()
    assert main([arguments[1], arguments[0], *arguments[2:]]) == 1
    assert capsys.readouterr().out.startswith("REJECTED at step split: the first bundle is of")
    assert main([*arguments[:4], "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["step"] == "policy"


def test_what_cannot_be_used_is_no_verdict(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    (files.folder / "record").write_bytes(b"{}")
    assert main(files.arguments()) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "split lacks" in said.err
    (files.folder / "record").unlink()
    assert main(files.arguments()) == 2
    assert "No such file" in capsys.readouterr().err
    (files.folder / "record").write_bytes(record().encode())
    arguments = files.arguments()
    assert main([arguments[0], *arguments[2:]]) == 2
    assert "expected two bundles, FIRST and SECOND, got 1" in capsys.readouterr().err
