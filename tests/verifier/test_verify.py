"""verify(): what it accepts, and a liar at every step."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier import canonical
from avow.verifier import verify as verify_module
from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.commitment import Commitment, Scheme, commit_salted
from avow.verifier.errors import VerificationError
from avow.verifier.policy import Policy
from avow.verifier.records import InputVisibility, OutputShape, SrsClaim
from avow.verifier.statement import Domain
from avow.verifier.tensor import ElementType, Tensor
from avow.verifier.trace import layout
from avow.verifier.trace.inputs import commit_tree
from avow.verifier.verdict import Assurance, Hides, ModelBinding
from avow.verifier.verify import verify
from tests.verifier import examples
from tests.verifier.examples import Doubling
from tests.verifier.leaves import leaves, mutations

STRICT = Policy(record=examples.system_record().digest(), require_owner_signature=True)

pytestmark = pytest.mark.usefixtures("doubling")


def refused(bundle: Bundle, policy: Policy = STRICT) -> str:
    with pytest.raises(VerificationError) as caught:
        verify(bundle.encode(), policy)
    return caught.value.step


def test_an_honest_bundle_is_accepted() -> None:
    verdict = verify(examples.bundle().encode(), STRICT)
    assert verdict.assurance is Assurance.PROVEN
    assert verdict.final
    assert verdict.hides is Hides.NONE
    assert verdict.model_binding is ModelBinding.NOT_CHECKED
    assert verdict.outputs[0].values == (2, -4, 6)
    assert [step.name for step in verdict.steps] == [
        "parse",
        "system",
        "records",
        "tensors",
        "proof",
        "policy",
    ]
    assert any("model binding" in item for item in verdict.not_checked)


def test_every_leaf_tampered_is_refused() -> None:
    whole = canonical.parse(examples.bundle().encode(), 2**20, "bundle")
    visited = set()
    for path in leaves(whole):
        changed = list(mutations(whole, path))
        assert changed, path
        for mutated in changed:
            with pytest.raises(VerificationError):
                verify(canonical.encode(mutated), STRICT)
        visited.add(path)
    assert visited == set(leaves(whole))
    assert len(visited) > 40


def test_every_key_removed_or_added_is_refused() -> None:
    whole = canonical.parse(examples.bundle().encode(), 2**20, "bundle")
    assert isinstance(whole, dict)
    for key in whole:
        less = {name: item for name, item in whole.items() if name != key}
        with pytest.raises(VerificationError):
            verify(canonical.encode(less), STRICT)
    with pytest.raises(VerificationError):
        verify(canonical.encode({**whole, "extra": 1}), STRICT)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_every_flipped_byte_is_refused(at: int, flip: int) -> None:
    data = bytearray(examples.bundle().encode())
    data[at % len(data)] ^= flip
    with pytest.raises(VerificationError):
        verify(bytes(data), STRICT)


@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(VerificationError):
        verify(data, STRICT)


def test_trailing_bytes_are_refused() -> None:
    for tail in (b"\n", b" ", b"{}", b"\0"):
        with pytest.raises(VerificationError):
            verify(examples.bundle().encode() + tail, STRICT)


def test_an_unknown_system_is_refused() -> None:
    lie = replace(examples.bundle(), statement=replace(examples.statement(), system="magic/v1"))
    assert refused(lie) == "system"


def test_a_retired_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(verify_module.RETIRED, "doubling/v1", "withdrawn for this test")
    assert refused(examples.bundle()) == "system"


Lie = Callable[[Bundle], Bundle]


def _other_program(bundle: Bundle) -> Bundle:
    return replace(bundle, statement=replace(bundle.statement, program=bytes(32)))


def _other_model(bundle: Bundle) -> Bundle:
    return replace(bundle, model=replace(bundle.model, name="better"))


def _other_record_of_model(bundle: Bundle) -> Bundle:
    return replace(bundle, system=replace(bundle.system, model=b"\x09" * 32))


def _other_outputs_schema(bundle: Bundle) -> Bundle:
    model = replace(bundle.model, outputs=(OutputShape("z", (1, 3)),))
    system = replace(bundle.system, model=model.digest())
    about = replace(bundle.statement, model=model.digest())
    signature = examples.sign(system.digest())
    return replace(bundle, model=model, system=system, statement=about, signature=signature)


def _signed_by_a_stranger(bundle: Bundle) -> Bundle:
    return replace(bundle, signature=examples.sign(bundle.system.digest(), examples.STRANGER))


@pytest.mark.parametrize(
    "lie",
    [
        _other_program,
        _other_model,
        _other_record_of_model,
        _other_outputs_schema,
        _signed_by_a_stranger,
    ],
)
def test_a_liar_fails_at_records(lie: Lie) -> None:
    lied = examples.prove(lie(examples.bundle()))
    assert refused(lied, Policy()) == "records"


def _output_not_public(bundle: Bundle) -> Bundle:
    output = Commitment(Scheme.SALTED, bundle.statement.output.value)
    return replace(bundle, statement=replace(bundle.statement, output=output))


def _other_output(bundle: Bundle) -> Bundle:
    return replace(bundle, outputs=(Tensor(ElementType.INT32, (1, 3), (2, -4, 8)),))


def _output_out_of_range(bundle: Bundle) -> Bundle:
    return replace(bundle, outputs=(Tensor(ElementType.INT32, (1, 3), (2, -4, 201)),))


def _two_outputs(bundle: Bundle) -> Bundle:
    return replace(bundle, outputs=bundle.outputs * 2)


def _other_input(bundle: Bundle) -> Bundle:
    return replace(bundle, inputs=(Tensor(ElementType.INT16, (1, 3), (1, -2, 4)),))


def _input_of_other_type(bundle: Bundle) -> Bundle:
    return replace(bundle, inputs=(Tensor(ElementType.INT8, (1, 3), (1, -2, 3)),))


def _no_input(bundle: Bundle) -> Bundle:
    return replace(bundle, inputs=None)


def _foreign_scheme(bundle: Bundle) -> Bundle:
    given = Commitment(Scheme.EZKL_POSEIDON, bundle.statement.input.value)
    return replace(bundle, statement=replace(bundle.statement, input=given))


def _rooted(bundle: Bundle) -> Bundle:
    about = replace(bundle.statement, input=commit_tree(bundle.inputs or ()))
    return replace(bundle, statement=about)


def _rooted_and_other_input(bundle: Bundle) -> Bundle:
    return _other_input(_rooted(bundle))


def _rooted_and_another_shape(bundle: Bundle) -> Bundle:
    given = commit_tree([Tensor(ElementType.INT16, (3,), (1, -2, 3))])
    return replace(bundle, statement=replace(bundle.statement, input=given))


def _digest_as_root(bundle: Bundle) -> Bundle:
    given = Commitment(Scheme.PUBLIC_TREE, bundle.statement.input.value)
    return replace(bundle, statement=replace(bundle.statement, input=given))


def _root_as_digest(bundle: Bundle) -> Bundle:
    given = Commitment(Scheme.PUBLIC, commit_tree(bundle.inputs or ()).value)
    return replace(bundle, statement=replace(bundle.statement, input=given))


def _rooted_and_salted(bundle: Bundle) -> Bundle:
    return replace(_rooted(bundle), salt=bytes(32))


def _rooted_output(bundle: Bundle) -> Bundle:
    output = commit_tree(bundle.outputs)
    return replace(bundle, statement=replace(bundle.statement, output=output))


def _hidden_but_rooted(bundle: Bundle) -> Bundle:
    return replace(_hidden_but_unsalted(_rooted(bundle)), inputs=None)


def _salt_without_need(bundle: Bundle) -> Bundle:
    return replace(bundle, salt=bytes(32))


def _salted(bundle: Bundle, salt: bytes = b"\x05" * 32) -> Bundle:
    inputs = bundle.inputs or ()
    about = replace(bundle.statement, input=commit_salted(inputs, salt))
    return replace(bundle, statement=about, salt=salt)


def _wrong_salt(bundle: Bundle) -> Bundle:
    return replace(_salted(bundle), salt=b"\x06" * 32)


def _missing_salt(bundle: Bundle) -> Bundle:
    return replace(_salted(bundle), salt=None)


def _hidden_but_unsalted(bundle: Bundle) -> Bundle:
    system = replace(bundle.system, input_visibility=InputVisibility.HASHED)
    return replace(bundle, system=system, signature=examples.sign(system.digest()))


@pytest.mark.parametrize(
    "lie",
    [
        _output_not_public,
        _other_output,
        _output_out_of_range,
        _two_outputs,
        _other_input,
        _input_of_other_type,
        _no_input,
        _foreign_scheme,
        _rooted,
        _root_as_digest,
        _rooted_output,
        _hidden_but_rooted,
        _salt_without_need,
        _wrong_salt,
        _missing_salt,
        _hidden_but_unsalted,
    ],
)
def test_a_liar_fails_at_tensors(lie: Lie) -> None:
    lied = examples.prove(lie(examples.bundle()))
    assert refused(lied, Policy()) == "tensors"


@pytest.fixture
def nothing_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example's input, of six bytes, counts as too large to be shown."""
    monkeypatch.setattr(layout, "LARGEST_SHOWN", 5)


@pytest.mark.usefixtures("nothing_shown")
def test_a_large_input_is_compared_with_the_root_that_the_statement_names() -> None:
    verdict = verify(examples.prove(_rooted(examples.bundle())).encode(), STRICT)
    assert verdict.outputs[0].values == (2, -4, 6)


@pytest.mark.usefixtures("nothing_shown")
@pytest.mark.parametrize(
    "lie",
    [
        lambda bundle: bundle,
        _rooted_and_other_input,
        _rooted_and_another_shape,
        _digest_as_root,
        _rooted_and_salted,
        _hidden_but_rooted,
    ],
)
def test_a_liar_about_a_large_input_fails_at_tensors(lie: Lie) -> None:
    assert refused(examples.prove(lie(examples.bundle())), Policy()) == "tensors"


def test_the_models_inputs_decide_how_they_are_committed_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever signs under the other public scheme says nothing that a proof could contradict."""
    flat = examples.bundle()
    for shown, wrong, line in (
        (6, _rooted(flat), "committed to by scheme 1, not 4"),
        (5, flat, "committed to by scheme 4, not 1"),
    ):
        monkeypatch.setattr(layout, "LARGEST_SHOWN", shown)
        with pytest.raises(VerificationError, match=f"the model's inputs are {line}"):
            verify(examples.prove(wrong).encode(), STRICT)
    # A system that takes no roots keeps the digest.
    monkeypatch.setattr(examples.Doubling, "input_schemes", frozenset({Scheme.PUBLIC}))
    assert verify(flat.encode(), STRICT).outputs[0].values == (2, -4, 6)
    with pytest.raises(VerificationError, match="doubling/v1 binds no input of scheme 4"):
        verify(examples.prove(_rooted(flat)).encode(), STRICT)


def test_a_salted_input_is_opened_by_its_salt() -> None:
    verdict = verify(examples.prove(_salted(examples.bundle())).encode(), STRICT)
    assert verdict.outputs[0].values == (2, -4, 6)


def test_a_proof_of_another_statement_is_refused() -> None:
    stale = replace(examples.bundle(), statement=examples.statement(nonce=8))
    assert refused(stale) == "proof"


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_each_of_a_batch_verifies_alone(count: int) -> None:
    for index in range(count):
        bundle = examples.in_batch(count, index)
        assert verify(bundle.encode(), STRICT).statement == bundle.statement.digest()
        stolen = replace(bundle, statement=examples.statement(nonce=99))
        assert refused(stolen) == "proof"


def test_a_record_that_claims_an_srs_the_proof_did_not_use_is_refused() -> None:
    system = replace(examples.system_record(), srs=SrsClaim(bytes(32), True))
    lied = replace(examples.bundle(), system=system, signature=examples.sign(system.digest()))
    assert refused(lied, Policy()) == "proof"


@pytest.mark.parametrize(
    "policy",
    [
        Policy(model=bytes(32)),
        Policy(systems=("ezkl/v1",)),
        Policy(record=bytes(32)),
        Policy(program=bytes(32)),
        Policy(domain=Domain(1, b"\x01" * 20)),
        Policy(order=b"\x01" * 32),
        Policy(provider=b"\x01" * 20),
        Policy(nonce=8),
        Policy(hides=Hides.INPUTS),
        Policy(inputs=(Tensor(ElementType.INT16, (1, 3), (0, 0, 0)),)),
        Policy(outputs=(Tensor(ElementType.INT32, (1, 3), (0, 0, 0)),)),
        Policy(measurements=(b"\x01" * 48,)),
        Policy(require_model_binding=True),
        Policy(require_model_binding=True, checked_records=(bytes(32),)),
    ],
)
def test_the_policy_is_insisted_on(policy: Policy) -> None:
    assert refused(examples.bundle(), policy) == "policy"


def test_a_policy_that_pins_everything_right_accepts() -> None:
    bundle = examples.bundle()
    about = bundle.statement
    verdict = verify(
        bundle.encode(),
        Policy(
            model=about.model,
            systems=("ezkl/v1", "doubling/v1"),
            record=bundle.system.digest(),
            program=about.program,
            domain=about.domain,
            order=about.order,
            provider=about.provider,
            nonce=about.nonce,
            inputs=bundle.inputs,
            outputs=bundle.outputs,
            checked_records=(bundle.system.digest(),),
            measurements=(bytes(48),),
            require_owner_signature=True,
            require_model_binding=True,
        ),
    )
    assert verdict.model_binding is ModelBinding.CHECKED
    # An owner's signature makes a figure the owner's, not true.
    assert verdict.not_checked == ("system record: its fidelity and cost are the owner's claim",)


def test_an_unsigned_record_says_so() -> None:
    unsigned = replace(examples.bundle(), signature=None)
    assert refused(unsigned, STRICT) == "policy"
    verdict = verify(unsigned.encode(), Policy())
    assert "NOT SIGNED" in verdict.records
    assert any("system record" in item for item in verdict.not_checked)


def test_weaker_evidence_than_asked_for_is_refused(doubling: Doubling) -> None:
    doubling.assurance = Assurance.SIMULATED
    assert refused(examples.bundle(), Policy()) == "policy"
    allowed = Policy(minimum_assurance=Assurance.SIMULATED, measurements=(bytes(48),))
    assert verify(examples.bundle().encode(), allowed).assurance is Assurance.SIMULATED
    # An attestation without a measurement to compare with fails closed.
    assert refused(examples.bundle(), replace(allowed, measurements=())) == "policy"


def test_no_time_makes_evidence_final_that_may_be_challenged(doubling: Doubling) -> None:
    doubling.assurance = Assurance.CHALLENGEABLE
    doubling.final_at = 1000
    policy = Policy(minimum_assurance=Assurance.CHALLENGEABLE)
    data = examples.bundle().encode()
    for at in (None, 0, 999, 1000, 2**60):
        verdict = verify(data, policy, at)
        assert (verdict.final, verdict.final_at) == (False, 1000)
        over = any("1000 is over" in line for line in verdict.not_checked)
        assert over is (at is not None and at >= 1000)


def test_a_half_that_breaks_is_not_convinced(
    doubling: Doubling, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Doubling, evidence: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Doubling, "verify", broken)
    assert refused(examples.bundle()) == "proof"


def test_a_bundle_reads_back() -> None:
    bundle = examples.bundle()
    assert parse_bundle(bundle.encode()) == bundle
