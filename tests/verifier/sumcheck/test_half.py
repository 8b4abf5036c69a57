"""A bundle of `sumcheck/v1` through the verifier: what its records may and may not say."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from avow.verifier.bundle import Bundle
from avow.verifier.commitment import Scheme, commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_base64
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import ALONE
from avow.verifier.policy import Policy
from avow.verifier.program.program import Output, output_specs
from avow.verifier.records import (
    Fidelity,
    InputVisibility,
    ModelRecord,
    OutputShape,
    SrsClaim,
    SystemRecord,
    WeightVisibility,
)
from avow.verifier.srs import srs_digest
from avow.verifier.statement import OFF_CHAIN, Statement
from avow.verifier.systems.sumcheck.half import SumcheckSystem
from avow.verifier.systems.sumcheck.key import PROOF_FORMAT, SYSTEM_ID
from avow.verifier.systems.table import SYSTEMS
from avow.verifier.tensor import Tensor
from avow.verifier.trace import layout
from avow.verifier.trace.inputs import commit_as
from avow.verifier.verdict import Assurance, Hides, Verdict
from avow.verifier.verify import verify
from tests.verifier.sumcheck.example import make_key, small_case, small_program

pytestmark = pytest.mark.usefixtures("known_secret")

POLICY = Policy(unsafe_allow_unsafe_srs=True)


def model_record() -> ModelRecord:
    """A model whose program is the small one."""
    program = small_case().key.program
    shapes = program.shapes()
    return ModelRecord(
        name="small",
        version="1",
        onnx_sha256=keccak256(b"onnx"),
        inputs=program.inputs,
        outputs=tuple(OutputShape(item.name, shapes[item.tensor]) for item in program.outputs),
        licence="Apache-2.0",
        owner=bytes(20),
    )


def system_record(model: ModelRecord | None = None) -> SystemRecord:
    """The record of the small key."""
    key = small_case().key
    return SystemRecord(
        model=(model or model_record()).digest(),
        system=SYSTEM_ID,
        program=key.program.digest(),
        key=key.digest(),
        srs=SrsClaim(srs_digest(key.tau_g2), False),
        outputs=output_specs(key.program, key.bounds()),
        input_visibility=InputVisibility.PUBLIC,
        weight_visibility=WeightVisibility.FIXED,
        fidelity=Fidelity(256, "1", "0", "0"),
        constraints=100,
        proving_memory_bytes=2**20,
        evm_codehash=None,
        measurements=(),
        details=(("bits", "8"), ("observed", "-9:9")),
    )


def bundle(
    record: SystemRecord | None = None,
    model: ModelRecord | None = None,
    inputs: tuple[Tensor, ...] | None = None,
    outputs: tuple[Tensor, ...] | None = None,
    material: Any = None,
    scheme: Scheme = Scheme.PUBLIC,
) -> Bundle:
    """A bundle with a proof made for its own root, whatever its records say."""
    case = small_case()
    model = model or model_record()
    record = record or system_record(model)
    given, answered = inputs or case.inputs[0], outputs or case.outputs[0]
    statement = Statement(
        domain=OFF_CHAIN,
        model=model.digest(),
        system=SYSTEM_ID,
        program=record.program,
        key=record.key,
        input=commit_as(scheme, given),
        output=commit_public(answered),
        order=bytes(32),
        provider=bytes(20),
        nonce=1,
    )
    root = ALONE.root(statement.digest())
    return Bundle(
        statement=statement,
        path=ALONE,
        model=model,
        system=record,
        signature=None,
        inputs=given,
        salt=None,
        outputs=answered,
        proof={
            "format": PROOF_FORMAT,
            "batch": 1,
            "data": to_base64(case.prover(root).prove()),
        },
        material=case.key.to_json() if material is None else material,
    )


def decide(of: Bundle) -> Verdict:
    """The verdict under a policy that takes a string made for tests."""
    return verify(of.encode(), POLICY)


def test_the_system_is_known() -> None:
    assert isinstance(SYSTEMS[SYSTEM_ID], SumcheckSystem)
    assert SYSTEMS[SYSTEM_ID].system_id == SYSTEM_ID
    assert SYSTEMS[SYSTEM_ID].input_schemes == {Scheme.PUBLIC, Scheme.PUBLIC_TREE}


def test_an_input_by_its_root_is_evaluated_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "LARGEST_SHOWN", 0)
    made = bundle(scheme=Scheme.PUBLIC_TREE)
    assert decide(made).assurance is Assurance.PROVEN
    assert made.inputs is not None
    other = tuple(replace(one, values=one.values[::-1]) for one in made.inputs)
    with pytest.raises(VerificationError, match="the input is not the one"):
        decide(replace(made, inputs=other))
    # The proof is bound to the statement, scheme and all; and the model decides the scheme.
    monkeypatch.undo()
    with pytest.raises(VerificationError, match="by scheme 1, not 4"):
        decide(made)
    flat = replace(made.statement, input=commit_public(made.inputs))
    with pytest.raises(VerificationError) as refused:
        decide(replace(made, statement=flat))
    assert refused.value.step == "proof"


@pytest.mark.usefixtures("real_pairing")
def test_an_honest_bundle_is_proven_and_hides_nothing() -> None:
    verdict = decide(bundle())
    assert verdict.assurance is Assurance.PROVEN
    assert verdict.hides is Hides.NONE
    assert verdict.srs == srs_digest(small_case().key.tau_g2)
    assert verdict.srs_safe is False
    # What the key's rows hold is the record's word until somebody recomputes it.
    assert any(item.startswith("model binding") for item in verdict.not_checked)
    assert any("KZG" in item for item in verdict.rests_on)


def test_a_recomputed_record_leaves_no_doubt_about_the_key() -> None:
    policy = replace(POLICY, checked_records=(system_record().digest(),))
    verdict = verify(bundle().encode(), policy)
    assert not any(item.startswith("model binding") for item in verdict.not_checked)


def test_a_default_policy_refuses_a_string_made_locally() -> None:
    with pytest.raises(VerificationError, match="SRS is unsafe"):
        verify(bundle().encode(), Policy())


SPECS = system_record().outputs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"program": bytes(32)}, "program is not the record's"),
        ({"key": bytes(32)}, "does not hash to the record's key"),
        ({"outputs": (replace(SPECS[0], maximum=2**15 - 1),)}, "differ in the outputs"),
        ({"outputs": (replace(SPECS[0], scale=SPECS[0].scale + 1),)}, "differ in the outputs"),
        ({"measurements": (bytes(48),)}, "no measurements"),
        ({"details": (("secret", "x"),)}, "unknown 'secret'"),
        ({"srs": None}, "another SRS than recorded"),
        ({"srs": SrsClaim(bytes(32), True)}, "another SRS than recorded"),
        ({"weight_visibility": WeightVisibility.HASHED}, "claims to hide weights"),
        ({"input_visibility": InputVisibility.HASHED}, "hidden input"),
    ],
)
def test_a_record_that_says_otherwise_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(VerificationError, match=message):
        decide(bundle(replace(system_record(), **change)))


def test_a_record_may_name_the_contract_that_checks_its_proofs() -> None:
    # Whether it is the key's contract is for those to say who can make it again.
    decide(bundle(replace(system_record(), evm_codehash=bytes(32))))


def test_a_model_with_other_inputs_is_refused() -> None:
    spec = model_record().inputs[0]
    for other in (replace(spec, scale=spec.scale + 1), replace(spec, maximum=10)):
        model = replace(model_record(), inputs=(other,))
        with pytest.raises(VerificationError, match="differ in the inputs"):
            decide(bundle(model=model))


def test_a_model_with_other_outputs_is_refused() -> None:
    model = replace(model_record(), outputs=(OutputShape("other", SPECS[0].shape),))
    with pytest.raises(VerificationError, match="outputs are not those of the model"):
        decide(bundle(model=model))


def test_another_answer_is_refused() -> None:
    (answered,) = small_case().outputs[0]
    lied = replace(answered, values=(answered.values[0] - 1, *answered.values[1:]))
    with pytest.raises(VerificationError) as caught:
        decide(bundle(outputs=(lied,)))
    assert caught.value.step == "proof"


def test_another_question_is_refused() -> None:
    (given,) = small_case().inputs[0]
    other = replace(given, values=(given.values[0] - 1, *given.values[1:]))
    with pytest.raises(VerificationError) as caught:
        decide(bundle(inputs=(other,)))
    assert caught.value.step == "proof"


def test_a_proof_for_another_statement_is_refused() -> None:
    first = bundle()
    statement = replace(first.statement, nonce=2)
    with pytest.raises(VerificationError) as caught:
        decide(replace(first, statement=statement))
    assert caught.value.step == "proof"


def test_a_key_of_another_program_is_refused() -> None:
    program, blobs = small_program()
    other = replace(program, outputs=(Output("z", program.outputs[0].tensor),))
    with pytest.raises(VerificationError, match="program is not the record's"):
        decide(bundle(material=make_key(other, blobs).to_json()))


def _with(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda proof: proof.__setitem__(key, value)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_with("batch", 2), "an opening belongs to every sample of a batch"),
        (_with("batch", 1025), "batch must lie in"),
        (_with("opening", "0x" + "00" * 64), "an opening belongs to every sample of a batch"),
        (_with("opening", "0x00"), "opening"),
        (_with("batch", 0), "batch must lie in"),
        (_with("format", "avow-sumcheck-proof/2"), "format"),
        (_with("extra", 1), "unknown 'extra'"),
        (lambda proof: proof.pop("data"), "lacks 'data'"),
        (_with("data", "AAAA"), "ends after 3 bytes"),
        (_with("data", "AAA"), "base64"),
        (_with("data", "A" * (2**23)), "exceeds"),
        (_with("data", 5), "base64 text"),
    ],
)
def test_a_damaged_proof_object_is_refused(
    damage: Callable[[dict[str, Any]], None], message: str
) -> None:
    whole = bundle()
    assert isinstance(whole.proof, dict)
    proof: dict[str, Any] = dict(whole.proof)
    damage(proof)
    with pytest.raises(VerificationError, match=message):
        decide(replace(whole, proof=proof))


@pytest.mark.parametrize("value", [{}, [], "key", 5])
def test_material_that_is_no_key_is_refused(value: Any) -> None:
    with pytest.raises(VerificationError):
        decide(replace(bundle(), material=value))
