"""Bundles of `tee/v1`: a simulated answer is SIMULATED, and every liar is refused by name."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.attestation.nitro import verify as nitro
from avow.verifier.bundle import Bundle
from avow.verifier.canonical import encode
from avow.verifier.cli import main
from avow.verifier.curves import secp256k1
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.policy import Policy, parse_policy
from avow.verifier.statement import Domain
from avow.verifier.systems.tee.registration import PROGRAM_EVENT, record_key
from avow.verifier.trace import layout
from avow.verifier.trace.inputs import commit_tree
from avow.verifier.verdict import Assurance
from avow.verifier.verify import verify, verify_together
from tests.verifier import examples
from tests.verifier.attestation.examples import AT, td_policy
from tests.verifier.tee import enclave
from tests.verifier.tee.enclave import (
    MEASUREMENTS,
    OTHER_KEY,
    REGISTRATION,
    TD_MEASUREMENT,
    Enclave,
    address,
    policy,
    policy_json,
    record,
    root,
    security_module,
)

CHAIN = Domain(31_337, b"\x44" * 20)
REGISTRY = Domain(31_337, b"\x55" * 20)


@pytest.mark.parametrize("kind", ["tdx", "nitro"])
def test_a_simulated_answer_is_simulated(kind: str) -> None:
    verdict = verify(Enclave(kind).bundle().encode(), policy(kind))
    assert verdict.assurance is Assurance.SIMULATED
    assert verdict.final
    names = [step.name for step in verdict.steps]
    assert names[:4] == ["parse", "system", "records", "tensors"]
    assert names[-4:] == ["registration", "receipt", "proof", "policy"]
    assert {"attributes", "chain", "measurements"} <= set(names)
    assert ("events" in names) == ("tcb" in names) == (kind == "tdx")
    opened = {line.partition(":")[0] for line in verdict.not_checked}
    assert {"platform", "revocation", "registry", "challenge", "gpu", "time"} <= opened
    assert "anybody can make" in verdict.rests_on[0]


def test_an_answer_has_the_scale_that_the_enclave_knew() -> None:
    """The integers are the same; who hands a bundle on divides them by another power of two."""
    made = Enclave().bundle()
    larger = tuple(replace(one, scale=one.scale + 3) for one in made.system.outputs)
    system = replace(made.system, outputs=larger)
    _refused(replace(made, system=system, signature=None), "records")
    # With a key of its own the lie fits together, and the enclave has signed nothing of it.
    key = record_key(system.program, larger, system.measurements)
    system, statement = replace(system, key=key), replace(made.statement, key=key)
    lie = replace(made, system=system, statement=statement, signature=None)
    _refused(lie, "receipt")


def test_a_key_that_signs_under_the_other_scheme_is_believed_by_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No proof and no claim would be of the same input: nothing could ever cost the key."""
    honest = enclave.statement
    given = commit_tree(examples.bundle().inputs or ())
    monkeypatch.setattr(enclave, "statement", lambda *said: replace(honest(*said), input=given))
    signed = Enclave().bundle()
    _refused(signed, "tensors")
    # All else about it is right: of a model with large inputs it is the answer.
    monkeypatch.setattr(layout, "LARGEST_SHOWN", 5)
    assert verify(signed.encode(), policy()).assurance is Assurance.SIMULATED


def _refused(lie: Bundle, step: str) -> None:
    with pytest.raises(VerificationError) as refusal:
        verify(lie.encode(), policy())
    assert refusal.value.step == step


def test_one_receipt_serves_a_batch() -> None:
    for index in range(3):
        bundle = Enclave().bundle((5, 6, 7), index)
        assert verify(bundle.encode(), policy()).statement == bundle.statement.digest()
    # Another answer's path does not lead to the signed root.
    first, second = (Enclave().bundle((5, 6, 7), index) for index in (0, 1))
    with pytest.raises(VerificationError) as refusal:
        verify(replace(first, path=second.path).encode(), policy())
    assert refusal.value.step == "receipt"
    judged = verify_together([(one.encode(), policy()) for one in (first, second)])
    assert [getattr(one, "assurance", None) for one in judged] == [Assurance.SIMULATED] * 2


def test_the_default_policy_accepts_no_enclave() -> None:
    data = Enclave().bundle().encode()
    with pytest.raises(VerificationError, match="needs reference values"):
        verify(data, Policy())
    with pytest.raises(VerificationError, match="asks for PROVEN, the evidence gives SIMULATED"):
        verify(data, replace(policy(), minimum_assurance=Assurance.PROVEN))
    with pytest.raises(VerificationError, match="asks for ATTESTED, the evidence gives SIMULATED"):
        verify(data, replace(policy(), minimum_assurance=Assurance.ATTESTED))


@pytest.mark.parametrize("kind", ["tdx", "nitro"])
def test_without_the_flag_a_simulation_is_refused(kind: str) -> None:
    data = Enclave(kind).bundle().encode()
    with pytest.raises(VerificationError, match="nothing about hardware") as refusal:
        verify(data, policy(kind, unsafe_simulated_root="absent"))
    assert refusal.value.step == "root"


def test_the_flag_needs_the_roots_fingerprint_and_no_production(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value: Any = policy_json()
    parse_policy(encode(value))
    monkeypatch.setenv("AVOW_ENVIRONMENT", "production")
    with pytest.raises(VerificationError, match="production"):
        parse_policy(encode(value))
    monkeypatch.delenv("AVOW_ENVIRONMENT")
    value["attestation"]["unsafe_simulated_root"]["sha256"] = to_hex(bytes(32))
    with pytest.raises(VerificationError, match="fingerprint"):
        parse_policy(encode(value))


def test_what_a_vendors_root_vouches_for_is_attested(monkeypatch: pytest.MonkeyPatch) -> None:
    """No genuine evidence holds a registration of ours: the pinned root is exchanged instead."""
    monkeypatch.setattr(nitro, "AWS_NITRO_ROOT", root("nitro").der)
    made = replace(security_module(), module_id="i-0123456789abcdef0-enc0123")
    monkeypatch.setattr(enclave, "security_module", lambda: made)
    data = Enclave("nitro").bundle().encode()
    genuine = policy("nitro", unsafe_simulated_root="absent")
    verdict = verify(data, replace(genuine, minimum_assurance=Assurance.ATTESTED))
    assert verdict.assurance is Assurance.ATTESTED
    assert verdict.rests_on[0].startswith("AWS Nitro: its maker's keys, and nobody with physical")
    assert "revocation" in {line.partition(":")[0] for line in verdict.not_checked}
    # What passes as genuine is no simulation, and no policy for those takes it.
    with pytest.raises(VerificationError, match="must say SIMULATED"):
        verify(data, policy("nitro"))
    with pytest.raises(VerificationError, match="asks for PROVEN, the evidence gives ATTESTED"):
        verify(data, replace(genuine, minimum_assurance=Assurance.PROVEN))


def test_the_root_of_another_simulation_does_not_vouch() -> None:
    with pytest.raises(VerificationError) as refusal:
        verify(Enclave("nitro").bundle().encode(), policy("tdx"))
    assert refusal.value.step == "chain"


ON_CHAIN = replace(REGISTRATION, registry=REGISTRY)
LIARS: dict[str, tuple[Callable[[], Bundle], str, str]] = {
    "signs with another key": (
        lambda: Enclave(signer=OTHER_KEY).bundle(), "receipt", "not signed by the attested key",
    ),
    "lets evidence name another address": (
        lambda: Enclave(bound=REGISTRATION.report_data(address(OTHER_KEY))).bundle(),
        "receipt", "not signed by the attested key",
    ),
    "shows another registration than the evidence holds": (
        lambda: Enclave(
            bound=replace(REGISTRATION, not_after=AT + 1).report_data(address())
        ).bundle(),
        "registration", "another registration",
    ),
    "registered for another program": (
        lambda: Enclave(
            registration=replace(REGISTRATION, program=keccak256(b"small model"))
        ).bundle(),
        "registration", "another program",
    ),
    "logged another program": (
        lambda: Enclave(program=keccak256(b"small model")).bundle(), "events", "another payload",
    ),
    "hides bytes behind the registration": (
        lambda: Enclave(bound=REGISTRATION.report_data(address())[:52] + b"\1" * 12).bundle(),
        "registration", "another layout",
    ),
    "answers after its key's end": (
        lambda: Enclave(time=REGISTRATION.not_after + 1).bundle(), "receipt", "the key is good",
    ),
    "answers after its collateral's end": (
        lambda: Enclave(
            registration=replace(REGISTRATION, not_after=AT + 90 * 86_400), time=AT + 60 * 86_400
        ).bundle(),
        "receipt", "the key is good",
    ),
    "answered before it was registered": (
        lambda: Enclave(time=AT - 1).bundle(), "receipt", "the key is good",
    ),
    "was measured as the record does not say": (
        lambda: Enclave(record=record((b"\7" * 48,))).bundle(), "measurements", "in the record",
    ),
    "has a record without measurements": (
        lambda: Enclave(record=record(())).bundle(), "records", "names its measurements",
    ),
    "has a key that binds other measurements": (
        lambda: Enclave(record=replace(record(), measurements=MEASUREMENTS[:1])).bundle(),
        "records", "not of its outputs and measurements",
    ),
    "adds details of its own": (
        lambda: Enclave(record=replace(record(), details=(("note", "x"),))).bundle(),
        "parse", "unknown",
    ),
    "registered on another chain": (
        lambda: Enclave(registration=ON_CHAIN, domain=Domain(1, b"\x44" * 20)).bundle(),
        "registration", "another chain",
    ),
    "registered nowhere, for an order on chain": (
        lambda: Enclave(domain=CHAIN).bundle(), "registration", "another chain",
    ),
    "registered with another registry": (
        lambda: Enclave(
            registration=replace(REGISTRATION, registry=Domain(31_337, b"\x66" * 20))
        ).bundle(),
        "registration", "another registry",
    ),
}  # fmt: skip


@pytest.mark.parametrize("liar", LIARS)
def test_a_liar_is_refused_by_name(liar: str) -> None:
    make, step, reason = LIARS[liar]
    terms: dict[str, Any] = {}
    if "registry" in liar:
        terms["registry"] = {"chain_id": "31337", "address": to_hex(REGISTRY.market)}
    with pytest.raises(VerificationError, match=reason) as refusal:
        verify(make().encode(), policy(**terms))
    assert refusal.value.step == step


def test_on_chain_the_registry_is_pinned() -> None:
    honest = Enclave(registration=ON_CHAIN, domain=CHAIN)
    pinned = policy(registry={"chain_id": "31337", "address": to_hex(REGISTRY.market)})
    verdict = verify(honest.bundle().encode(), pinned)
    assert "registry: no chain was asked whether the key was revoked" in verdict.not_checked
    # A receipt for one registry is none for another.
    other = replace(ON_CHAIN, registry=Domain(31_337, b"\x66" * 20))
    assert verify(Enclave(registration=other, domain=CHAIN).bundle().encode(), policy())
    assert honest.bundle().proof != Enclave(registration=other, domain=CHAIN).bundle().proof


def test_the_challenge_can_be_pinned() -> None:
    data = Enclave().bundle().encode()
    verdict = verify(data, policy(challenge=to_hex(REGISTRATION.challenge)))
    assert not [line for line in verdict.not_checked if line.startswith("challenge")]
    with pytest.raises(VerificationError, match="another challenge"):
        verify(data, policy(challenge=to_hex(bytes(32))))


def test_a_high_s_signature_is_refused() -> None:
    bundle = Enclave().bundle()
    proof: Any = bundle.proof
    signature = bytes.fromhex(proof["signature"][2:])
    s = secp256k1.N - int.from_bytes(signature[32:64], "big")
    high = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
    with pytest.raises(VerificationError, match="not a canonical signature"):
        verify(replace(bundle, proof=proof | {"signature": to_hex(high)}).encode(), policy())


@pytest.mark.parametrize(
    ("key", "value"), [("time", AT + 3601), ("signature", to_hex(bytes(65))), ("time", "now")]
)
def test_a_receipt_is_of_its_time_and_signature(key: str, value: object) -> None:
    bundle = Enclave().bundle()
    proof: Any = bundle.proof
    with pytest.raises(VerificationError):
        verify(replace(bundle, proof=proof | {key: value}).encode(), policy())


@pytest.mark.parametrize("kind", ["tdx", "nitro"])
@pytest.mark.parametrize(
    "change",
    [
        {"kind": "sgx"},
        {"kind": "sev"},
        {"more": 1},
        {"evidence": ""},
        {"evidence": "AAAA"},
        {"registration": {}},
        {"collateral": None},
        {"event_log": None},
    ],
)
def test_material_of_another_shape_is_refused(kind: str, change: dict[str, Any]) -> None:
    bundle = Enclave(kind).bundle()
    material: Any = dict(bundle.material)  # type: ignore[arg-type]
    for key, value in change.items():
        if value is not None:
            material[key] = value
        elif key in material:
            del material[key]
        else:
            material[key] = "AAAA"
    with pytest.raises(VerificationError) as refusal:
        verify(replace(bundle, material=material).encode(), policy(kind))
    assert refusal.value.step == "parse"


def test_the_measurement_must_be_the_callers_too() -> None:
    data = Enclave().bundle().encode()
    assert verify(data, replace(policy(), measurements=(TD_MEASUREMENT,)))
    with pytest.raises(VerificationError, match="no measurement of the record"):
        verify(data, replace(policy(), measurements=(bytes(48),)))
    other = replace(td_policy().tdx, measurements=((b"\x99" * 48,) * 4,))  # type: ignore[type-var]
    asking = policy(evidence=replace(td_policy(), tdx=other).to_json())
    with pytest.raises(VerificationError, match="not in the policy"):
        verify(data, asking)


def test_a_policy_cannot_ask_for_another_program_than_the_statements() -> None:
    tdx: Any = td_policy().to_json()
    tdx["tdx"]["events"] = [{"name": PROGRAM_EVENT, "payload": to_hex(bytes(32))}]
    assert verify(Enclave().bundle().encode(), policy(evidence=tdx))
    with pytest.raises(VerificationError):
        verify(Enclave(program=bytes(32)).bundle().encode(), policy(evidence=tdx))


def test_the_time_of_the_evidence_is_the_callers() -> None:
    data = Enclave().bundle().encode()
    for wrong in (AT - 40 * 86_400, AT + 40 * 86_400):
        with pytest.raises(VerificationError) as refusal:
            verify(data, policy(registered_at=wrong))
        assert refusal.value.step == "chain"


def test_avow_verify_says_simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle, asked = tmp_path / "answer.avow.json", tmp_path / "policy.json"
    bundle.write_bytes(Enclave().bundle().encode())
    asked.write_text(json.dumps(policy_json(), indent=2))
    assert main([str(bundle), "--policy", str(asked)]) == 0
    said = capsys.readouterr().out
    assert "ACCEPTED: SIMULATED" in said
    assert "NOT CHECKED    gpu" in said
    assert main([str(bundle)]) == 1
    assert "REJECTED at step policy" in capsys.readouterr().out
    assert main([str(bundle), "--policy", str(asked), "--json"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["assurance"] == "SIMULATED"
    assert "receipt" in [step["name"] for step in verdict["steps"]]


WHOLE = Enclave().bundle().encode()


@given(st.integers(0, len(WHOLE) - 1), st.integers(32, 126))
def test_no_byte_of_a_bundle_can_be_another(place: int, value: int) -> None:
    changed = WHOLE[:place] + bytes([value]) + WHOLE[place + 1 :]
    try:
        verdict = verify(changed, policy())
    except VerificationError as refusal:
        assert "\n" not in refusal.message
    else:
        # Unsigned parts of a quote and of PEM may differ; what is stated may not.
        assert verdict.statement == verify(WHOLE, policy()).statement
