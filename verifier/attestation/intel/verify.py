"""Whether an Intel quote convinces, at a time, with its collateral, under a policy."""

import json
from typing import Any

from avow.verifier.attestation.established import Attested, Simulated, measurement_digest
from avow.verifier.attestation.eventlog import replay
from avow.verifier.attestation.intel.collateral import parse_collateral
from avow.verifier.attestation.intel.quote import Kind, Quote, SgxBody, TdxBody, parse_quote
from avow.verifier.attestation.policy import (
    AttestationPolicy,
    IntelTcb,
    SgxPolicy,
    TdxPolicy,
)
from avow.verifier.attestation.steps import Step, not_checked, passed
from avow.verifier.attestation.testroot import MARK, TestRoot
from avow.verifier.errors import VerificationError

try:
    import dcap_qvl
except ImportError as error:
    raise VerificationError(
        "setup", "Intel quotes need the extra tee: pip install 'avow-verifier[tee]'"
    ) from error

# SHA-384 of the public key of "Intel SGX Root CA", as dcap-qvl reports the root that it used.
_INTEL_ROOT_KEY = bytes.fromhex(
    "46e403bd34f05a3f2817ab9badcaacc7ffc98e0f261008cd30dae936cace18d5"
    "dcf58eef31463613de1570d516200993"
)
# Exactly SEPT_VE_DISABLE: neither debug, migration, nor keys and counters shared with the host.
_TD_ATTRIBUTES = (1 << 28).to_bytes(8, "little")
# Exactly initialised and 64-bit: neither debug nor access to provisioning or launch keys.
_SGX_FLAGS = 0b101
_SGX_DEBUG = 0b10


def verify_quote(
    data: bytes,
    collateral: bytes,
    at: int,
    policy: AttestationPolicy,
    event_log: bytes | None = None,
    steps: list[Step] | None = None,
) -> Attested:
    """Check a quote under Intel's root, at the Unix time `at`, which is the caller's.

    That time is the registration's block time; nothing of the bundle may choose it. `event_log`
    is the JSON of RTMR events, where the policy asks for events. `steps` is given what was
    established, also before a refusal. Raises `VerificationError` naming the step, and nothing
    else.
    """
    steps = [] if steps is None else steps
    quote = _parse(data, steps)
    if quote.user_data.startswith(MARK):
        raise VerificationError("root", "a SIMULATED quote: it establishes nothing about hardware")
    return Attested(*_check(quote, collateral, at, policy, event_log, None, steps))


def verify_simulated_quote(
    data: bytes,
    collateral: bytes,
    at: int,
    policy: AttestationPolicy,
    root: TestRoot,
    event_log: bytes | None = None,
    steps: list[Step] | None = None,
) -> Simulated:
    """The same for a TDX quote under a test root; it must say SIMULATED wherever it can."""
    steps = [] if steps is None else steps
    quote = _parse(data, steps)
    owner = quote.body.mr_owner if isinstance(quote.body, TdxBody) else b""
    if quote.user_data != MARK.ljust(20, b"\0") or owner != MARK.ljust(48, b"\0"):
        raise VerificationError("root", "a quote under a test root must say SIMULATED")
    return Simulated(*_check(quote, collateral, at, policy, event_log, root, steps))


_Result = tuple[str, bytes, bytes, bytes, bytes, int, tuple[Step, ...]]


def _parse(data: bytes, steps: list[Step]) -> Quote:
    # 1. Parse: nothing else may be in the quote.
    quote = parse_quote(data)
    steps.append(passed("parse", f"{quote.kind.value} quote, version {quote.version}"))
    return quote


def _check(
    quote: Quote,
    collateral: bytes,
    at: int,
    policy: AttestationPolicy,
    event_log: bytes | None,
    root: TestRoot | None,
    steps: list[Step],
) -> _Result:
    # 2. Policy: it knows this kind, before anything is believed of it.
    own: TdxPolicy | SgxPolicy | None = policy.tdx if quote.kind is Kind.TDX else policy.sgx
    if own is None:
        raise VerificationError(
            "policy", f"the policy has no reference values for {quote.kind.value}"
        )

    # 3. Attributes: a debug enclave is refused whatever signs it.
    steps.append(_check_attributes(quote.body, root is not None))

    # 4. Chain: certificates, revocation lists, QE, and the signature over header and body.
    claims = _claims(quote, collateral, at, root)
    expires = _check_window(claims, at)
    steps.append(
        passed("chain", f"signed under {_root_name(claims, root)} with collateral of {at}")
    )

    # 5. TCB: the library returns statuses, it refuses none.
    steps.append(_check_tcb(claims, own.tcb))

    # 6. Platform: the allow-list, where there is one.
    platform = bytes(claims["platform"]["pck"]["ppid"])
    steps.append(_check_platform(platform, own.tcb))

    # 7. Measurements: one of the policy's rows, whole.
    if isinstance(own, TdxPolicy) and isinstance(quote.body, TdxBody):
        measurement = _check_td(quote.body, own, root is not None, steps, event_log)
    elif isinstance(own, SgxPolicy) and isinstance(quote.body, SgxBody):
        if event_log is not None:
            raise VerificationError("events", "an SGX quote has no event log")
        measurement = _check_enclave(quote.body, own, steps)
    else:
        raise VerificationError("policy", "the policy is of another kind than the quote")
    steps.append(not_checked("revocation", "certificates revoked since the collateral was issued"))
    return (
        quote.kind.value,
        quote.identity,
        measurement,
        quote.body.report_data,
        platform,
        expires,
        tuple(steps),
    )


def _check_attributes(body: TdxBody | SgxBody, simulated: bool) -> Step:
    if isinstance(body, SgxBody):
        if body.flags & _SGX_DEBUG:
            raise VerificationError("attributes", "the enclave is in debug mode")
        if body.flags != _SGX_FLAGS:
            raise VerificationError("attributes", f"SGX attributes 0x{body.flags:x} are refused")
        return passed("attributes", "production enclave")
    if body.td_attributes[0]:
        raise VerificationError("attributes", "the trust domain is in debug mode")
    if body.td_attributes != _TD_ATTRIBUTES:
        raise VerificationError(
            "attributes", f"TD attributes 0x{body.td_attributes[::-1].hex()} are refused"
        )
    if any(body.mr_signer_seam) or any(body.seam_attributes):
        raise VerificationError("attributes", "the TDX module is not Intel's production module")
    if body.mr_service_td is not None and any(body.mr_service_td):
        raise VerificationError("attributes", "a service TD is bound to the trust domain")
    if any(body.mr_owner_config) or (any(body.mr_owner) and not simulated):
        raise VerificationError("attributes", "MROWNER and MROWNERCONFIG must be zero")
    return passed("attributes", "production trust domain, #VE by host disabled")


def _claims(quote: Quote, collateral: bytes, at: int, root: TestRoot | None) -> dict[str, Any]:
    if not 0 <= at < 2**40:
        raise VerificationError("chain", f"the time {at} is no Unix time in seconds")
    texts = parse_collateral(collateral)
    try:
        verifier = dcap_qvl.QuoteVerifier(None if root is None else root.certificate)
        claims = verifier.verify_with_policy(
            quote.data,
            dcap_qvl.QuoteCollateralV3.from_json(json.dumps(texts)),
            at,
            dcap_qvl.QuotePolicy.claims_only(at),
        )
        found: dict[str, Any] = json.loads(claims.to_json())
    except (ValueError, TypeError, OverflowError) as error:
        raise VerificationError("chain", " ".join(str(error).split())[:300]) from error
    except BaseException as error:
        # A panic in the library's Rust is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise VerificationError("chain", "dcap-qvl gave up on this quote") from error
    key = bytes(found["platform"]["root_key_id"])
    if (key == _INTEL_ROOT_KEY) != (root is None):
        raise VerificationError("chain", "the quote was checked under another root than asked for")
    return found


def _check_window(claims: dict[str, Any], at: int) -> int:
    begin = max(claims["latest_issue_date"], claims["qe_iden_latest_issue_date"])
    end = min(claims["earliest_expiration_date"], claims["qe_iden_earliest_expiration_date"])
    if not begin <= at <= end:
        raise VerificationError("chain", f"the collateral is of {begin} to {end}, not of {at}")
    return int(end)


def _root_name(claims: dict[str, Any], root: TestRoot | None) -> str:
    return "Intel's SGX root" if root is None else "a SIMULATED root"


def _check_tcb(claims: dict[str, Any], tcb: IntelTcb) -> Step:
    status, advisories = claims["tcb"]["status"], claims["tcb"]["advisory_ids"]
    if status not in tcb.statuses:
        raise VerificationError(
            "tcb", f"the platform is {status}; the policy allows {', '.join(tcb.statuses)}"
        )
    if unknown := sorted(set(advisories) - set(tcb.advisories)):
        raise VerificationError("tcb", f"the policy does not accept {', '.join(unknown)}")
    number = min(claims["tcb"]["eval_data_number"], claims["qe"]["tcb_eval_data_number"])
    if number < tcb.minimum_evaluation:
        raise VerificationError(
            "tcb", f"evaluation data number {number} is below {tcb.minimum_evaluation}"
        )
    return passed("tcb", f"{status}, evaluation data number {number}")


def _check_platform(platform: bytes, tcb: IntelTcb) -> Step:
    if tcb.platforms is None:
        return not_checked("platform", f"any; this is PPID {platform.hex()}")
    if platform not in tcb.platforms:
        raise VerificationError("platform", f"PPID {platform.hex()} is not on the policy's list")
    return passed("platform", f"PPID {platform.hex()} is on the policy's list")


def _check_td(
    body: TdxBody,
    policy: TdxPolicy,
    simulated: bool,
    steps: list[Step],
    event_log: bytes | None,
) -> bytes:
    row = (body.mr_td, *body.rtmr[:3])
    if row not in policy.measurements:
        raise VerificationError("measurements", "MRTD and RTMR0 to 2 are not in the policy")
    if body.mr_config_id != policy.mr_config_id:
        raise VerificationError("measurements", "MRCONFIGID is not the policy's")
    steps.append(passed("measurements", "MRTD, RTMR0 to 2 and MRCONFIGID are the policy's"))
    if event_log is not None:
        steps.append(replay(event_log, body.rtmr, policy.events))
    elif policy.events:
        raise VerificationError("events", "the policy asks for events, but there is no event log")
    else:
        steps.append(not_checked("events", "no event log: what RTMR3 holds is unknown"))
    return measurement_digest("tdx", *row)


def _check_enclave(body: SgxBody, policy: SgxPolicy, steps: list[Step]) -> bytes:
    row = (body.mr_enclave, body.mr_signer, body.isv_prod_id)
    if row not in policy.measurements:
        raise VerificationError(
            "measurements", "MRENCLAVE, MRSIGNER and product id are not in the policy"
        )
    if body.isv_svn < policy.minimum_isv_svn:
        raise VerificationError(
            "measurements", f"ISVSVN {body.isv_svn} is below {policy.minimum_isv_svn}"
        )
    steps.append(passed("measurements", "MRENCLAVE, MRSIGNER and product id are the policy's"))
    return measurement_digest("sgx", body.mr_enclave, body.mr_signer)
