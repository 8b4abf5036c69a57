"""Quotes of real Intel hardware give what their sources say, at the times they say."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest

from avow.verifier.attestation.eventlog import replay
from avow.verifier.attestation.intel.quote import (
    HEADER_BYTES,
    Kind,
    SgxBody,
    TdxBody,
    parse_quote,
    without_padding,
)
from avow.verifier.attestation.intel.verify import verify_quote, verify_simulated_quote
from avow.verifier.attestation.policy import AttestationPolicy, RequiredEvent
from avow.verifier.attestation.steps import State
from avow.verifier.errors import VerificationError
from tests.sampling import sampled
from tests.verifier.attestation.examples import AT, platform, policy_of, root_of
from tests.verifier.attestation.vectors import JULY_2025, MARCH_2026, read

TDX4 = ("tdx/tdx_quote", "collateral/tdx_quote_collateral.json", JULY_2025)
TDX5 = (
    "tdx/google_quote_v5_sample.dat",
    "collateral/tdx_quote_outdated_collateral.json",
    MARCH_2026,
)
SGX3 = ("sgx/sgx_quote", "collateral/sgx_quote_collateral.json", JULY_2025)
LENIENT = ("UpToDate", "ConfigurationAndSWHardeningNeeded")
ADVISORIES = ("INTEL-SA-00289", "INTEL-SA-00615")
MONTH = 31 * 86_400


def accepts(data: bytes) -> AttestationPolicy:
    """A policy for the platforms of all three."""
    return policy_of(parse_quote(data), *LENIENT, advisories=ADVISORIES)


@pytest.mark.parametrize(
    ("case", "kind", "version"), [(TDX4, "tdx", 4), (TDX5, "tdx", 5), (SGX3, "sgx", 3)]
)
def test_a_genuine_quote_verifies_at_its_time(
    case: tuple[str, str, int], kind: str, version: int
) -> None:
    name, collateral, at = case
    data = without_padding(read(name))
    quote = parse_quote(data)
    assert (quote.kind, quote.version) == (Kind(kind), version)
    found = verify_quote(data, read(collateral), at, accepts(data))
    assert found.kind == kind
    assert found.identity == quote.identity
    assert found.report_data == quote.body.report_data
    assert at < found.expires < at + MONTH
    states = {step.name: step.state for step in found.steps}
    assert states["chain"] is states["tcb"] is states["measurements"] is State.PASSED
    assert states["platform"] is states["revocation"] is State.NOT_CHECKED
    # The caller's time decides: a month earlier or later the same files convince nobody.
    for other in (at - MONTH, at + MONTH, 0, -1, 2**62):
        with pytest.raises(VerificationError) as refusal:
            verify_quote(data, read(collateral), other, accepts(data))
        assert refusal.value.step == "chain"


def test_padding_is_cut_by_whoever_collects_and_refused_by_who_verifies() -> None:
    padded = read("tdx/tdx_quote")
    exact = without_padding(padded)
    assert (len(padded), len(exact)) == (5006, 4936)
    with pytest.raises(VerificationError, match="70 bytes too many"):
        parse_quote(padded)
    assert parse_quote(exact).data == exact
    with pytest.raises(VerificationError, match="no padding"):
        without_padding(padded[:-1] + b"\1")


def test_a_quote_that_fits_no_tcb_level_is_refused() -> None:
    data = read("tdx/tdx_quote_outdated")
    with pytest.raises(VerificationError, match="No matching TCB level"):
        verify_quote(data, read(TDX5[1]), MARCH_2026, accepts(data))


def test_a_debug_enclave_is_refused() -> None:
    data = read("sgx/automata_debug_quote_sgx.bin")
    with pytest.raises(VerificationError, match="debug mode") as refusal:
        verify_quote(data, read(SGX3[1]), JULY_2025, accepts(data))
    assert refusal.value.step == "attributes"


def test_a_status_is_refused_unless_the_policy_names_it_and_its_advisories() -> None:
    data, collateral = read(SGX3[0]), read(SGX3[1])
    quote = parse_quote(data)
    for policy in (policy_of(quote), policy_of(quote, *LENIENT, advisories=ADVISORIES[:1])):
        with pytest.raises(VerificationError) as refusal:
            verify_quote(data, collateral, JULY_2025, policy)
        assert refusal.value.step == "tcb"


def test_an_evaluation_number_below_the_policys_is_refused() -> None:
    data = without_padding(read(TDX4[0]))
    policy = accepts(data)
    assert policy.tdx is not None
    older = replace(policy.tdx.tcb, minimum_evaluation=18)
    with pytest.raises(VerificationError, match="evaluation data number 17 is below 18"):
        verify_quote(
            data, read(TDX4[1]), JULY_2025, AttestationPolicy(tdx=replace(policy.tdx, tcb=older))
        )


def test_only_platforms_on_the_list_pass_where_there_is_one() -> None:
    data = without_padding(read(TDX4[0]))
    policy = accepts(data)
    assert policy.tdx is not None
    here = bytes.fromhex("811dca2a26b952e85bb6448b097ba4fd")
    for platforms, allowed in (((here,), True), ((bytes(16),), False)):
        own = replace(policy.tdx, tcb=replace(policy.tdx.tcb, platforms=platforms))
        checked = AttestationPolicy(tdx=own)
        if allowed:
            found = verify_quote(data, read(TDX4[1]), JULY_2025, checked)
            assert {one.state for one in found.steps if one.name == "platform"} == {State.PASSED}
        else:
            with pytest.raises(VerificationError, match="not on the policy's list"):
                verify_quote(data, read(TDX4[1]), JULY_2025, checked)


def test_every_register_of_the_row_counts() -> None:
    data = without_padding(read(TDX4[0]))
    policy = accepts(data)
    assert policy.tdx is not None
    (row,) = policy.tdx.measurements
    for place in range(4):
        other = tuple(bytes(48) if n == place else one for n, one in enumerate(row))
        wrong = AttestationPolicy(tdx=replace(policy.tdx, measurements=(other,)))
        with pytest.raises(VerificationError) as refusal:
            verify_quote(data, read(TDX4[1]), JULY_2025, wrong)
        assert refusal.value.step == "measurements"


def test_an_enclaves_row_flags_and_version_count() -> None:
    data, collateral = read(SGX3[0]), read(SGX3[1])
    policy = accepts(data)
    assert policy.sgx is not None
    ((enclave, signer, product),) = policy.sgx.measurements
    for row in (
        (bytes(32), signer, product),
        (enclave, bytes(32), product),
        (enclave, signer, product + 1),
    ):
        wrong = AttestationPolicy(sgx=replace(policy.sgx, measurements=(row,)))
        with pytest.raises(VerificationError, match="are not in the policy") as refusal:
            verify_quote(data, collateral, JULY_2025, wrong)
        assert refusal.value.step == "measurements"
    newer = AttestationPolicy(sgx=replace(policy.sgx, minimum_isv_svn=1))
    with pytest.raises(VerificationError, match="ISVSVN 0 is below 1"):
        verify_quote(data, collateral, JULY_2025, newer)
    with pytest.raises(VerificationError, match="has no event log"):
        verify_quote(data, collateral, JULY_2025, policy, b"[]")
    # Attributes are judged before signatures: not initialised, provisioning, launch, KSS.
    flags = HEADER_BYTES + 48
    for value in (0b100, 0b10101, 0b100101, 0b10000101):
        changed = data[:flags] + bytes([value]) + data[flags + 1 :]
        with pytest.raises(VerificationError) as refusal:
            verify_quote(changed, collateral, JULY_2025, policy)
        assert refusal.value.step == "attributes"


def test_without_reference_values_nothing_passes() -> None:
    data = read(SGX3[0])
    td = policy_of(parse_quote(without_padding(read(TDX4[0]))))
    for policy in (AttestationPolicy(), td):
        with pytest.raises(VerificationError, match="no reference values for sgx"):
            verify_quote(data, read(SGX3[1]), JULY_2025, policy)


def test_a_genuine_quote_means_nothing_under_a_test_root() -> None:
    data = without_padding(read(TDX4[0]))
    with pytest.raises(VerificationError, match="must say SIMULATED"):
        verify_simulated_quote(data, read(TDX4[1]), JULY_2025, accepts(data), root_of(platform()))


def test_collateral_of_other_platforms_or_of_the_simulation_is_refused() -> None:
    data = without_padding(read(TDX4[0]))
    for collateral in (read(TDX5[1]), read(SGX3[1]), platform().collateral()):
        for at in (JULY_2025, MARCH_2026, AT):
            with pytest.raises(VerificationError) as refusal:
                verify_quote(data, collateral, at, accepts(data))
            assert refusal.value.step == "chain"


def signed_places(data: bytes) -> list[int]:
    """Every byte that something signs: header and body, QE report, what the report binds."""
    quote = parse_quote(data)
    start = len(quote.signed) + 4 + 64
    key = range(start, start + 64)
    report = start + 64 + (0 if quote.version == 3 else 6)
    bound = report + 384 + 64 + 2
    return [
        *range(len(quote.signed)),
        *key,
        *range(report, report + 384),
        *range(bound, bound + 32),
    ]


@pytest.mark.parametrize("case", [TDX4, TDX5, SGX3])
def test_every_signed_byte_counts(case: tuple[str, str, int]) -> None:
    name, collateral, at = case
    data = without_padding(read(name))
    archived = read(collateral)
    for place in sampled(signed_places(data), 300):
        changed = bytearray(data)
        changed[place] ^= 1 << random.randrange(8)
        try:
            policy = accepts(bytes(changed))
        except VerificationError:
            continue
        # Even a policy made for the changed registers must not accept them.
        with pytest.raises(VerificationError):
            verify_quote(bytes(changed), archived, at, policy)


@pytest.mark.parametrize("key", ["tcb_info", "qe_identity", "pck_crl", "root_ca_crl"])
def test_signed_collateral_cannot_be_changed(key: str) -> None:
    data = without_padding(read(TDX4[0]))
    collateral: dict[str, Any] = json.loads(read(TDX4[1]))
    text = collateral[key]
    for place in sampled(range(len(text)), 80):
        other = "1" if text[place] != "1" else "2"
        changed = collateral | {key: text[:place] + other + text[place + 1 :]}
        with pytest.raises(VerificationError) as refusal:
            verify_quote(data, json.dumps(changed).encode(), JULY_2025, accepts(data))
        assert refusal.value.step == "chain"


def test_the_identity_is_of_the_signed_part_alone() -> None:
    data = read(TDX5[0])
    quote = parse_quote(data)
    assert len(quote.signed) == HEADER_BYTES + 6 + 648
    signature = bytearray(data)
    signature[len(quote.signed) + 4] ^= 1
    assert parse_quote(bytes(signature)).identity == quote.identity
    body = bytearray(data)
    body[len(quote.signed) - 1] ^= 1
    assert parse_quote(bytes(body)).identity != quote.identity


@pytest.mark.parametrize("name", ["tdx/automata_quotev4.hex", "sgx/automata_quotev3.hex"])
def test_quotes_without_their_collateral_parse_and_are_refused(name: str) -> None:
    data = without_padding(bytes.fromhex(read(name).decode().strip().removeprefix("0x")))
    quote = parse_quote(data)
    assert isinstance(quote.body, TdxBody if "tdx" in name else SgxBody)
    for collateral, at in ((TDX4[1], JULY_2025), (SGX3[1], JULY_2025), (TDX5[1], MARCH_2026)):
        with pytest.raises(VerificationError):
            verify_quote(data, read(collateral), at, accepts(data))


def test_dstacks_log_leads_to_the_quoted_registers() -> None:
    report = json.loads(read("dstack/quote-report.json"))
    data = without_padding(bytes.fromhex(report["quote"]))
    log = report["event_log"].encode()
    names = ("app-id", "compose-hash", "instance-id", "key-provider")
    policy = accepts(data)
    assert policy.tdx is not None
    asking = replace(policy.tdx, events=tuple(RequiredEvent(name, None) for name in names))
    checked = AttestationPolicy(tdx=asking)
    found = verify_quote(data, read(TDX5[1]), MARCH_2026, checked, log)
    (step,) = [one for one in found.steps if one.name == "events"]
    assert step.state is State.PASSED
    assert step.detail.startswith("28 events")
    with pytest.raises(VerificationError, match="there is no event log"):
        verify_quote(data, read(TDX5[1]), MARCH_2026, checked)
    # An event less, an event more, and another order each lead elsewhere.
    entries = json.loads(log)
    for lie in (entries[:-1], [*entries, entries[-1]], [*entries[:-2], entries[-1], entries[-2]]):
        with pytest.raises(VerificationError, match="does not lead to RTMR3"):
            verify_quote(data, read(TDX5[1]), MARCH_2026, checked, json.dumps(lie).encode())


def test_dstacks_short_log_leads_to_the_registers_of_a_quote_without_collateral() -> None:
    report = json.loads(read("dstack/tdx-lite-getquote.json"))
    data = without_padding(bytes.fromhex(report["quote"]))
    quote = parse_quote(data)
    assert isinstance(quote.body, TdxBody)
    step = replay(
        report["event_log"].encode(), quote.body.rtmr, (RequiredEvent("compose-hash", None),)
    )
    assert step.detail.startswith("29 events")
    entries = json.loads(report["event_log"])
    (compose,) = [one["event_payload"] for one in entries if one["event"] == "compose-hash"]
    assert quote.body.mr_config_id == (b"\1" + bytes.fromhex(compose)).ljust(48, b"\0")
    with pytest.raises(VerificationError) as refusal:
        verify_quote(data, read(TDX5[1]), MARCH_2026, accepts(data))
    assert refusal.value.step == "chain"
