"""A session signs what it has computed itself, under a registered key, and nothing else."""

import copy
import pickle
from collections.abc import Sequence
from dataclasses import replace

import pytest

from avow.prover.enclave.errors import EnclaveEnded, EnclaveLater, EnclaveRefused
from avow.prover.enclave.key import SessionKey
from avow.prover.enclave.opening import Terms
from avow.prover.enclave.platform import Evidence, Measured
from avow.prover.enclave.served import Served
from avow.prover.enclave.session import Asked, Session
from avow.prover.enclave.simulated.guest import SimulatedGuest, started
from avow.verifier.commitment import Commitment, Scheme, commit_public, commit_salted
from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import build
from avow.verifier.program.program import run
from avow.verifier.statement import OFF_CHAIN, Domain, Statement
from avow.verifier.systems.tee.registration import PROGRAM_EVENT
from avow.verifier.tensor import ElementType, Tensor
from avow.verifier.trace import layout
from avow.verifier.trace.inputs import commit_input, commit_tree
from tests.prover.enclave.places import (
    DAY,
    NOW,
    Enclave,
    compiled,
    enclave,
    row,
    simulated_machine,
)

CHAIN = Domain(31337, b"\x11" * 20)


def statement(inputs: tuple[Tensor, ...], nonce: int = 7) -> Statement:
    """The honest statement of an input."""
    _, _, artifact = compiled()
    record = artifact.record
    outputs = enclave().served().answer(inputs)
    return Statement(
        OFF_CHAIN,
        record.model,
        record.system,
        record.program,
        record.key,
        commit_public(inputs),
        commit_public(outputs),
        bytes(32),
        bytes(20),
        nonce,
    )


def digest() -> bytes:
    """The record's."""
    return compiled()[2].record.digest()


def test_one_signature_serves_a_batch_of_answers_that_the_program_gave() -> None:
    from avow.circuits.tee.artifact import load

    _, stored, artifact = compiled()
    session, inputs = enclave().session(), [row(stored, number) for number in range(3)]
    asked = [Asked(statement(one, at + 1), one) for at, one in enumerate(inputs)]
    signed = session.sign(digest(), asked)
    root, _ = build([one.statement.digest() for one in asked])
    assert signed.receipt.signer(root, OFF_CHAIN) == session.registered.address
    assert signed.receipt.time == NOW
    loaded = load(artifact)
    for sample, outputs in zip(inputs, signed.outputs, strict=True):
        assert outputs == tuple(run(loaded.program, list(loaded.blobs), sample))
    # An answer that was asked for before is the same.
    assert session.answer(digest(), inputs[0]) == signed.outputs[0]


@pytest.mark.parametrize(
    "field",
    ["output", "input", "model", "program", "key", "system", "domain"],
)
def test_a_statement_of_anything_else_is_not_signed(field: str) -> None:
    _, stored, _ = compiled()
    inputs, other = row(stored, 0), row(stored, 1)
    lie: dict[str, object] = {
        "output": commit_public(enclave().served().answer(other)),
        "input": commit_public(other),
        "model": keccak256(b"another"),
        "program": keccak256(b"another"),
        "key": keccak256(b"another"),
        "system": "sumcheck/v1",
        "domain": CHAIN,
    }
    changes = {field: lie[field]}
    if field == "domain":
        changes["order"] = keccak256(b"order")
    honest = statement(inputs)
    session = enclave().session()
    assert session.sign(digest(), [Asked(honest, inputs)])
    with pytest.raises(EnclaveRefused, match="does not sign"):
        session.sign(digest(), [Asked(replace(honest, **changes), inputs)])  # type: ignore[arg-type]
    # Among honest ones, too.
    with pytest.raises(EnclaveRefused, match="does not sign"):
        lying = Asked(replace(honest, **changes), inputs)  # type: ignore[arg-type]
        session.sign(digest(), [Asked(honest, inputs), lying])


def test_the_programs_inputs_decide_by_which_scheme_a_statement_names_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By another one no proof about the same input would contradict what the key has signed."""
    _, stored, _ = compiled()
    inputs, other = row(stored, 0), row(stored, 1)
    session, honest = enclave().session(), statement(inputs)
    flat, rooted = honest.input, commit_tree(inputs)

    def signed(given: Commitment) -> bool:
        return bool(session.sign(digest(), [Asked(replace(honest, input=given), inputs)]))

    def refused(given: Commitment, why: str) -> None:
        with pytest.raises(EnclaveRefused, match=why):
            signed(given)

    assert signed(flat)
    refused(rooted, "by another scheme than 1")
    refused(commit_salted(inputs, bytes(32)), "by another scheme than 1")
    refused(Commitment(Scheme.PUBLIC, rooted.value), "of another input")
    monkeypatch.setattr(layout, "LARGEST_SHOWN", len(inputs[0].data()) - 1)
    assert signed(rooted)
    refused(flat, "by another scheme than 4")
    refused(commit_salted(inputs, bytes(32)), "by another scheme than 4")
    refused(commit_tree(other), "of another input")
    refused(Commitment(Scheme.PUBLIC_TREE, flat.value), "of another input")


def test_an_input_that_the_program_does_not_take_is_refused() -> None:
    _, stored, _ = compiled()
    (tensor,) = row(stored)
    with pytest.raises(EnclaveRefused, match="takes no such input"):
        far = replace(tensor, values=(2**15 - 1, *tensor.values[1:]))
        enclave().session().answer(digest(), [far])


def test_the_same_numbers_of_another_type_are_no_input_of_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a wider or narrower type they are another input, and may be one of the other scheme."""
    _, stored, _ = compiled()
    (right,) = row(stored)
    assert right.element_type is ElementType.INT16
    session, honest = enclave().session(), statement((right,))
    scheme = honest.input.scheme
    for kind, largest in ((ElementType.INT32, len(right.data())), (ElementType.INT64, 2**17)):
        relabelled = (replace(right, element_type=kind),)
        monkeypatch.setattr(layout, "LARGEST_SHOWN", largest)
        assert commit_input((right,)).scheme is scheme
        asked = Asked(replace(honest, input=commit_input(relabelled)), relabelled)
        assert (asked.statement.input.scheme is scheme) is (largest == 2**17)
        with pytest.raises(EnclaveRefused, match="must be int16"):
            session.sign(digest(), [asked])
        with pytest.raises(EnclaveRefused, match="must be int16"):
            session.answer(digest(), relabelled)
    assert session.sign(digest(), [Asked(honest, (right,))])


def test_a_program_that_is_not_the_pinned_one_is_not_served() -> None:
    made = enclave()
    with pytest.raises(EnclaveRefused, match="that is pinned"):
        Served(made.artifacts, keccak256(b"another program"))
    _, _, artifact = compiled("tumour-risk")
    session = enclave().session()
    folder = made.artifacts / artifact.record.digest().hex()
    folder.symlink_to(artifact.folder)
    try:
        with pytest.raises(EnclaveRefused, match="answers with no other"):
            session.answer(artifact.record.digest(), row(compiled()[1]))
    finally:
        folder.unlink()


def test_altered_weights_are_noticed(tmp_path: object) -> None:
    import shutil
    from pathlib import Path

    made = enclave()
    copied = Path(str(tmp_path)) / "artifacts"
    shutil.copytree(made.artifacts, copied)
    blob = max((copied / digest().hex() / "blobs").iterdir(), key=lambda path: path.stat().st_size)
    data = bytearray(blob.read_bytes())
    data[0] ^= 1
    blob.write_bytes(data)
    with pytest.raises(EnclaveRefused, match="damaged"):
        Served(copied, made.program)


def test_the_session_ends_before_its_key_does() -> None:
    made = enclave()
    made.terms = Terms(OFF_CHAIN, bytes(32), 2 * DAY)
    session, inputs = made.session(), row(compiled()[1])
    asked = [Asked(statement(inputs), inputs)]
    made.clock.now = NOW + 2 * DAY - 61
    assert session.sign(digest(), asked) and not session.is_over()
    made.clock.now = NOW + 2 * DAY - 60
    assert session.is_over()
    with pytest.raises(EnclaveEnded):
        session.sign(digest(), asked)


def test_collateral_ends_a_session_before_its_registration() -> None:
    made = enclave()
    made.terms = Terms(OFF_CHAIN, bytes(32), 300 * DAY)
    assert made.session().registered.ends == NOW + 30 * DAY


def test_a_clock_that_goes_back_signs_nothing() -> None:
    made = enclave()
    session, inputs = made.session(), row(compiled()[1])
    made.clock.now = NOW - 1
    with pytest.raises(EnclaveLater, match="clock went back"):
        session.sign(digest(), [Asked(statement(inputs), inputs)])
    made.clock.now = NOW
    assert session.sign(digest(), [Asked(statement(inputs), inputs)]).receipt.time == NOW


def test_what_is_remembered_is_bounded_by_its_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    _, stored, _ = compiled()
    made = enclave()
    ran: list[Sequence[Tensor]] = []

    class Counting(Served):
        """Notes what it runs."""

        def answer(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
            """The honest outputs."""
            ran.append(inputs)
            return super().answer(inputs)

    key, registered = made.open()
    session = Session(key, Counting(made.artifacts, made.program), registered, made.clock)
    rows = [row(stored, number) for number in range(3)]
    # Ten elements each: two fit.
    monkeypatch.setattr("avow.prover.enclave.session._REMEMBERED_ELEMENTS", 25)
    for one in rows:
        session.answer(digest(), one)
    assert session.answer(digest(), rows[2]) and session.answer(digest(), rows[1])
    assert len(ran) == 3
    session.answer(digest(), rows[0])
    assert len(ran) == 4
    # One that is too large for all of it is answered nevertheless, and takes no room for good.
    monkeypatch.setattr("avow.prover.enclave.session._REMEMBERED_ELEMENTS", 9)
    outputs = session.answer(digest(), rows[2])
    assert session.answer(digest(), rows[2]) == outputs and len(ran) == 6
    monkeypatch.setattr("avow.prover.enclave.session._REMEMBERED_ELEMENTS", 25)
    for one in (rows[0], rows[1], rows[0], rows[1]):
        session.answer(digest(), one)
    assert len(ran) == 8


def test_a_clock_out_of_the_collaterals_time_opens_nothing() -> None:
    made = enclave()
    made.clock.now = NOW + 40 * DAY
    with pytest.raises(EnclaveRefused, match="does not pass the reference values"):
        made.open()


def test_the_key_is_not_written_copied_or_shown() -> None:
    key = SessionKey()
    assert "0x" + key.address.hex() in repr(key) and len(repr(key)) < 60
    for copying in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            copying(key)
    assert SessionKey().address != key.address


class AnotherProgramMeasured(SimulatedGuest):
    """Has measured another program since it started."""

    def measured(self) -> tuple[Measured, ...]:
        """That one."""
        return (Measured(PROGRAM_EVENT, keccak256(b"another")),)


class TwiceMeasured(SimulatedGuest):
    """Its register names the program twice."""

    def measured(self) -> tuple[Measured, ...]:
        """Two events."""
        (one,) = super().measured() or (Measured(PROGRAM_EVENT, bytes(32)),)
        return (one, one)


class NothingMeasured(SimulatedGuest):
    """Says that it extends, and does not."""

    def extend(self, event: Measured) -> None:
        """Nothing."""


class HiddenMeasurement(SimulatedGuest):
    """Names the program to the session, and quotes a register without it."""

    def evidence(self, report_data: bytes) -> Evidence:
        """Of a guest that measured nothing."""
        return started(simulated_machine(), NOW).evidence(report_data)


class OtherReportData(SimulatedGuest):
    """Quotes something else than it was asked to."""

    def evidence(self, report_data: bytes) -> Evidence:
        """For another key."""
        return super().evidence(bytes(20) + report_data[20:])


class BrokenQuote(SimulatedGuest):
    """Gives bytes that are no quote."""

    def evidence(self, report_data: bytes) -> Evidence:
        """Cut short."""
        found = super().evidence(report_data)
        return replace(found, quote=found.quote[:600])


class NoCollateral(SimulatedGuest):
    """Has collateral of another machine."""

    def collateral(self, quote: bytes) -> bytes:
        """Another one's."""
        from avow.prover.enclave.simulated.platform import make_platform

        return make_platform(NOW).collateral()


@pytest.mark.parametrize(
    ("guest", "reason"),
    [
        (AnotherProgramMeasured, "a machine answers with one program"),
        (TwiceMeasured, "a machine answers with one program"),
        (NothingMeasured, "RTMR3 names nothing"),
        (HiddenMeasurement, "events: 'avow-program' must be logged exactly once"),
        (OtherReportData, "other report data than were asked for"),
        (BrokenQuote, "the platform's quote: parse"),
        (NoCollateral, "does not pass the reference values"),
    ],
)
def test_a_platform_that_lies_opens_nothing(guest: type[SimulatedGuest], reason: str) -> None:
    made = enclave()
    made.guest = guest(simulated_machine())
    with pytest.raises(EnclaveRefused, match=reason):
        made.open()


def test_a_second_session_of_the_same_start_measures_nothing_again() -> None:
    made = enclave()
    first, second = made.session(), made.session()
    assert first.registered.address != second.registered.address
    assert len(made.guest.measured()) == 1


def test_software_that_the_record_does_not_name_opens_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import avow.prover.enclave.simulated.guest as guest

    # The record is made first, with the software as it was.
    made = enclave()
    monkeypatch.setattr(guest, "_MR_TD", b"\x77" * 48)
    with pytest.raises(EnclaveRefused, match="MRTD and RTMR0 to 2 are not in the policy"):
        made.open()


def test_production_makes_no_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    registered = enclave().open()[1]
    monkeypatch.setenv("AVOW_ENVIRONMENT", "production")
    with pytest.raises(VerificationError, match="production"):
        started(simulated_machine(), NOW)
    with pytest.raises(VerificationError, match="production"):
        registered.terms()


def test_a_key_of_a_registry_signs_for_its_chain() -> None:
    made: Enclave = enclave()
    made.terms = Terms(CHAIN, keccak256(b"challenge"), 7 * DAY)
    session, inputs = made.session(), row(compiled()[1])
    honest = replace(
        statement(inputs), domain=Domain(31337, b"\x22" * 20), order=keccak256(b"order")
    )
    signed = session.sign(digest(), [Asked(honest, inputs)])
    root, _ = build([honest.digest()])
    assert signed.receipt.signer(root, CHAIN) == session.registered.address
    assert signed.receipt.signer(root, OFF_CHAIN) != session.registered.address
    elsewhere = replace(honest, domain=Domain(1, b"\x22" * 20))
    with pytest.raises(EnclaveRefused, match="another chain"):
        session.sign(digest(), [Asked(elsewhere, inputs)])


def test_real_evidence_is_not_believed_under_a_test_root() -> None:
    from avow.prover.enclave.opening import check_material
    from avow.verifier.attestation.intel.quote import parse_quote, without_padding
    from avow.verifier.systems.tee.material import Material
    from tests.verifier.attestation.examples import policy_of
    from tests.verifier.attestation.vectors import JULY_2025, read

    data = without_padding(read("tdx/tdx_quote"))
    collateral = read("collateral/tdx_quote_collateral.json")
    made = enclave()
    registration = made.open()[1].material.registration
    material = Material(registration, "tdx", data, collateral, None)
    reference = policy_of(parse_quote(data), "UpToDate")
    root = made.guest.root
    with pytest.raises(VerificationError, match="must say SIMULATED"):
        check_material(material, reference, made.program, root, JULY_2025)
    # Genuine as it is, it names no program of ours.
    with pytest.raises(VerificationError, match="events"):
        check_material(material, reference, made.program, None, JULY_2025)


def test_a_simulated_key_speaks_for_its_own_registration() -> None:
    from avow.prover.enclave.registered import parse_registered
    from avow.verifier.chain.attestation_records import Enrolment
    from avow.verifier.signature import recover_signer

    made, operator = enclave(), b"\x33" * 20
    made.terms = Terms(CHAIN, keccak256(b"challenge"), DAY, operator)
    found = made.open()[1]
    assert found.own_word is not None and parse_registered(found.to_json()) == found
    enrolment = Enrolment(found.address, found.material.registration, 0)
    assert recover_signer(enrolment.digest(operator), found.own_word.signature) == found.address
    other = recover_signer(enrolment.digest(b"\x34" * 20), found.own_word.signature)
    assert other != found.address
