"""What the server says, read into types; unknown fields are left alone, wrong ones refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from avow.api.client.errors import Misbehaved
from avow.api.errors import one_line
from avow.verifier.errors import VerificationError
from avow.verifier.lifecycle import EVIDENCE_STATES, JobState, job_ends
from avow.verifier.records import (
    InputVisibility,
    ModelRecord,
    SystemRecord,
    parse_model_record,
    parse_system_record,
)

JOB_ID = re.compile(r"[0-9a-f]{32}")
_DIGEST = re.compile(r"0x[0-9a-f]{64}")
_TEXT = 4096


@dataclass(frozen=True, slots=True)
class Offer:
    """One model under one proof system, as the server lists it.

    Both records were hashed here: `model` and `record` are their digests. What a model of a given
    name is remains the server's word; its digest does not.
    """

    model: bytes
    record: bytes
    model_record: ModelRecord
    system_record: SystemRecord
    signed: bool

    @property
    def hides_input(self) -> bool:
        """Whether the proofs keep the input from whoever reads them."""
        return self.system_record.input_visibility is not InputVisibility.PUBLIC

    def is_called(self, name: str) -> bool:
        """Whether `name` is this model's name, name@version or digest."""
        record = self.model_record
        names = (record.name, f"{record.name}@{record.version}", f"0x{self.model.hex()}")
        return name in names


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work at hand is; `percent` and `eta_seconds` are None where nobody knows."""

    task: str
    stage: str
    attempt: int
    percent: int | None
    eta_seconds: float | None


@dataclass(frozen=True, slots=True)
class Claim:
    """One output as the server states it, before anything was verified."""

    name: str
    shape: tuple[int, ...]
    integers: tuple[int, ...]
    reals: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One leg of a job; `bundle_sha256` and `bundle_size` are None before there is a bundle.

    `outcome` is what became of its work, None while it goes on or where the server does not say.
    """

    leg: int
    system: str
    record: str
    state: str
    statement: str | None
    bundle_sha256: str | None
    bundle_size: int | None
    outcome: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the server tells it; times in unix milliseconds.

    `claimed` is the answer as the server states it, None before there is one: not proven.
    `raw` is the whole object.
    """

    id: str
    state: JobState
    reason: str
    model: str
    nonce: int
    created_at: int
    updated_at: int
    progress: Progress | None
    evidence: tuple[Evidence, ...]
    claimed: tuple[Claim, ...] | None
    raw: dict[str, Any] = field(repr=False)

    @property
    def has_evidence(self) -> bool:
        """Whether every leg has its bundle; `state` says of which kind the weakest of them is."""
        return self.state in WITH_EVIDENCE

    @property
    def has_ended(self) -> bool:
        """Whether it ended without its evidence."""
        return job_ends(self.state) and not self.has_evidence


# Settled or not: every leg has its bundle.
WITH_EVIDENCE = frozenset({*EVIDENCE_STATES, JobState.SETTLED})


@dataclass(frozen=True, slots=True)
class Update:
    """A job's state, and how far the work is, whenever one of them changes."""

    job: str
    state: JobState
    reason: str
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some jobs, newest first, and where the next ones begin; None at the end."""

    jobs: tuple[Job, ...]
    following: str | None


class _Object:
    """An object of the server's, each field read with its type."""

    def __init__(self, value: Any, what: str) -> None:
        if not isinstance(value, dict):
            raise Misbehaved(f"{what}: expected an object, got {type(value).__name__}")
        self._value: Mapping[str, Any] = value
        self._what = what

    def optional(self, key: str, kind: type) -> Any:
        """None for an absent key or null; a bool is no number here."""
        item = self._value.get(key)
        if item is None:
            return None
        if kind is float and isinstance(item, int) and not isinstance(item, bool):
            item = self._real(key, item)
        if not isinstance(item, kind) or (isinstance(item, bool) and kind is not bool):
            raise self._bad(key, kind.__name__, item)
        return item

    def text(self, key: str) -> str:
        found = self.optional(key, str)
        if found is None or len(found) > _TEXT:
            raise self._bad(key, "text", found)
        return one_line(found, _TEXT)

    def number(self, key: str) -> int:
        found = self.optional(key, int)
        if found is None:
            raise self._bad(key, "a whole number", found)
        return int(found)

    def matching(self, key: str, pattern: re.Pattern[str]) -> str:
        found = self.text(key)
        if not pattern.fullmatch(found):
            raise self._bad(key, f"text like {pattern.pattern}", found)
        return found

    def items(self, key: str) -> list[Any]:
        found = self.optional(key, list)
        if found is None:
            raise self._bad(key, "a list", found)
        return list(found)

    def numbers(self, key: str, kind: type) -> tuple[Any, ...]:
        found = self.items(key)
        for item in found:
            if isinstance(item, bool) or not isinstance(item, (int, kind)):
                raise self._bad(key, "numbers", item)
        return tuple(self._real(key, item) if kind is float else int(item) for item in found)

    def state(self, key: str) -> JobState:
        found = self.text(key)
        if found not in {state.value for state in JobState}:
            raise self._bad(key, "a job's state", found)
        return JobState(found)

    def _real(self, key: str, item: float) -> float:
        try:
            return float(item)
        except OverflowError:
            raise self._bad(key, "a real number", item) from None

    def _bad(self, key: str, expected: str, got: object) -> Misbehaved:
        return Misbehaved(f"{self._what}.{key}: expected {expected}, got {str(got)[:60]!r}")


def read_offers(value: dict[str, Any]) -> tuple[Offer, ...]:
    """The listing of models; every digest is computed anew."""
    return tuple(_offer(item) for item in _Object(value, "models").items("models"))


def _offer(item: Any) -> Offer:
    fields = _Object(item, "model")
    try:
        model = parse_model_record(item.get("model_record"))
        system = parse_system_record(item.get("system_record"))
        found = Offer(model.digest(), system.digest(), model, system, bool(item.get("signed")))
    except VerificationError as error:
        raise Misbehaved(f"model: {error.message}") from error
    for key, digest in (("model", found.model), ("record", found.record)):
        if fields.matching(key, _DIGEST) != f"0x{digest.hex()}":
            raise Misbehaved(f"model: its {key} digest is not that of the record beside it")
    if system.model != found.model:
        raise Misbehaved("model: a system record belongs to another model")
    return found


def read_job(value: Any, asked: str | None = None) -> Job:
    """A job; refuses another one than `asked`."""
    fields = _Object(value, "job")
    found = Job(
        id=fields.matching("id", JOB_ID),
        state=fields.state("state"),
        reason=fields.text("reason"),
        model=fields.matching("model", _DIGEST),
        nonce=int(fields.matching("nonce", re.compile(r"[1-9][0-9]{0,77}"))),
        created_at=fields.number("created_at"),
        updated_at=fields.number("updated_at"),
        progress=read_progress(value["progress"]) if value.get("progress") is not None else None,
        evidence=tuple(map(_evidence, fields.items("evidence"))),
        claimed=tuple(map(_claim, fields.items("answer"))) if "answer" in value else None,
        raw=value,
    )
    if asked is not None and found.id != asked:
        raise Misbehaved(f"job: expected {asked}, got {found.id}")
    return found


def read_page(value: dict[str, Any]) -> Page:
    """One page of jobs."""
    fields = _Object(value, "jobs")
    following = fields.optional("next", str)
    return Page(tuple(map(read_job, fields.items("jobs"))), following or None)


def read_progress(value: Any) -> Progress:
    """The progress of a job."""
    fields = _Object(value, "progress")
    return Progress(
        task=fields.text("task"),
        stage=fields.text("stage"),
        attempt=fields.number("attempt"),
        percent=fields.optional("percent", int),
        eta_seconds=fields.optional("eta_seconds", float),
    )


def read_step(value: Any) -> tuple[JobState, str]:
    """The state that an event of kind `state` tells, and why."""
    fields = _Object(value, "event")
    return fields.state("to_state"), fields.text("reason")


def _evidence(value: Any) -> Evidence:
    fields = _Object(value, "evidence")
    return Evidence(
        leg=fields.number("leg"),
        system=fields.text("system"),
        record=fields.matching("record", _DIGEST),
        state=fields.text("state"),
        statement=fields.optional("statement", str),
        bundle_sha256=fields.optional("bundle_sha256", str),
        bundle_size=fields.optional("bundle_size", int),
        outcome=fields.optional("outcome", str),
        reason=fields.optional("reason", str),
    )


def _claim(value: Any) -> Claim:
    fields = _Object(value, "answer")
    return Claim(
        name=fields.text("name"),
        shape=fields.numbers("shape", int),
        integers=fields.numbers("integers", int),
        reals=fields.numbers("reals", float),
    )
