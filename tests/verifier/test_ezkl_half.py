"""The checking half of ezkl/v1 accepts honest bundles and refuses every altered one."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avow.circuits.errors import StepFailed
from avow.circuits.ezkl.child import run
from avow.circuits.ezkl.graph import graft
from avow.circuits.ezkl.witness import Circuit, input_document, material, prove
from avow.verifier.bundle import Bundle
from avow.verifier.canonical import Json
from avow.verifier.commitment import Commitment, Scheme, commit_public
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_base64, to_hex
from avow.verifier.policy import Policy
from avow.verifier.records import InputVisibility, SrsClaim, SystemRecord, WeightVisibility
from avow.verifier.systems.ezkl.field import (
    SCALAR_MODULUS,
    from_ezkl_hex,
    to_ezkl_hex,
    to_signed,
)
from avow.verifier.systems.ezkl.half import EzklSystem
from avow.verifier.systems.ezkl.layout import instance_layout
from avow.verifier.systems.ezkl.material import Material, Proof, parse_material, parse_proof
from avow.verifier.systems.ezkl.process import check_proof, minimal_srs
from avow.verifier.systems.system import Evidence
from avow.verifier.tensor import Tensor
from avow.verifier.verdict import Assurance, Hides, ModelBinding
from avow.verifier.verify import verify
from tests.circuits.tiny import (
    FIXED,
    HASHED,
    HIDDEN,
    LIMITS,
    PUBLIC,
    SALT,
    Case,
    case,
    compiled,
    onnx_bytes,
)

ALLOW = Policy(unsafe_allow_unsafe_srs=True)


def evidence(made: Case) -> Evidence:
    """What `verify` hands to the half for an honest bundle."""
    bundle = made.bundle
    return Evidence(
        root=bundle.path.root(bundle.statement.digest()),
        index=bundle.path.index,
        statement=bundle.statement,
        model=bundle.model,
        system=bundle.system,
        inputs=bundle.inputs,
        outputs=bundle.outputs,
        proof=bundle.proof,
        material=bundle.material,
    )


def refused(given: Evidence, match: str) -> None:
    with pytest.raises(VerificationError, match=match):
        EzklSystem().verify(given)


@pytest.mark.parametrize(
    ("visibility", "weights", "hides"),
    [
        (PUBLIC, FIXED, Hides.NONE),
        (HIDDEN, FIXED, Hides.INPUTS),
        (PUBLIC, HASHED, Hides.WEIGHTS),
        (HIDDEN, HASHED, Hides.BOTH),
    ],
)
def test_honest_bundles_are_proven(
    visibility: InputVisibility, weights: WeightVisibility, hides: Hides
) -> None:
    made = case(visibility, weights)
    verdict = verify(made.bundle.encode(), ALLOW)
    assert verdict.assurance is Assurance.PROVEN
    assert verdict.final
    assert verdict.hides is hides
    assert verdict.srs == made.artifact.record.srs.digest
    assert verdict.srs_safe is False
    assert verdict.model_binding is ModelBinding.NOT_CHECKED
    assert any("ezkl package" in line for line in verdict.rests_on)
    assert verdict.outputs == made.proved.run.outputs
    hidden = visibility is HIDDEN
    assert hidden == any("declared range" in line for line in verdict.not_checked)
    # A hidden input stands nowhere in the bundle.
    shown = to_base64(made.inputs[0].data()).encode() in made.bundle.encode()
    assert shown is not hidden


def test_the_default_policy_refuses_an_unsafe_srs() -> None:
    with pytest.raises(VerificationError, match="SRS is unsafe"):
        verify(case().bundle.encode(), Policy())


def test_a_recomputed_record_makes_the_model_binding_checked() -> None:
    policy = replace(ALLOW, checked_records=(case().artifact.record.digest(),))
    assert verify(case().bundle.encode(), policy).model_binding is ModelBinding.CHECKED


def test_what_was_checked_for_one_model_is_not_checked_for_another() -> None:
    """One key serves all hidden weights of a shape, and any model record can name a key."""
    mine, other = case(PUBLIC, HASHED), case(PUBLIC, HASHED, seed=8)
    assert mine.artifact.record.key == other.artifact.record.key
    policy = replace(
        ALLOW, checked_records=(mine.artifact.record.digest(),), require_model_binding=True
    )
    assert verify(mine.bundle.encode(), policy).model_binding is ModelBinding.CHECKED
    with pytest.raises(VerificationError, match="recomputed from the ONNX file"):
        verify(other.bundle.encode(), policy)


def test_a_record_cannot_claim_an_enclaves_measurement() -> None:
    """Nothing here measures anything, so that a policy which asks for one must not be content."""
    given = evidence(case())
    claimed = replace(given.system, measurements=(bytes(48),))
    refused(replace(given, system=claimed), "no measurements")


@pytest.mark.parametrize("visibility", [PUBLIC, HIDDEN])
def test_every_single_instance_is_compared(visibility: InputVisibility) -> None:
    made = case(visibility)
    given = evidence(made)
    instances = made.proved.proof.instances
    for at, honest in enumerate(instances):
        altered = list(instances)
        altered[at] = (honest + 1) % SCALAR_MODULUS
        proof = replace(made.proved.proof, instances=tuple(altered))
        with pytest.raises(VerificationError):
            EzklSystem().verify(replace(given, proof=proof.to_json()))


@pytest.mark.parametrize("visibility", [PUBLIC, HIDDEN])
def test_ezkl_itself_binds_both_ends_of_every_segment(visibility: InputVisibility) -> None:
    """Without our comparisons: one altered public value alone makes the proof fail."""
    made = case(visibility)
    keys = parse_material(made.bundle.material)
    instances = made.proved.proof.instances
    check_proof(keys, made.proved.proof)
    parts = instance_layout(visibility, FIXED, 7, 5)
    ends = {0}
    for segment in parts:
        ends |= {max(ends) + segment.count - 1, max(ends) + segment.count}
    for at in sorted(ends - {len(instances)}):
        altered = list(instances)
        altered[at] = (altered[at] + 1) % SCALAR_MODULUS
        with pytest.raises(VerificationError, match="ezkl refuses"):
            check_proof(keys, replace(made.proved.proof, instances=tuple(altered)))


def test_instances_have_one_spelling_and_one_count() -> None:
    made = case()
    honest = made.bundle.proof["instances"]
    given = evidence(made)

    def with_instances(items: list[Json]) -> Evidence:
        return replace(given, proof={**made.bundle.proof, "instances": items})

    beyond = to_hex((int(honest[0], 16) + SCALAR_MODULUS).to_bytes(32, "big"))
    refused(with_instances([beyond, *honest[1:]]), "canonical field element")
    refused(with_instances(honest[:-1]), "instances expected")
    refused(with_instances([*honest, honest[-1]]), "instances expected")
    refused(with_instances([]), "must have 1 to")
    refused(with_instances(["0x00", *honest[1:]]), "must have 32 bytes")


def test_damaged_proof_bytes_are_refused() -> None:
    made = case()
    data = made.proved.proof.data
    given = evidence(made)
    for at in (0, 31, 32, len(data) // 3, len(data) // 2, len(data) - 33, len(data) - 1):
        altered = bytearray(data)
        altered[at] ^= 1
        proof = replace(made.proved.proof, data=bytes(altered))
        refused(replace(given, proof=proof.to_json()), "ezkl refuses|ezkl broke off")


def test_trailing_proof_bytes_are_refused_although_ezkl_takes_them() -> None:
    made = case()
    longer = replace(made.proved.proof, data=made.proved.proof.data + b"\0")
    check_proof(parse_material(made.bundle.material), longer)
    refused(replace(evidence(made), proof=longer.to_json()), "proof bytes expected")
    shorter = replace(made.proved.proof, data=made.proved.proof.data[:-1])
    refused(replace(evidence(made), proof=shorter.to_json()), "proof bytes expected")
    empty = replace(made.proved.proof, data=b"")
    refused(replace(evidence(made), proof=empty.to_json()), "proof bytes expected")


def test_a_proof_bound_to_another_statement_is_refused() -> None:
    mine, foreign = case(nonce=1), case(nonce=2)
    assert mine.bundle.outputs == foreign.bundle.outputs
    refused(replace(evidence(mine), proof=foreign.bundle.proof), "bound to another statement")
    replayed = replace(mine.bundle, proof=foreign.bundle.proof)
    with pytest.raises(VerificationError, match="bound to another statement"):
        verify(replayed.encode(), ALLOW)


@pytest.mark.parametrize("visibility", [PUBLIC, HIDDEN])
def test_another_output_input_or_root_is_refused(visibility: InputVisibility) -> None:
    given = evidence(case(visibility))
    refused(replace(given, root=bytes(32)), "bound to another statement")
    output = given.outputs[0]
    lied = Tensor(output.element_type, output.shape, (output.values[0] + 1, *output.values[1:]))
    refused(replace(given, outputs=(lied, *given.outputs[1:])), "another output")
    if given.inputs is None:
        other = Commitment(Scheme.EZKL_POSEIDON, bytes(31) + b"\1")
        statement = replace(given.statement, input=other)
        refused(replace(given, statement=statement), "another input")
        public = Commitment(Scheme.PUBLIC, bytes(32))
        statement = replace(given.statement, input=public)
        refused(replace(given, statement=statement), "scheme 3")
    else:
        first = given.inputs[0]
        values = (first.values[0] - 1, *first.values[1:])
        lied = Tensor(first.element_type, first.shape, values)
        refused(replace(given, inputs=(lied, *given.inputs[1:])), "another input")
        refused(replace(given, inputs=None), "scheme 1")


def _system(given: Evidence, **changes: object) -> Evidence:
    return replace(given, system=replace(given.system, **changes))


def test_every_field_of_the_record_that_the_half_reads_is_checked() -> None:
    given = evidence(case())
    other = bytes(31) + b"\1"
    spec = given.system.outputs[0]
    lied = replace(spec, scale=spec.scale + 1)
    refused(_system(given, key=other), "record's key")
    refused(_system(given, program=other), "record's program")
    refused(_system(given, input_visibility=HIDDEN), "input's visibility")
    refused(_system(given, weight_visibility=HASHED), "weights' visibility")
    refused(_system(given, outputs=(lied, *given.system.outputs[1:])), "outputs' scales")
    details = dict(given.system.details)
    changed = {
        "ezkl": ("23.0.4", "must be one of"),
        "graph_sha256": (to_hex(other), "record's program"),
        "layout": ("0x06000405001004000a", "layout"),
        "logrows": ("12", "circuit's size"),
        "proof_bytes": ("1", "record's program"),
        "weights_hash": (to_hex(other), "record's program"),
    }
    assert changed.keys() == details.keys()
    for name, (value, match) in changed.items():
        lying = tuple(sorted((details | {name: value}).items()))
        refused(_system(given, details=lying), match)
        missing = tuple(item for item in details.items() if item[0] != name)
        refused(_system(given, details=missing), "lacks")
    refused(_system(given, details=(*details.items(), ("more", "x"))), "unknown")
    huge = to_hex(SCALAR_MODULUS.to_bytes(32, "big"))
    refused(
        _system(given, details=tuple((details | {"weights_hash": huge}).items())),
        "no field element",
    )


def test_other_weights_under_the_same_key_are_refused(tmp_path: Path) -> None:
    """The key of hidden weights serves any weights of that shape: only the hash tells."""
    honest = case(PUBLIC, HASHED)
    given = evidence(honest)
    graph, circuit = tmp_path / "graph.onnx", tmp_path / "circuit.ezkl"
    graph.write_bytes(graft(onnx_bytes(seed=8), honest.artifact.model.inputs, PUBLIC))
    paths = {"model": graph, "circuit": circuit, "settings": honest.artifact.path("settings.json")}
    run("compile_circuit", {name: str(path) for name, path in paths.items()}, LIMITS)
    other = replace(Circuit.of(honest.artifact), circuit=circuit)
    cheat = prove(other, honest.inputs, SALT, given.root, LIMITS)
    assert cheat.run.outputs != honest.bundle.outputs
    check_proof(parse_material(honest.bundle.material), cheat.proof)
    lying = replace(
        given,
        outputs=cheat.run.outputs,
        statement=replace(given.statement, output=commit_public(cheat.run.outputs)),
        proof=cheat.proof.to_json(),
    )
    refused(lying, "other weights")


def test_the_material_must_be_the_record_s() -> None:
    made = case()
    given = evidence(made)
    honest = material(made.artifact)
    foreign = material(compiled(HIDDEN))
    assert foreign.tau_g2 == honest.tau_g2

    def with_material(changed: Material) -> Evidence:
        return replace(given, material=changed.to_json())

    refused(with_material(replace(honest, vk=foreign.vk)), "record's key")
    refused(with_material(replace(honest, vk=honest.vk[:-1])), "record's key")
    refused(with_material(replace(honest, vk=honest.vk + b"\0")), "record's key")
    refused(with_material(replace(honest, settings=foreign.settings)), "visibility")
    x0, x1, y0, y1 = honest.tau_g2
    refused(with_material(replace(honest, tau_g2=(x0, x1, y0, y1 ^ 1))), "subgroup")


def test_another_srs_is_refused_by_ezkl_and_named_by_its_digest() -> None:
    made = case()
    other = material(compiled(HIDDEN, HASHED))
    honest = material(made.artifact)
    # The double-hashed circuit is larger and was made with another string.
    assert other.tau_g2 != honest.tau_g2
    changed = replace(honest, tau_g2=other.tau_g2)
    refused(replace(evidence(made), material=changed.to_json()), "ezkl refuses")
    claim = SrsClaim(bytes(32), False)
    lying = replace(made.bundle, system=replace(made.bundle.system, srs=claim))
    with pytest.raises(VerificationError, match="another SRS"):
        verify(lying.encode(), ALLOW)


def test_a_wrong_key_with_a_matching_record_is_refused_by_ezkl() -> None:
    """A cheat who also rewrites the record cannot make the proof fit another circuit's key."""
    made = case()
    honest = material(made.artifact)
    damaged = bytearray(honest.vk)
    # The first bytes are commitments; later ones hold selectors that verifying does not read.
    damaged[20] ^= 1
    given = _consistent(evidence(made), replace(honest, vk=bytes(damaged)))
    refused(given, "ezkl refuses|ezkl broke off")
    refused(_consistent(evidence(made), replace(honest, vk=b"")), "ezkl refuses|ezkl broke off")
    refused(
        _consistent(evidence(made), replace(honest, vk=honest.vk[: len(honest.vk) // 2])),
        "ezkl refuses|ezkl broke off",
    )


def _consistent(given: Evidence, changed: Material) -> Evidence:
    """The evidence with other material and a record rewritten to fit it."""
    from avow.verifier.systems.ezkl.half import _check_circuit
    from avow.verifier.systems.ezkl.material import key_digest, parse_details, program_digest
    from avow.verifier.systems.ezkl.settings import parse_settings

    details = parse_details(given.system)
    layout = _check_circuit(given, parse_settings(changed.settings), details)
    record: SystemRecord = replace(
        given.system,
        key=key_digest(changed.vk, changed.settings),
        program=program_digest(
            changed.settings,
            details.graph_sha256,
            details.weights_hash,
            details.proof_bytes,
            layout,
        ),
    )
    return replace(given, system=record, material=changed.to_json())


def test_hostile_settings_end_within_the_limit() -> None:
    made = case()
    honest = material(made.artifact)
    value = json.loads(honest.settings)
    value["run_args"]["num_inner_cols"] = 2000
    hostile = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    given = _consistent(evidence(made), replace(honest, settings=hostile))
    with pytest.raises(VerificationError):
        EzklSystem(seconds=20, memory=512 * 2**20).verify(given)


def test_time_and_memory_limits_refuse_instead_of_waiting() -> None:
    given = evidence(case())
    with pytest.raises(VerificationError, match="did not decide within"):
        EzklSystem(seconds=0.01).verify(given)
    with pytest.raises(VerificationError, match=r"ezkl (cannot be loaded|broke off)"):
        EzklSystem(memory=4 * 2**20).verify(given)


def test_without_the_ezkl_package_the_refusal_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import avow.verifier.systems.ezkl.process as process

    def answer(command: list[str], **_: object) -> object:
        class Done:
            returncode = 0
            stdout = f"{command[4]} unable: checking ezkl/v1 needs the ezkl package".encode()

        return Done()

    given = evidence(case())
    monkeypatch.setattr(process.subprocess, "run", answer)
    with pytest.raises(VerificationError, match="needs the ezkl package") as caught:
        EzklSystem().verify(given)
    # Not a word against the proof: nothing was decided.
    assert caught.value.step == "setup"


def test_consent_needs_the_word_of_our_own_child(monkeypatch: pytest.MonkeyPatch) -> None:
    import avow.verifier.systems.ezkl.process as process

    class Done:
        returncode = 0
        stdout = b"accepted"

    given = evidence(case())
    monkeypatch.setattr(process.subprocess, "run", lambda *_, **__: Done())
    with pytest.raises(VerificationError, match="broke off"):
        EzklSystem().verify(given)


def test_a_full_disk_is_one_clear_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    import avow.verifier.systems.ezkl.process as process

    def full(*_: object, **__: object) -> object:
        raise OSError(28, "No space left on device")

    # Made first: compiling the circuit takes temporary folders too.
    given = evidence(case())
    monkeypatch.setattr(process.tempfile, "TemporaryDirectory", full)
    with pytest.raises(VerificationError, match="No space left"):
        EzklSystem().verify(given)


def test_the_smallest_srs_has_the_three_points_and_nothing_else() -> None:
    assert len(minimal_srs(material(case().artifact).tau_g2)) == 4 + 2 * 64 + 2 * 128


def test_proof_and_material_refuse_other_keys_than_theirs() -> None:
    made = case()
    given = evidence(made)
    for name in ("proof", "material"):
        honest = getattr(made.bundle, name)
        refused(replace(given, **{name: {**honest, "more": 1}}), "unknown")
        for key in honest:
            missing = {other: value for other, value in honest.items() if other != key}
            refused(replace(given, **{name: missing}), "lacks")
            refused(replace(given, **{name: {**honest, key: 1}}), "must be")
    assert parse_proof(made.bundle.proof) == made.proved.proof
    assert isinstance(parse_proof(made.bundle.proof), Proof)


def test_signed_integers_survive_the_field() -> None:
    outputs = [value for tensor in case().bundle.outputs for value in tensor.values]
    published = [to_signed(item) for item in case().proved.proof.instances]
    assert published[-len(outputs) :] == outputs
    assert any(value < 0 for value in outputs)


def test_bundles_are_small_and_canonical() -> None:
    made: Bundle = case().bundle
    assert len(made.encode()) < 64 * 2**10


def _witness(made: Case, folder: Path) -> dict[str, Any]:
    """What the circuit really computed."""
    circuit = Circuit.of(made.artifact)
    root = made.bundle.path.root(made.bundle.statement.digest())
    document = input_document(circuit, made.inputs, SALT, root)
    (folder / "input.json").write_text(json.dumps(document))
    witness = folder / "witness.json"
    paths = {"input": folder / "input.json", "circuit": circuit.circuit, "witness": witness}
    run("witness", {name: str(path) for name, path in paths.items()}, LIMITS)
    value: dict[str, Any] = json.loads(witness.read_text())
    return value


def _proof_of(made: Case, folder: Path, value: dict[str, Any]) -> Proof:
    """The proof that ezkl makes of a witness, whatever it says."""
    circuit = Circuit.of(made.artifact)
    witness = folder / "told.json"
    witness.write_text(json.dumps(value))
    paths = {
        "witness": witness,
        "circuit": circuit.circuit,
        "pk": circuit.pk,
        "proof": folder / "proof.json",
        "srs": circuit.srs,
    }
    found = run("prove", {name: str(path) for name, path in paths.items()}, LIMITS).value
    (instances,) = found["instances"]
    return Proof(tuple(from_ezkl_hex(item) for item in instances), bytes.fromhex(found["proof"]))


def _bump(elements: list[str]) -> None:
    elements[0] = to_ezkl_hex((from_ezkl_hex(elements[0]) + 1) % SCALAR_MODULUS)


def test_a_false_witness_gives_a_proof_that_is_refused(tmp_path: Path) -> None:
    """ezkl proves whatever it is told without a word; each lie must die in the verifier."""
    made = case(HIDDEN)
    keys = parse_material(made.bundle.material)
    true = _witness(made, tmp_path)
    check_proof(keys, _proof_of(made, tmp_path, true))

    def output(value: dict[str, Any]) -> None:
        _bump(value["outputs"][0])

    def binding(value: dict[str, Any]) -> None:
        _bump(value["outputs"][-1])

    def hidden_input(value: dict[str, Any]) -> None:
        # Another input under the commitment of the first one.
        _bump(value["inputs"][0])

    def commitment(value: dict[str, Any]) -> None:
        _bump(value["processed_inputs"]["poseidon_hash"])

    refusals = 0
    for alter in (output, binding, hidden_input, commitment):
        told = deepcopy(true)
        alter(told)
        assert told != true
        try:
            proof = _proof_of(made, tmp_path, told)
        except StepFailed:
            refusals += 1
            continue
        with pytest.raises(VerificationError):
            given = replace(evidence(made), proof=proof.to_json())
            EzklSystem().verify(given)
        with pytest.raises(VerificationError, match="ezkl refuses"):
            check_proof(keys, proof)
    # At least the public values reach the verifier: the test would else say nothing about it.
    assert refusals <= 1
