"""Bare evidence, outside of any bundle: what each step says of it, to the last."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from avow.verifier.attestation.established import Attested, Simulated
from avow.verifier.attestation.evidence_file import EvidenceFile
from avow.verifier.attestation.intel.quote import SgxBody, parse_quote
from avow.verifier.attestation.nitro.document import parse_document
from avow.verifier.attestation.policy import (
    STATUSES,
    AttestationPolicy,
    IntelTcb,
    NitroPolicy,
    SgxPolicy,
    TdxPolicy,
)
from avow.verifier.attestation.steps import State, Step, not_checked, passed
from avow.verifier.attestation.testroot import TestRoot
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex

if TYPE_CHECKING:
    from avow.verifier.attestation.nvidia.device import Device, SimulatedDevice
    from avow.verifier.attestation.nvidia.evidence import Evidence
    from avow.verifier.attestation.nvidia.golden_values import GoldenValues

FAILED = "FAILED"
_POLICYS = ("tcb", "platform", "measurements")
_QUOTE = ("parse", "attributes", "chain", *_POLICYS, "revocation")
_ORDER = {
    "tdx": (*_QUOTE[:-1], "events", "revocation"),
    "sgx": _QUOTE,
    "nitro": ("parse", "attributes", "chain", "time", *_POLICYS[1:], "revocation"),
}
_DEVICE = (
    *("device chain", "device revocation", "device signature", "device nonce"),
    *("device firmware id", "driver golden values", "VBIOS golden values"),
)
_ADVISORY = re.compile(rb"INTEL-SA-[0-9]{5}")


class Verdict(Enum):
    """What all steps come to; the value is its wire name."""

    GENUINE = "GENUINE"
    SIMULATED = "SIMULATED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class Question:
    """What the caller asks of evidence, at the Unix time `at`.

    `policy` None judges nothing of what was measured, and says so. `report_data` and `nonce` (32
    bytes) are what evidence must hold; None does not insist. `certificates` are a device's, in
    PEM, where its report is bare; `golden_values` NVIDIA's manifests. `test_root` lets a
    simulation, and nothing else, convince.
    """

    at: int
    policy: AttestationPolicy | None = None
    collateral: bytes | None = None
    event_log: bytes | None = None
    report_data: bytes | None = None
    nonce: bytes | None = None
    certificates: bytes | None = None
    golden_values: Sequence[bytes] = ()
    missing_golden_values: bool = False
    test_root: TestRoot | None = None


@dataclass(slots=True)
class Judgement:
    """The verdict, each step as (name, state, detail), and what the evidence says of itself.

    States are those of `State`, and `FAILED`. `facts` of refused evidence are empty.
    """

    kind: str
    form: str
    verdict: Verdict = Verdict.REFUSED
    steps: list[tuple[str, str, str]] = field(default_factory=list)
    facts: dict[str, Json] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """{verdict, kind, form, steps, facts}."""
        steps: list[Json] = [
            {"name": name, "state": state, "detail": detail} for name, state, detail in self.steps
        ]
        return {
            "verdict": self.verdict.value,
            "kind": self.kind,
            "form": self.form,
            "steps": steps,
            "facts": self.facts,
        }


def judge(file: EvidenceFile, question: Question) -> Judgement:
    """Check evidence alone. Raises `VerificationError` of step `setup` or `read` only, for what
    is missing here; everything else is in the judgement."""
    found = Judgement(file.kind, file.form)
    _check_fit(file, question)
    reached: list[Step] = []
    try:
        if file.kind in ("gpu", "nvswitch"):
            _judge_devices(file, question, found, reached)
        else:
            _judge_enclave(file, question, found, reached)
    except VerificationError as error:
        if error.step in ("setup", "read"):
            raise
        found.verdict, found.facts = Verdict.REFUSED, {}
        _note(found, reached, question.policy is not None)
        found.steps.append((error.step, FAILED, error.message))
        seen = {name for name, _, _ in found.steps}
        for name in _ORDER.get(file.kind, _DEVICE):
            if name not in seen:
                found.steps.append((name, State.NOT_CHECKED.value, "not reached"))
    return found


def _check_fit(file: EvidenceFile, question: Question) -> None:
    """Refuse what says nothing about this kind: it would look as if it had been heeded."""
    devices = file.kind in ("gpu", "nvswitch")
    bare = devices and not file.data.startswith(b"[")
    for given, belongs, name in (
        (question.policy, not devices, "a policy of evidence"),
        (question.collateral, file.kind in ("tdx", "sgx"), "collateral"),
        (question.event_log, file.kind == "tdx", "an event log"),
        (question.report_data, not devices, "report data"),
        (question.nonce, devices, "a nonce"),
        (question.certificates, bare, "certificates beside the evidence"),
        (question.golden_values or None, devices, "golden values"),
        (question.missing_golden_values or None, devices, "leave to miss golden values"),
    ):
        if given is not None and not belongs:
            raise VerificationError("read", f"evidence of {file.kind} has no use for {name}")


def _judge_enclave(
    file: EvidenceFile, question: Question, found: Judgement, reached: list[Step]
) -> None:
    policy = question.policy
    if policy is None:
        reached.append(not_checked("policy", "none was given: nothing says what is acceptable"))
        policy = _any(file, question)
    else:
        reached.append(passed("policy", to_hex(policy.digest())))
    if file.kind == "nitro":
        result = _check_document(file, question, policy, reached)
    else:
        result = _check_quote(file, question, policy, reached)
    if question.report_data is None:
        reached.append(not_checked("report data", f"any; this holds {result.report_data.hex()}"))
    elif result.report_data != question.report_data:
        raise VerificationError(
            "report data", f"expected {question.report_data.hex()}, got {result.report_data.hex()}"
        )
    else:
        reached.append(passed("report data", "as expected"))
    _note(found, reached, question.policy is not None)
    simulated = isinstance(result, Simulated)
    found.verdict = Verdict.SIMULATED if simulated else Verdict.GENUINE
    platform = result.platform
    found.facts = {
        "identity": to_hex(result.identity),
        "measurement": to_hex(result.measurement),
        "report_data": to_hex(result.report_data),
        "platform": platform.decode("ascii") if file.kind == "nitro" else to_hex(platform),
        "expires": result.expires,
    }


def _check_quote(
    file: EvidenceFile, question: Question, policy: AttestationPolicy, steps: list[Step]
) -> Attested | Simulated:
    # Loaded late: what it rests on is only there with the extra.
    from avow.verifier.attestation.intel.verify import verify_quote, verify_simulated_quote

    collateral = question.collateral
    if collateral is None:
        raise VerificationError("read", "a quote is checked with its collateral")
    log = question.event_log or file.event_log
    at, root = question.at, question.test_root
    if root is None:
        return verify_quote(file.data, collateral, at, policy, log, steps)
    return verify_simulated_quote(file.data, collateral, at, policy, root, log, steps)


def _check_document(
    file: EvidenceFile, question: Question, policy: AttestationPolicy, steps: list[Step]
) -> Attested | Simulated:
    from avow.verifier.attestation.nitro.verify import verify_document, verify_simulated_document

    if question.test_root is None:
        return verify_document(file.data, question.at, policy, steps)
    return verify_simulated_document(file.data, question.at, policy, question.test_root, steps)


def _any(file: EvidenceFile, question: Question) -> AttestationPolicy:
    """What accepts whatever was measured; its steps are then said not to be checked."""
    if file.kind == "nitro":
        pcrs = parse_document(file.data).pcrs
        row = tuple(pcrs.get(number, b"") for number in range(3))
        return AttestationPolicy(nitro=NitroPolicy((row,), None))
    known = _ADVISORY.findall(question.collateral or b"")
    advisories = tuple(sorted({one.decode("ascii") for one in known}))
    tcb, body = IntelTcb(STATUSES, advisories, 0, None), parse_quote(file.data).body
    if isinstance(body, SgxBody):
        enclave = (body.mr_enclave, body.mr_signer, body.isv_prod_id)
        return AttestationPolicy(sgx=SgxPolicy((enclave,), 0, tcb))
    row = (body.mr_td, *body.rtmr[:3])
    return AttestationPolicy(tdx=TdxPolicy((row,), tcb, body.mr_config_id, ()))


def _unjudged(step: Step) -> Step:
    if step.name not in _POLICYS or step.state is State.NOT_CHECKED:
        return step
    # Said of a policy that was made out of the evidence itself.
    detail = step.detail if step.name == "tcb" else "compared with nothing"
    return replace(step, state=State.NOT_CHECKED, detail=detail)


def _judge_devices(
    file: EvidenceFile, question: Question, found: Judgement, reached: list[Step]
) -> None:
    # Loaded late: what they rest on is only there with the extra.
    from avow.verifier.attestation.nvidia.evidence import (
        parse_evidence_list,
        parse_evidence_texts,
    )
    from avow.verifier.attestation.nvidia.golden_values import check_all_golden_values

    if file.data.startswith(b"["):
        devices = parse_evidence_list(file.data)
    elif question.certificates is None:
        raise VerificationError("read", "a bare report is checked with its certificates")
    else:
        devices = (parse_evidence_texts(file.data, question.certificates),)
    golden = check_all_golden_values(question.golden_values, question.at, question.test_root)
    facts: list[Json] = []
    unused = dict(golden)
    for evidence in devices:
        _note(found, reached, True)
        reached.clear()
        device = _judge_device(file.kind, evidence, golden, question, reached)
        for version in (device.driver, device.vbios):
            unused.pop((device.chip, (version or "").upper()), None)
        facts.append(_facts_of(device))
    for chip, version in unused:
        said = f"{chip} {version} was given, no device here has it"
        reached.append(not_checked("golden values", said))
    _note(found, reached, True)
    simulated = question.test_root is not None
    found.verdict = Verdict.SIMULATED if simulated else Verdict.GENUINE
    found.facts = {"devices": facts}


def _judge_device(
    kind: str,
    evidence: "Evidence",
    golden: "Mapping[tuple[str, str], GoldenValues]",
    question: Question,
    reached: list[Step],
) -> "Device | SimulatedDevice":
    from avow.verifier.attestation.nvidia.device import NONCE, check_gpu, check_nvswitch

    nonce, at, root = question.nonce or evidence.report.nonce, question.at, question.test_root
    steps = list[Step]()

    def check(
        driver: "GoldenValues | None", vbios: "GoldenValues | None", missing: bool
    ) -> "Device | SimulatedDevice":
        steps.clear()
        if kind == "nvswitch":
            return check_nvswitch(
                evidence, nonce, at, vbios=vbios, unsafe_missing_golden_values=missing,
                test_root=root, steps=steps,
            )  # fmt: skip
        return check_gpu(
            evidence, nonce, at, driver=driver, vbios=vbios,
            unsafe_missing_golden_values=missing, test_root=root, steps=steps,
        )  # fmt: skip

    try:
        # What it runs is known once the report is authentic; the golden values of that count.
        device = check(None, None, True)
        device = check(
            golden.get((device.chip, (device.driver or "").upper())),
            golden.get((device.chip, device.vbios.upper())),
            question.missing_golden_values,
        )
    finally:
        unasked = not_checked(NONCE, f"none was given; it answered {nonce.hex()}")
        reached.extend(
            unasked if question.nonce is None and step.name == NONCE else step for step in steps
        )
    return device


def _facts_of(device: "Device | SimulatedDevice") -> Json:
    versions: dict[str, Json] = {"chip": device.chip, "vbios": device.vbios}
    if device.driver is not None:
        versions["driver"] = device.driver
    return versions | {
        "identity": to_hex(device.identity),
        "platform": to_hex(device.platform),
        "serial": str(device.serial),
        "nonce": to_hex(device.nonce),
        "expires": device.expires,
    }


def _note(found: Judgement, steps: Sequence[Step], judged: bool) -> None:
    for step in steps:
        one = step if judged else _unjudged(step)
        found.steps.append((one.name, one.state.value, one.detail))
