"""Whether a bundle convinces, under a policy: the one function that decides."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from avow.verifier.bundle import Bundle, parse_bundle
from avow.verifier.commitment import Commitment, Scheme, commit_public, commit_salted
from avow.verifier.errors import VerificationError
from avow.verifier.policy import Policy
from avow.verifier.records import InputVisibility, WeightVisibility
from avow.verifier.signature import recover
from avow.verifier.srs import ceremony
from avow.verifier.systems.system import BatchSystem, Evidence, Findings, System
from avow.verifier.systems.table import RETIRED, SYSTEMS
from avow.verifier.tensor import Tensor, TensorSpec
from avow.verifier.trace.inputs import PUBLIC_SCHEMES, commit_as, input_scheme
from avow.verifier.verdict import Assurance, Hides, ModelBinding, Step, Verdict

T = TypeVar("T")
_HIDES = {
    (InputVisibility.PUBLIC, WeightVisibility.FIXED): Hides.NONE,
    (InputVisibility.HASHED, WeightVisibility.FIXED): Hides.INPUTS,
    (InputVisibility.PUBLIC, WeightVisibility.HASHED): Hides.WEIGHTS,
    (InputVisibility.HASHED, WeightVisibility.HASHED): Hides.BOTH,
}


@dataclass(slots=True)
class _Log:
    steps: list[Step] = field(default_factory=list)

    def passed(self, name: str, established: str) -> None:
        self.steps.append(Step(name, established))


def verify(data: bytes, policy: Policy, at: int | None = None) -> Verdict:
    """Check a bundle offline and say what it establishes.

    `at` is the time in Unix seconds for which the caller asks; the verifier reads no clock.
    Raises `VerificationError` naming the step that refused, and nothing else.
    """
    with bounded():
        case = open_case(data)
        return conclude(case, check_case(case, policy), policy, at)


def verify_together(
    bundles: Sequence[tuple[bytes, Policy]], at: int | None = None
) -> list[Verdict | VerificationError]:
    """What `verify` says of each bundle, where they share a proof much sooner.

    The proof is checked once for all whose own steps hold. Where that fails, or the system has no
    such check, each is checked alone, so that one bundle's fault is never another's.
    """
    cases = [_tried(partial(open_case, data)) for data, _ in bundles]
    evidence = [case.evidence for case in cases if isinstance(case, Case)]
    shared: Findings | VerificationError | None = None
    systems = {case.system.system_id: case.system for case in cases if isinstance(case, Case)}
    for system in systems.values():
        if len(systems) == 1 and len(evidence) > 1 and isinstance(system, BatchSystem):
            shared = _tried(partial(_check_batch, system, evidence))

    def judge(case: Case, policy: Policy) -> Verdict:
        found = shared if isinstance(shared, Findings) else check_case(case, policy)
        return conclude(case, found, policy, at)

    return [
        _tried(partial(judge, case, policy)) if isinstance(case, Case) else case
        for case, (_, policy) in zip(cases, bundles, strict=True)
    ]


def _tried(step: Callable[[], T]) -> T | VerificationError:
    try:
        with bounded():
            return step()
    except VerificationError as error:
        return error


@contextmanager
def bounded() -> Iterator[None]:
    """A bundle that exhausts the machine is refused like any other."""
    try:
        yield
    except (MemoryError, RecursionError) as error:
        raise VerificationError("parse", f"the bundle exhausts this machine: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Case:
    """A bundle of which everything but the proof was checked."""

    bundle: Bundle
    system: System
    records: str
    log: _Log
    evidence: Evidence


def open_case(data: bytes) -> Case:
    """Steps 1 to 4 of `verify`, and what step 5 is about."""
    log = _Log()

    # 1. Parse: canonical bytes within the limits, nothing unknown, duplicated or trailing.
    bundle = parse_bundle(data)
    statement = bundle.statement
    log.passed("parse", f"canonical bundle of {len(data)} bytes")

    # 2. System: known and not retired.
    system = _known_system(statement.system)
    log.passed("system", f"{statement.system} is known")

    # 3. Records: they hash to what the statement names, and agree with one another.
    records = _check_records(bundle)
    log.passed("records", records)

    # 4. Tensors: of the declared shape, type and range, and committed to by the statement.
    log.passed("tensors", _check_tensors(bundle, system))

    # 5. Proof: it convinces the system's own half, for the root that this statement leads to.
    return Case(
        bundle,
        system,
        records,
        log,
        Evidence(
            root=bundle.path.root(statement.digest()),
            index=bundle.path.index,
            statement=statement,
            model=bundle.model,
            system=bundle.system,
            inputs=bundle.inputs,
            outputs=bundle.outputs,
            proof=bundle.proof,
            material=bundle.material,
        ),
    )


def conclude(case: Case, findings: Findings, policy: Policy, at: int | None) -> Verdict:
    """What follows from the findings: steps 6 and 7 of `verify`."""
    bundle, log, statement = case.bundle, case.log, case.bundle.statement
    srs_name = _check_findings(bundle, findings)
    log.steps.extend(findings.steps)
    log.passed("proof", findings.established)

    # 6. Policy: everything that the caller insists on.
    srs_safe = _srs_safe(bundle, findings, policy, srs_name)
    # The key alone would not do: hidden weights of one shape share it, and the model record that
    # names the ONNX file and gives the integers their meaning stands outside of it.
    checked = bundle.system.digest() in policy.checked_records
    binding = ModelBinding.CHECKED if checked else ModelBinding.NOT_CHECKED
    _check_policy(bundle, findings, policy, srs_safe, binding)
    log.passed("policy", "everything that the policy asks for holds")

    # 7. Verdict. That the time which a claim names is over does not say that the claim has stood.
    not_checked = findings.not_checked
    if findings.final_at is not None and at is not None and at >= findings.final_at:
        not_checked += (f"{findings.final_at} is over: what became of the claim, the chain says",)
    if binding is ModelBinding.NOT_CHECKED:
        not_checked += (
            "model binding: the record was not recomputed from the ONNX file (avow model check); "
            "what the key computes and hides is the record's word",
        )
    claimant = "the bundle's own" if bundle.signature is None else "the owner's"
    not_checked += (f"system record: its fidelity and cost are {claimant} claim",)
    return Verdict(
        assurance=findings.assurance,
        final_at=findings.final_at,
        final_at_by=findings.final_at_by,
        final=findings.final_at is None,
        statement=statement.digest(),
        model_name=f"{bundle.model.name} {bundle.model.version}",
        model=statement.model,
        system=statement.system,
        outputs=bundle.outputs,
        output_specs=bundle.system.outputs,
        hides=findings.hides,
        srs=findings.srs,
        srs_name=srs_name,
        srs_safe=srs_safe,
        model_binding=binding,
        records=case.records,
        rests_on=findings.rests_on,
        not_checked=not_checked,
        steps=tuple(log.steps),
    )


def _known_system(system_id: str) -> System:
    if system_id in RETIRED:
        raise VerificationError("system", f"{system_id} is retired: {RETIRED[system_id]}")
    if system_id not in SYSTEMS:
        known = ", ".join(sorted(SYSTEMS))
        raise VerificationError("system", f"unknown system {system_id!r}; known: {known}")
    return SYSTEMS[system_id]


def _check_records(bundle: Bundle) -> str:
    statement, model, system = bundle.statement, bundle.model, bundle.system
    if model.digest() != statement.model:
        raise VerificationError(
            "records", "the model record does not hash to the statement's model"
        )
    if system.model != statement.model:
        raise VerificationError("records", "the system record belongs to another model")
    for name in ("system", "program", "key"):
        if getattr(system, name) != getattr(statement, name):
            raise VerificationError("records", f"system record and statement differ in {name}")
    shapes = [(output.name, output.shape) for output in model.outputs]
    if [(spec.name, spec.shape) for spec in system.outputs] != shapes:
        raise VerificationError("records", "the system's outputs are not those of the model")
    if bundle.signature is None:
        return "records match the statement; system record NOT SIGNED by the owner"
    signer = recover(system.digest(), bundle.signature)
    if signer != model.owner:
        raise VerificationError(
            "records",
            f"the system record is signed by 0x{signer.hex()}, the owner is 0x{model.owner.hex()}",
        )
    return f"records match the statement; system record signed by the owner 0x{signer.hex()}"


def _check_tensors(bundle: Bundle, system: System) -> str:
    statement = bundle.statement
    if statement.output.scheme is not Scheme.PUBLIC:
        raise VerificationError("tensors", "outputs are committed by their public digest (1)")
    _match_schema("outputs", bundle.system.outputs, bundle.outputs)
    _match_commitment("output", statement.output, commit_public(bundle.outputs))

    scheme = statement.input.scheme
    if scheme not in system.input_schemes:
        raise VerificationError(
            "tensors", f"{statement.system} binds no input of scheme {scheme:d}"
        )
    hidden = bundle.system.input_visibility is not InputVisibility.PUBLIC
    if hidden and scheme in PUBLIC_SCHEMES:
        raise VerificationError("tensors", "an unsalted digest of a hidden input is refused")
    rule = input_scheme(bundle.model.inputs)
    if scheme in PUBLIC_SCHEMES and scheme is not rule and rule in system.input_schemes:
        # Or an attested answer could be signed so that no proof of another one is of its input.
        said = f"the model's inputs are committed to by scheme {rule:d}, not {scheme:d}"
        raise VerificationError("tensors", said)
    if (scheme is Scheme.SALTED) != (bundle.salt is not None):
        raise VerificationError("tensors", "a salt belongs to a salted commitment and only there")
    if bundle.inputs is None:
        if not hidden:
            raise VerificationError("tensors", "the inputs are missing, and nothing hides them")
        return "outputs match the statement; inputs are hidden"
    _match_schema("inputs", bundle.model.inputs, bundle.inputs)
    if scheme in PUBLIC_SCHEMES:
        _match_commitment("input", statement.input, commit_as(scheme, bundle.inputs))
    elif scheme is Scheme.SALTED and bundle.salt is not None:
        _match_commitment("input", statement.input, commit_salted(bundle.inputs, bundle.salt))
    else:
        raise VerificationError("tensors", "inputs are given in clear, but the system hides them")
    return "inputs and outputs match the statement"


def _match_schema(what: str, specs: tuple[TensorSpec, ...], tensors: tuple[Tensor, ...]) -> None:
    if len(specs) != len(tensors):
        raise VerificationError("tensors", f"{len(specs)} {what} expected, got {len(tensors)}")
    for spec, tensor in zip(specs, tensors, strict=True):
        spec.check(tensor)


def _match_commitment(what: str, claimed: Commitment, computed: Commitment) -> None:
    if claimed != computed:
        raise VerificationError("tensors", f"the {what} is not the one that the statement names")


def check_case(case: Case, policy: Policy) -> Findings:
    """Step 5 of `verify`, by the case's half."""
    with _half(case.evidence):
        given = {name: getattr(policy, name) for name in ("sample", "anchor", "attestation")}
        return case.system.verify(replace(case.evidence, **given))


def _check_batch(system: BatchSystem, evidence: Sequence[Evidence]) -> Findings:
    with _half(evidence[0]):
        return system.verify_batch(evidence)


@contextmanager
def _half(evidence: Evidence) -> Iterator[None]:
    try:
        yield
    except VerificationError:
        raise
    except Exception as error:
        # A half that fails in a way of its own has not been convinced.
        what = f"{evidence.system.system} could not check this: {type(error).__name__}"
        raise VerificationError("proof", what) from error


def _check_findings(bundle: Bundle, findings: Findings) -> str | None:
    claim = bundle.system.srs
    if (claim.digest if claim else None) != findings.srs:
        raise VerificationError("proof", "the proof was checked under another SRS than recorded")
    claimed = _HIDES[bundle.system.input_visibility, bundle.system.weight_visibility]
    if findings.hides is not claimed:
        raise VerificationError(
            "proof", f"the record claims to hide {claimed.value}, the proof {findings.hides.value}"
        )
    return ceremony(findings.srs) if findings.srs is not None else None


def _srs_safe(
    bundle: Bundle, findings: Findings, policy: Policy, srs_name: str | None
) -> bool | None:
    if findings.srs is None:
        return None
    known = srs_name is not None or findings.srs in policy.trusted_srs
    return known and bundle.system.srs is not None and bundle.system.srs.safe


def _check_policy(
    bundle: Bundle,
    findings: Findings,
    policy: Policy,
    srs_safe: bool | None,
    binding: ModelBinding,
) -> None:
    statement = bundle.statement

    def insist(holds: bool, message: str) -> None:
        if not holds:
            raise VerificationError("policy", message)

    def pinned(name: str, wanted: object, got: object) -> None:
        insist(wanted is None or wanted == got, f"the policy asks for another {name}")

    insist(
        findings.assurance.rank >= policy.minimum_assurance.rank,
        f"the policy asks for {policy.minimum_assurance.value}, "
        f"the evidence gives {findings.assurance.value}",
    )
    if policy.systems is not None:
        insist(
            statement.system in policy.systems,
            f"the policy allows {', '.join(policy.systems)}, not {statement.system}",
        )
    insist(
        srs_safe is not False or policy.unsafe_allow_unsafe_srs,
        "the SRS is unsafe (made locally or unknown) and the policy does not allow that",
    )
    for name in ("model", "program", "domain", "order", "provider", "nonce"):
        pinned(name, getattr(policy, name), getattr(statement, name))
    pinned("system record", policy.record, bundle.system.digest())
    pinned("output", policy.outputs, bundle.outputs)
    if policy.hides is not None:
        insist(
            findings.hides in (policy.hides, Hides.BOTH),
            f"the policy asks to hide {policy.hides.value}, this hides {findings.hides.value}",
        )
    if policy.inputs is not None:
        insist(
            bundle.inputs is not None,
            "the policy holds an input, but the bundle hides its own: they cannot be compared",
        )
        pinned("input", policy.inputs, bundle.inputs)
    allowed = policy.measurements
    if not allowed and policy.attestation is not None:
        allowed = policy.attestation.evidence.measurement_digests()
    if policy.measurements or findings.assurance in (Assurance.ATTESTED, Assurance.SIMULATED):
        insist(
            bool(set(allowed) & set(bundle.system.measurements)),
            "no measurement of the record is one that the policy allows",
        )
    insist(
        bundle.signature is not None or not policy.require_owner_signature,
        "the policy asks for the owner's signature under the system record",
    )
    insist(
        binding is ModelBinding.CHECKED or not policy.require_model_binding,
        "the policy asks for a record recomputed from the ONNX file (checked_records)",
    )
