"""What a registrar refuses to vouch for; genuine hardware is stood in for where one would accept.

No genuine quote binds a registration of ours, so that the vendor's signature is the one thing
replaced: `believed` checks a simulated quote under its own root and calls it attested.
"""

from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from avow.prover.enclave.registered import Registered
from avow.prover.enclave.vouching import Vouching, check_evidence, parse_vouching, vouch
from avow.verifier.attestation.established import Attested
from avow.verifier.attestation.intel import verify as intel
from avow.verifier.attestation.nvidia.binding import device_nonce, evidence_digest
from avow.verifier.attestation.nvidia.device import Device, SimulatedDevice
from avow.verifier.attestation.policy import AttestationPolicy
from avow.verifier.attestation.steps import State, Step, passed
from avow.verifier.chain.attestation_records import Enrolment
from avow.verifier.chain.signer import development_signer
from avow.verifier.curves import secp256k1
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.signature import recover_signer
from avow.verifier.statement import Domain
from avow.verifier.systems.tee import devices
from avow.verifier.systems.tee.terms import DeviceTerms
from tests.verifier.attestation.examples import AT, platform, root_of
from tests.verifier.attestation.nvidia.simulated import Maker, measured
from tests.verifier.attestation.nvidia.test_device import (
    DRIVER_VALUES,
    DRIVER_VERSION,
    VBIOS_VALUES,
    VBIOS_VERSION,
)
from tests.verifier.tee.enclave import REGISTRATION, Enclave, address, evidence_policy

HERE = Domain(31337, b"\x07" * 20)
BOUND = replace(REGISTRATION, registry=HERE)
REGISTRAR, OPERATOR = development_signer(1), development_signer(2).address
Change = Callable[[Registered], Registered]


def registered(**changes: object) -> Registered:
    """The file of an enclave that registers here."""
    enclave = Enclave(**{"registration": BOUND, **changes})  # type: ignore[arg-type]
    return Registered(
        address=address(),
        platform="tdx",
        root=None,
        material=enclave.evidence(),
        reference=evidence_policy(),
        measurement=bytes(48),
        identity=bytes(32),
        registered_at=AT,
        ends=AT + 1,
    )


def believing(
    data: bytes,
    collateral: bytes,
    at: int,
    policy: AttestationPolicy,
    event_log: bytes | None = None,
) -> Attested:
    """What a vendor that vouches for the simulated machine would make `verify_quote` say."""
    found = intel.verify_simulated_quote(
        data, collateral, at, policy, root_of(platform()), event_log
    )
    names = [one.name for one in fields(Attested)]
    return Attested(*(getattr(found, name) for name in names))


@pytest.fixture
def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a vendor."""
    monkeypatch.setattr(intel, "verify_quote", believing)


def refusal(found: Registered, at: int = AT, registry: Domain = HERE) -> str:
    """The step at which a registrar refuses."""
    with pytest.raises(VerificationError) as caught:
        check_evidence(found, evidence_policy(), registry, at)
    return caught.value.step


def test_a_simulated_enclave_is_refused_whatever_its_file_says() -> None:
    found = registered()
    assert refusal(found) == "root"
    assert refusal(replace(found, root=platform().authority.der)) == "root"
    assert refusal(replace(found, platform="simulated", root=b"x")) == "root"


@pytest.mark.usefixtures("believed")
def test_a_right_registration_passes_every_step_and_says_what_none_has_checked() -> None:
    attested, steps = check_evidence(registered(), evidence_policy(), HERE, AT)
    states = {step.name: step.state for step in steps}
    assert attested.report_data == BOUND.report_data(address())
    for name in ("chain", "tcb", "measurements", "events", "registration"):
        assert states[name] is State.PASSED
    assert states["gpu"] is states["revocation"] is states["platform"] is State.NOT_CHECKED


def with_gpu(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> Registered:
    """The file of an enclave with one GPU, whose simulated maker is believed like the vendor."""
    check = devices.check_device_list

    def believing_the_maker(
        data: bytes, nonce: bytes, at: int, asked: DeviceTerms
    ) -> tuple[list[Device | SimulatedDevice], tuple[Step, ...]]:
        return check(data, nonce, at, replace(asked, simulated_root=maker.trusted()))

    monkeypatch.setattr(devices, "check_device_list", believing_the_maker)
    nonce = device_nonce(BOUND.challenge, address())
    made = maker.device()
    evidence = made.evidence(made.report(nonce))
    asked = DeviceTerms((), unsafe_missing_golden_values=True)
    gpu = evidence_digest(believing_the_maker(evidence, nonce, AT, asked)[0])
    return registered(registration=replace(BOUND, gpu=gpu), devices=evidence)


@pytest.mark.usefixtures("believed")
def test_gpus_are_compared_with_the_registrars_golden_values(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    maker = Maker()
    found = with_gpu(maker, monkeypatch)
    driver = maker.golden_values(DRIVER_VERSION, DRIVER_VALUES)
    vbios = maker.golden_values(VBIOS_VERSION, VBIOS_VALUES)

    def states(*manifests: bytes) -> dict[str, State]:
        steps = check_evidence(found, evidence_policy(), HERE, AT, manifests)[1]
        return {step.name: step.state for step in steps}

    def refused(file: Registered, *manifests: bytes) -> str:
        with pytest.raises(VerificationError) as caught:
            check_evidence(file, evidence_policy(), HERE, AT, manifests)
        return caught.value.step

    both = states(driver, vbios)
    assert both["gpu"] is both["driver golden values"] is State.PASSED
    without = states()
    # They are genuine and answered this key; what they run was compared with nothing.
    assert without["gpu"] is without["device nonce"] is State.PASSED
    assert without["driver golden values"] is State.NOT_CHECKED
    other = maker.golden_values(DRIVER_VERSION, DRIVER_VALUES | {21: (measured(22),)})
    assert refused(found, other, vbios) == "driver golden values"
    assert refused(found, driver) == "VBIOS golden values"
    # What the file says of its own check counts for nothing.
    said = replace(found, devices=(passed("driver golden values", "all right"),))
    assert refused(said, other, vbios) == "driver golden values"
    assert refused(registered(), driver) == "gpu"
    hidden = replace(found, material=replace(found.material, devices=None))
    assert refused(hidden) == "gpu"


@pytest.mark.usefixtures("believed")
@pytest.mark.parametrize(
    ("change", "step"),
    [
        (lambda one: replace(one, address=b"\1" * 20), "registration"),
        (
            lambda one: replace(
                one,
                material=replace(
                    one.material, registration=replace(BOUND, not_after=BOUND.not_after + 1)
                ),
            ),
            "registration",
        ),
        (
            lambda one: replace(
                one, material=replace(one.material, registration=replace(BOUND, program=b"\1" * 32))
            ),
            "events",
        ),
        (lambda one: replace(one, material=replace(one.material, event_log=None)), "events"),
        (lambda one: replace(one, material=replace(one.material, collateral=b"{}")), "parse"),
        (lambda one: replace(one, material=replace(one.material, kind="sgx")), "registration"),
        (lambda one: replace(one, material=replace(one.material, kind="nitro")), "parse"),
        (
            lambda one: replace(one, material=replace(one.material, devices=b"[]")),
            "gpu",
        ),
        (
            lambda one: replace(
                one,
                material=replace(one.material, evidence=one.material.evidence[:-1]),
            ),
            "parse",
        ),
    ],
)
def test_a_file_that_is_not_what_the_quote_binds_is_refused(change: Change, step: str) -> None:
    assert refusal(change(registered())) == step


@pytest.mark.usefixtures("believed")
def test_what_the_quote_binds_itself_is_refused_where_it_is_wrong() -> None:
    assert refusal(registered(program=b"\1" * 32)) == "events"
    assert refusal(registered(bound=b"\0" * 64)) == "registration"
    assert refusal(registered(bound=BOUND.report_data(b"\2" * 20))) == "registration"
    assert refusal(registered(), registry=replace(HERE, chain_id=1)) == "registration"
    assert refusal(registered(), registry=replace(HERE, market=b"\x08" * 20)) == "registration"


@pytest.mark.usefixtures("believed")
def test_the_registrars_time_decides_and_keys_end_with_their_collateral() -> None:
    for at in (AT - 40 * 86_400, AT + 40 * 86_400):
        assert refusal(registered(), at) == "chain"
    assert refusal(registered(), BOUND.not_after) == "registration"
    late = replace(BOUND, not_after=AT + 60 * 86_400)
    enclave = Enclave(registration=late)
    assert refusal(replace(registered(), material=enclave.evidence())) == "registration"


@pytest.mark.usefixtures("believed")
def test_the_registrars_own_policy_counts_and_not_the_files() -> None:
    policy = evidence_policy()
    assert policy.tdx is not None
    others = replace(policy.tdx, measurements=((b"\1" * 48,) * 4,))
    with pytest.raises(VerificationError) as caught:
        check_evidence(registered(), replace(policy, tdx=others), HERE, AT)
    assert caught.value.step == "measurements"
    # Nor can a policy leave out that the program was measured.
    unasked = replace(policy, tdx=replace(policy.tdx, events=()))
    with pytest.raises(VerificationError) as caught:
        check_evidence(registered(program=b"\1" * 32), unasked, HERE, AT)
    assert caught.value.step == "events"


def test_a_signature_is_of_operator_platform_and_the_whole_quote() -> None:
    found = registered()
    made = vouch(REGISTRAR, found, OPERATOR, b"\5" * 32)
    assert parse_vouching(made.to_json()) == made
    quote = found.material.evidence
    enrolment = Enrolment(found.address, found.material.registration, 7)

    def signer(operator: bytes, machine: bytes, data: bytes) -> bytes:
        return recover_signer(enrolment.digest(operator, machine, data), made.signature)

    assert signer(OPERATOR, b"\5" * 32, quote) == REGISTRAR.address
    assert int.from_bytes(made.signature[32:64], "big") <= secp256k1.N // 2
    assert made.quote == keccak256(quote)
    for other in (
        signer(REGISTRAR.address, b"\5" * 32, quote),
        signer(OPERATOR, bytes(32), quote),
        signer(OPERATOR, b"\5" * 32, quote + b"\0"),
    ):
        assert other != REGISTRAR.address


@pytest.mark.parametrize("name", ["key", "signature", "quote", "format"])
def test_a_vouching_of_another_form_is_refused(name: str) -> None:
    made = Vouching(b"\1" * 20, b"\2" * 20, bytes(32), bytes(32), b"\3" * 20, bytes(65))
    value = made.to_json()
    assert isinstance(value, dict)
    for wrong in ("0x", 7, "0x" + "00" * 64):
        with pytest.raises(VerificationError):
            parse_vouching(value | {name: wrong})
    del value[name]
    with pytest.raises(VerificationError):
        parse_vouching(value)
