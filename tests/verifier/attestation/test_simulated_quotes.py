"""A simulated platform: its quotes pass as SIMULATED only, and each of its lies is refused."""

import random
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from avow.prover.enclave.simulated.platform import (
    Platform,
    TrustDomain,
    make_platform,
    revoke,
)
from avow.verifier.attestation.established import Attested, Simulated, measurement_digest
from avow.verifier.attestation.intel import verify as intel
from avow.verifier.attestation.intel.collateral import parse_collateral
from avow.verifier.attestation.intel.quote import parse_quote, without_padding
from avow.verifier.attestation.intel.verify import verify_quote
from avow.verifier.attestation.policy import AttestationPolicy, RequiredEvent
from avow.verifier.attestation.steps import State
from avow.verifier.errors import VerificationError
from tests.sampling import sampled
from tests.verifier.attestation.examples import (
    AT,
    DOMAIN,
    EVENTS,
    check,
    event_log,
    log_entries,
    platform,
    root_of,
    td_policy,
)

DAY = 86_400


@pytest.mark.parametrize("later", [False, True])
def test_a_simulated_quote_is_simulated_and_nothing_more(later: bool) -> None:
    domain = replace(DOMAIN, later=later)
    found = check(domain)
    assert isinstance(found, Simulated)
    assert not isinstance(found, Attested)
    assert found.report_data == DOMAIN.report_data
    assert found.measurement == measurement_digest("tdx", DOMAIN.mr_td, *DOMAIN.rtmr[:3])
    assert found.platform == platform().ppid
    assert found.expires == AT + 30 * DAY - DAY or found.expires == AT + 30 * DAY
    assert [step.name for step in found.steps] == [
        "parse", "attributes", "chain", "tcb", "platform", "measurements", "events", "revocation",
    ]  # fmt: skip


def test_the_default_verifier_refuses_it() -> None:
    made = platform()
    with pytest.raises(VerificationError, match="SIMULATED quote"):
        verify_quote(made.quote(DOMAIN), made.collateral(), AT, td_policy())
    # Nor does it help to hide the mark: the chain leads to no vendor.
    bare = replace(DOMAIN, user_data=bytes(20), mr_owner=bytes(48))
    with pytest.raises(VerificationError) as refusal:
        verify_quote(made.quote(bare), made.collateral(), AT, td_policy())
    assert refusal.value.step == "chain"


@pytest.mark.parametrize(
    "change",
    [
        {"user_data": bytes(20)},
        {"user_data": b"SIMULATED-not".ljust(20, b"\0")},
        {"mr_owner": bytes(48)},
    ],
)
def test_a_simulation_that_does_not_say_so_is_refused(change: dict[str, bytes]) -> None:
    lying = replace(DOMAIN, **change)  # type: ignore[arg-type]
    with pytest.raises(VerificationError, match="must say SIMULATED"):
        check(lying, td_policy(lying))


def test_another_test_root_does_not_vouch_for_it() -> None:
    data, other = platform().quote(DOMAIN), make_platform(AT)
    with pytest.raises(VerificationError) as refusal:
        check(made=other, data=data)
    assert refusal.value.step == "chain"


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        (b"\1" + DOMAIN.attributes[1:], "debug mode"),
        (bytes(8), "refused"),
        ((1 << 28 | 1 << 29).to_bytes(8, "little"), "refused"),
        ((1 << 28 | 1 << 30).to_bytes(8, "little"), "refused"),
        ((1 << 28 | 1 << 63).to_bytes(8, "little"), "refused"),
    ],
)
def test_only_the_attributes_of_a_production_domain_pass(attributes: bytes, reason: str) -> None:
    with pytest.raises(VerificationError, match=reason) as refusal:
        check(replace(DOMAIN, attributes=attributes))
    assert refusal.value.step == "attributes"


@pytest.mark.parametrize(
    "change",
    [
        {"mr_signer_seam": b"\1" * 48},
        {"seam_attributes": b"\1" + bytes(7)},
        {"mr_owner_config": b"\1" * 48},
        {"mr_service_td": b"\1" * 48, "later": True},
    ],
)
def test_nobody_else_has_a_say_in_a_production_domain(change: dict[str, Any]) -> None:
    with pytest.raises(VerificationError) as refusal:
        check(replace(DOMAIN, **change))
    assert refusal.value.step == "attributes"


def test_a_genuine_domain_has_no_owner() -> None:
    owned = replace(DOMAIN, user_data=bytes(20), mr_owner=b"\1" * 48)
    with pytest.raises(VerificationError, match="MROWNER") as refusal:
        verify_quote(platform().quote(owned), platform().collateral(), AT, td_policy(owned))
    assert refusal.value.step == "attributes"


def test_the_collaterals_window_is_judged_here_too() -> None:
    claims = {
        "latest_issue_date": 10,
        "qe_iden_latest_issue_date": 20,
        "earliest_expiration_date": 40,
        "qe_iden_earliest_expiration_date": 30,
    }
    assert intel._check_window(claims, 20) == intel._check_window(claims, 30) == 30
    for at in (19, 31):
        with pytest.raises(VerificationError, match="the collateral is of 20 to 30"):
            intel._check_window(claims, at)


def test_the_root_that_the_library_used_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    inside = intel._check_window
    monkeypatch.setattr(
        intel, "_check_window", lambda claims, at: used.append(claims) or inside(claims, at)
    )
    check()
    key = bytes(used[0]["platform"]["root_key_id"])
    assert key != intel._INTEL_ROOT_KEY
    monkeypatch.setattr(intel, "_INTEL_ROOT_KEY", key)
    with pytest.raises(VerificationError, match="another root than asked for"):
        check()


def test_a_library_that_gives_up_has_not_been_convinced(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def verifier(failure: type[BaseException]) -> Callable[[bytes | None], None]:
        def made(root: bytes | None) -> None:
            raise failure

        return made

    monkeypatch.setattr(intel.dcap_qvl, "QuoteVerifier", verifier(PanicException))
    with pytest.raises(VerificationError, match="gave up"):
        check()
    monkeypatch.setattr(intel.dcap_qvl, "QuoteVerifier", verifier(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        check()


def test_a_body_has_the_size_of_its_type() -> None:
    data = platform().quote(replace(DOMAIN, later=True))
    for wrong in (b"\2\0", b"\4\0", b"\3\0\x87"):
        with pytest.raises(VerificationError, match="unknown body type"):
            parse_quote(data[:48] + wrong + data[48 + len(wrong) :])
    with pytest.raises(VerificationError, match="at most 32768 bytes"):
        parse_quote(bytes(32_769))


def test_certification_data_are_of_the_two_known_types() -> None:
    data = platform().quote(DOMAIN)
    outer = len(parse_quote(data).signed) + 4 + 64 + 64
    inner = outer + 6 + 384 + 64 + 2 + 32
    for place, expected in ((outer, 6), (inner, 5)):
        assert data[place] == expected
        with pytest.raises(VerificationError, match=f"of type {expected}, got 1"):
            parse_quote(data[:place] + b"\1" + data[place + 1 :])
    chain = inner + 6
    assert data[chain : chain + 5] == b"-----"
    with pytest.raises(VerificationError, match="no PCK certificate chain"):
        parse_quote(data[:chain] + b"+" + data[chain + 1 :])


def test_reference_values_are_whole_rows() -> None:
    for place in range(3):
        rtmr = [*DOMAIN.rtmr]
        rtmr[place] = b"\x99" * 48
        with pytest.raises(VerificationError) as refusal:
            check(replace(DOMAIN, rtmr=tuple(rtmr)))  # type: ignore[arg-type]
        assert refusal.value.step == "measurements"
    for change in (
        TrustDomain(b"\x99" * 48, DOMAIN.rtmr, DOMAIN.report_data),
        replace(DOMAIN, mr_config_id=b"\1" * 48),
    ):
        with pytest.raises(VerificationError) as refusal:
            check(change)
        assert refusal.value.step == "measurements"


def test_statuses_and_numbers_are_the_policys_choice() -> None:
    for change, reason in (
        ({"status": "OutOfDate"}, "the platform is OutOfDate"),
        ({"evaluation": 16}, "evaluation data number 16 is below 17"),
        ({"qe_status": "OutOfDate"}, "the platform is OutOfDate"),
        ({"advisories": ("INTEL-SA-01036",)}, "does not accept INTEL-SA-01036"),
    ):
        with pytest.raises(VerificationError, match=reason) as refusal:
            check(made=replace(platform(), **change))  # type: ignore[arg-type]
        assert refusal.value.step == "tcb"
    with pytest.raises(VerificationError):
        check(made=replace(platform(), status="Revoked"))
    policy = td_policy()
    assert policy.tdx is not None
    late = replace(policy.tdx.tcb, statuses=("OutOfDate",))
    allowing = AttestationPolicy(tdx=replace(policy.tdx, tcb=late))
    assert check(policy=allowing, made=replace(platform(), status="OutOfDate")).kind == "tdx"
    known = replace(policy.tdx.tcb, advisories=("INTEL-SA-01036",))
    accepting = AttestationPolicy(tdx=replace(policy.tdx, tcb=known))
    assert check(policy=accepting, made=replace(platform(), advisories=known.advisories))


def test_a_revoked_platform_is_refused() -> None:
    with pytest.raises(VerificationError, match=r"revoked|certificate chain") as refusal:
        check(made=revoke(platform()))
    assert refusal.value.step == "chain"


def test_an_old_quoting_enclave_is_refused() -> None:
    with pytest.raises(VerificationError):
        check(made=replace(platform(), qe_svn=0))


@pytest.mark.parametrize("days", [-2, 40])
def test_the_callers_time_decides(days: int) -> None:
    with pytest.raises(VerificationError) as refusal:
        check(at=AT + days * DAY)
    assert refusal.value.step == "chain"


REQUIRED = (RequiredEvent("app-id", None), RequiredEvent("compose-hash", EVENTS[1][1]))


def test_required_events_are_found_in_the_log() -> None:
    found = check(policy=td_policy(events=REQUIRED), log=event_log())
    (step,) = [one for one in found.steps if one.name == "events"]
    assert step.state is State.PASSED
    # Without a log, what nobody asked for is open, and what was asked for is refused.
    (step,) = [one for one in check().steps if one.name == "events"]
    assert step.state is State.NOT_CHECKED
    with pytest.raises(VerificationError, match="there is no event log"):
        check(policy=td_policy(events=REQUIRED))
    with pytest.raises(VerificationError, match="does not lead to RTMR3"):
        check(policy=td_policy(events=REQUIRED), log=event_log(log_entries()[:-1]))


def tampered(data: bytes, place: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    return bytes(changed)


def test_every_signed_byte_of_header_and_body_counts() -> None:
    data = platform().quote(DOMAIN)
    for place in sampled(range(len(parse_quote(data).signed)), 200):
        changed = tampered(data, place, random.randrange(8))
        with pytest.raises(VerificationError):
            check(data=changed, policy=td_policy())


def test_a_changed_quote_is_refused_by_a_policy_made_for_it() -> None:
    lying = replace(DOMAIN, mr_td=b"\x77" * 48)
    honest, wanted = platform().quote(DOMAIN), platform().quote(lying)
    size = len(parse_quote(honest).signed)
    with pytest.raises(VerificationError) as refusal:
        check(data=wanted[:size] + honest[size:], policy=td_policy(lying))
    assert refusal.value.step == "chain"


def test_nothing_may_be_cut_or_left_over() -> None:
    data = platform().quote(DOMAIN)
    for wrong in (data + b"\0", data[:-1], b"", data[:48], data[:700]):
        with pytest.raises(VerificationError) as refusal:
            check(data=wrong)
        assert refusal.value.step == "parse"
    assert without_padding(data + bytes(900)) == data
    # The same inside: a shorter chain in a longer frame, or the other way round.
    size = len(parse_quote(data).signed)
    longer = data[:size] + struct.pack("<I", len(data) - size - 3) + data[size + 4 :] + b"\0"
    with pytest.raises(VerificationError, match="too many"):
        parse_quote(longer)


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, b"\3\0", "got version 3 of 0x81"),
        (0, b"\6\0", "got version 6"),
        (2, b"\3\0", "ECDSA P-256 quote"),
        (4, b"\0", "got version 4 of 0x0"),
        (12, b"\0", "vendor"),
    ],
)
def test_other_kinds_of_quotes_are_refused(place: int, value: bytes, reason: str) -> None:
    data = platform().quote(DOMAIN)
    with pytest.raises(VerificationError, match=reason):
        parse_quote(data[:place] + value + data[place + len(value) :])


def outcome(run: Callable[[], object]) -> None:
    """Whatever comes in, only `VerificationError` leaves."""
    try:
        run()
    except VerificationError as refusal:
        assert "\n" not in refusal.message


QUOTES = [platform().quote(replace(DOMAIN, later=later)) for later in (False, True)]


@given(
    st.sampled_from(QUOTES),
    st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), max_size=8),
    st.integers(-300, 50),
)
@example(QUOTES[0], [], 0)
def test_broken_quotes_are_refused_in_one_way(
    data: bytes, changes: list[tuple[int, int]], length: int
) -> None:
    changed = bytearray(data)
    for place, value in changes:
        changed[place % len(changed)] = value
    cut = bytes(changed)[:length] if length < 0 else bytes(changed) + bytes(length)
    outcome(lambda: check(data=cut))
    outcome(lambda: parse_quote(cut))
    outcome(lambda: without_padding(cut))


@given(st.binary(max_size=3000))
def test_bytes_are_no_quote(data: bytes) -> None:
    outcome(lambda: parse_quote(data))
    outcome(lambda: without_padding(data))
    outcome(lambda: parse_collateral(data))


COLLATERAL = platform().collateral()


@given(st.integers(0, len(COLLATERAL) - 1), st.binary(max_size=6), st.integers(0, 6))
def test_broken_collateral_is_refused_in_one_way(place: int, put: bytes, cut: int) -> None:
    changed = COLLATERAL[:place] + put + COLLATERAL[place + cut :]

    class Lying(Platform):
        def collateral(self) -> bytes:
            return changed

    made = platform()
    lying = Lying(
        made.at, made.authority, made.intermediate, made.tcb_signer, made.pck,
        made.attestation, made.ppid,
    )  # fmt: skip
    outcome(lambda: check(made=lying))


def test_collateral_has_its_nine_texts_and_no_more() -> None:
    for wrong in (b"[]", b"{}", COLLATERAL.replace(b'"pck_crl":', b'"pck":'), b"{" + COLLATERAL):
        with pytest.raises(VerificationError) as refusal:
            parse_collateral(wrong)
        assert refusal.value.step == "parse"


def test_the_root_is_the_one_allowed() -> None:
    assert root_of(platform()).certificate == platform().authority.der
