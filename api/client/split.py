"""Both parts of a split model: two jobs under one nonce, joined and verified here.

A server knows of two models and two jobs. That they make up one answer is for whoever asks to see.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from avow.api.client.asking import Asked, Inputs, wish
from avow.api.client.download import download
from avow.api.client.effects import Compute, Steps
from avow.api.client.errors import BadInput, ClientError, JobEnded, NotInTime, NotVerified
from avow.api.client.follow import follow
from avow.api.client.operations import offers, send
from avow.api.client.settings import Settings
from avow.verifier.bundle import parse_bundle
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.mixed.split import PINNED_BY_THE_RECORD, SplitVerdict, verify_split
from avow.verifier.mixed.split_record import SplitRecord
from avow.verifier.policy import Policy
from avow.verifier.statement import OFF_CHAIN
from avow.verifier.tensor import Tensor


@dataclass(frozen=True, slots=True)
class SplitShown:
    """A split model's answer: both parts' evidence was checked here, together.

    `jobs` are the ids of the first part's job and the second's, `first` and `second` their bundles
    for others to check. The verdict says whether it is final.
    """

    jobs: tuple[str, str]
    verdict: SplitVerdict
    first: bytes = field(repr=False)
    second: bytes = field(repr=False)

    @property
    def outputs(self) -> dict[str, tuple[float, ...]]:
        """The numbers of the second part by the outputs' names, row-major."""
        verdict = self.verdict.second
        pairs = zip(verdict.output_specs, verdict.outputs, strict=True)
        return {spec.name: spec.dequantise(tensor) for spec, tensor in pairs}


def ask_split(
    settings: Settings,
    record: SplitRecord,
    inputs: Inputs,
    key: str | None,
    unseen_input: bool,
    timeout: float | None,
    at: int | None,
) -> Steps[SplitShown]:
    """Has the first part answered, hands its tensor on to the second, and verifies both together.

    The second part is asked for what the first one's evidence ends in, so only once that is there.
    Emits Updates of either job. Raises JobEnded, NotInTime, NotVerified, and what `submit` raises.
    """
    ends = None if timeout is None else settings.clock() + timeout
    # 1. Both parts are there, and the policy can be satisfied, before anything is sent.
    known = yield from offers(settings)
    if not any((one.model, one.record) == _pair(record) for one in known):
        said = f"{to_hex(record.second.model)}, record {to_hex(record.second.record)}"
        raise BadInput(f"split: the provider does not offer the second part, {said}")
    chosen = key or secrets.token_hex(16)

    def part(number: int, given: Inputs) -> Steps[Asked]:
        of = (record.first, record.second)[number]
        wanted = wish(
            known,
            to_hex(of.model),
            given,
            {
                "record": to_hex(of.record),
                "idempotency_key": f"{chosen}-{('first', 'second')[number]}",
                "unsafe_unseen_input": unseen_input and number == 0,
            },
        )
        # One request: the nonce is that of the whole.
        wanted = replace(wanted, request=chosen)
        if number == 0:
            _policy(settings.policy, wanted.nonce, None if unseen_input else wanted.inputs)
        return (yield from send(settings, wanted))

    # 2. The first part, to its evidence.
    opening = yield from part(0, inputs)
    first = yield from _evidence(settings, opening, ends)

    # 3. The second part, of the tensor that the first one's evidence ends in.
    try:
        (between,) = parse_bundle(first).outputs
        rest = yield from part(1, [between])
    except (VerificationError, ValueError, BadInput) as error:
        said = error.message if isinstance(error, VerificationError) else str(error)
        raise NotVerified(opening.job, "split", said) from error
    second = yield from _evidence(settings, rest, ends)

    # 4. Together, as a stranger would.
    policy = _policy(settings.policy, opening.nonce, None if unseen_input else opening.inputs)
    outcome: SplitVerdict | ClientError = yield Compute(
        _verified(lambda: verify_split(first, second, record, policy, at), rest.job)
    )
    if isinstance(outcome, ClientError):
        raise outcome
    return SplitShown((opening.job, rest.job), outcome, first, second)


def _pair(record: SplitRecord) -> tuple[bytes, bytes]:
    return record.second.model, record.second.record


def _evidence(settings: Settings, asked: Asked, ends: float | None) -> Steps[bytes]:
    left = None if ends is None else ends - settings.clock()
    if left is not None and left < 0:
        raise NotInTime(f"job {asked.job}: no evidence in the time given; it goes on")
    job = yield from follow(settings, asked.job, left)
    if job.has_ended:
        raise JobEnded(job.id, job.state.value, job.reason)
    return (yield from download(settings, asked.job))


def _policy(base: Policy, nonce: int, inputs: tuple[Tensor, ...] | None) -> Policy:
    """`base` with everything pinned that was asked for; raises BadInput where they differ."""
    for name in PINNED_BY_THE_RECORD:
        if getattr(base, name) is not None:
            raise BadInput(f"policy: of a split, the split record names the {name}")
    pins = {"nonce": nonce, "domain": OFF_CHAIN}
    for name, value in (pins if inputs is None else pins | {"inputs": inputs}).items():
        if getattr(base, name) not in (None, value):
            raise BadInput(f"policy: asks for another {name} than the request")
    return replace(base, nonce=nonce, domain=OFF_CHAIN, inputs=inputs or base.inputs)


def _verified(
    work: Callable[[], SplitVerdict], job: str
) -> Callable[[], SplitVerdict | ClientError]:
    def run() -> SplitVerdict | ClientError:
        try:
            return work()
        except VerificationError as error:
            return NotVerified(job, error.step, error.message)

    return run
