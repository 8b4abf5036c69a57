"""Whether an AWS Nitro document convinces, at a time, under a policy."""

from avow.verifier.attestation.certificates import (
    check_chain,
    check_raw_signature,
    read_certificate,
)
from avow.verifier.attestation.established import Attested, Simulated, measurement_digest
from avow.verifier.attestation.nitro.document import Document, parse_document
from avow.verifier.attestation.nitro.root import AWS_NITRO_ROOT
from avow.verifier.attestation.policy import AttestationPolicy, NitroPolicy
from avow.verifier.attestation.steps import Step, not_checked, passed
from avow.verifier.attestation.testroot import MARK, TestRoot
from avow.verifier.errors import VerificationError

# How far the security module's clock may be from the caller's time, in seconds: the leaf's
# certificate lives for three hours, and a registration follows within minutes.
_CLOCK_SECONDS = 3 * 3600
_MEASURED = (0, 1, 2)


def verify_document(
    data: bytes, at: int, policy: AttestationPolicy, steps: list[Step] | None = None
) -> Attested:
    """Check a document under AWS's root, at the Unix time `at`, which is the caller's.

    That time is the registration's block time; the document's own is only compared with it.
    `steps` is given what was established, also before a refusal. Raises `VerificationError`
    naming the step, and nothing else.
    """
    steps = [] if steps is None else steps
    document = _parse(data, steps)
    if document.module_id.startswith(MARK.decode()):
        raise VerificationError(
            "root", "a SIMULATED document: it establishes nothing about hardware"
        )
    return Attested(*_check(document, at, policy, AWS_NITRO_ROOT, "AWS's Nitro root", steps))


def verify_simulated_document(
    data: bytes,
    at: int,
    policy: AttestationPolicy,
    root: TestRoot,
    steps: list[Step] | None = None,
) -> Simulated:
    """The same for a document under a test root; its module id must begin with SIMULATED."""
    steps = [] if steps is None else steps
    document = _parse(data, steps)
    if not document.module_id.startswith(MARK.decode()):
        raise VerificationError("root", "a document under a test root must say SIMULATED")
    authority = "a SIMULATED root"
    return Simulated(*_check(document, at, policy, root.certificate, authority, steps))


_Result = tuple[str, bytes, bytes, bytes, bytes, int, tuple[Step, ...]]


def _parse(data: bytes, steps: list[Step]) -> Document:
    # 1. Parse: nothing else may be in the document.
    document = parse_document(data)
    steps.append(passed("parse", "Nitro document, COSE_Sign1 with ES384"))
    return document


def _check(
    document: Document,
    at: int,
    policy: AttestationPolicy,
    root: bytes,
    authority: str,
    steps: list[Step],
) -> _Result:
    # 2. Policy: it knows this kind, before anything is believed of it.
    own = policy.nitro
    if own is None:
        raise VerificationError("policy", "the policy has no reference values for nitro")

    # 3. Attributes: a debug enclave has zero registers, whatever signs it.
    measured = tuple(document.pcrs.get(number, b"") for number in _MEASURED)
    if not all(measured):
        raise VerificationError("attributes", "the document lacks one of PCR0 to 2")
    if not all(map(any, measured)):
        raise VerificationError("attributes", "PCR0 to 2 are zero: the enclave is in debug mode")
    steps.append(passed("attributes", "production enclave"))

    # 4. Chain: up to the pinned root, every certificate valid at the caller's time.
    key = check_chain(document.chain, root, at)
    check_raw_signature(key, document.signature, document.signed, "signature")
    expires = min(
        int(read_certificate(one, "certificate").not_valid_after_utc.timestamp())
        for one in (*document.chain, root)
    )
    steps.append(passed("chain", f"signed under {authority}, valid at {at}"))

    # 5. Time: the document is of about the time for which the caller asks.
    if abs(document.time // 1000 - at) > _CLOCK_SECONDS:
        raise VerificationError("time", f"the document is of {document.time // 1000}, not of {at}")
    steps.append(passed("time", f"made at {document.time // 1000}"))

    # 6. Platform: the allow-list, where there is one.
    steps.append(_check_platform(document.module_id, own))

    # 7. Measurements: one of the policy's rows, whole.
    if measured not in own.measurements:
        raise VerificationError("measurements", "PCR0 to 2 are not in the policy")
    steps.append(passed("measurements", "PCR0 to 2 are the policy's"))
    steps.append(not_checked("revocation", "AWS's revocation lists are not part of a document"))
    return (
        "nitro",
        document.identity,
        measurement_digest("nitro", *measured),
        document.user_data or b"",
        document.module_id.encode("ascii"),
        expires,
        tuple(steps),
    )


def _check_platform(module_id: str, policy: NitroPolicy) -> Step:
    if policy.platforms is None:
        return not_checked("platform", f"any; this is {module_id}")
    instance = module_id.partition("-enc")[0]
    if instance not in policy.platforms:
        raise VerificationError("platform", f"{instance} is not on the policy's list")
    return passed("platform", f"{instance} is on the policy's list")
