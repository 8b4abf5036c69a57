"""The shapes of answers, for the OpenAPI document; what routes send is tested against them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from avow.api.examples import DEAD_LETTER, DELIVERY, INFER, JOB, MODEL, VERDICT, WEBHOOK
from avow.verifier.lifecycle import JobState


def _described(example: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"example": example})


class BatchAnswer(BaseModel):
    """The proof that a leg shares: answers it holds, jobs among them, this job's place from 0."""

    model_config = ConfigDict(extra="forbid")

    size: int
    members: int
    index: int


class GivenUpAnswer(BaseModel):
    """An alternative that was tried and failed."""

    system: str
    reason: str


class EvidenceAnswer(BaseModel):
    """One leg: which system shows the answer, and where the bundle is once there is one."""

    leg: int
    system: str
    selector: str
    record: str
    deadline: int
    share_bps: int
    state: str
    statement: str = Field(default="", description="Once there is a bundle.")
    bundle: str = ""
    bundle_sha256: str = ""
    bundle_size: int = 0
    prove_seconds: float = 0
    payment: str = ""
    batch: BatchAnswer | None = Field(default=None, description="Once made here.")
    any_of: list[str] = Field(default=[], description="Where the leg names several systems.")
    given_up: list[GivenUpAnswer] = []
    outcome: str = Field(
        default="",
        description="Once it has ended: proven, challengeable, attested or simulated, after what "
        "the verifier said of its bundle; or failed, expired, cancelled, ...",
    )
    reason: str = ""
    ended_at: int = Field(default=0, description="Unix time in ms.")


class StepAnswer(BaseModel):
    """One line of a job's history."""

    model_config = ConfigDict(extra="forbid")

    from_state: JobState
    to_state: JobState
    reason: str
    at: int = Field(description="Unix time in ms.")


class ProgressAnswer(BaseModel):
    """The work at hand; null is unknown. Estimates come from earlier proofs measured here."""

    model_config = ConfigDict(extra="forbid")

    task: str
    stage: str
    attempt: int
    percent: int | None
    eta_seconds: int | None


class OutputAnswer(BaseModel):
    """One output: the proven integers, and the reals that they stand for (integer / 2^scale)."""

    name: str
    type: str
    shape: list[int]
    scale: int
    integers: list[int]
    reals: list[float]


class WebhookAnswer(BaseModel):
    """A registered webhook; `job_id` null: told of all jobs of its owner."""

    model_config = ConfigDict(json_schema_extra={"example": WEBHOOK})

    id: str
    job_id: str | None = None
    url: str
    events: list[str]
    created_at: int
    disabled_at: int | None = None


class NewWebhookAnswer(WebhookAnswer):
    """A webhook just registered; its secret is shown now and never again."""

    model_config = ConfigDict(json_schema_extra={"example": WEBHOOK | {"secret": "whsec_QUJD..."}})

    secret: str


class WebhooksAnswer(BaseModel):
    """Webhooks, the newest first."""

    model_config = _described({"webhooks": [WEBHOOK]})

    webhooks: list[WebhookAnswer]


class DeliveryAnswer(BaseModel):
    """One message: pending until `due_at`, delivered, or dead after the last attempt."""

    model_config = _described(DELIVERY)

    id: str
    job_id: str
    event: str
    state: str
    attempts: int
    created_at: int
    due_at: int | None = None
    delivered_at: int | None = None
    dead_at: int | None = None
    status: int | None = Field(default=None, description="What the receiver last answered.")
    error: str


class DeliveriesAnswer(BaseModel):
    """The messages of a webhook, the newest first."""

    model_config = _described({"deliveries": [DELIVERY]})

    deliveries: list[DeliveryAnswer]


class JobAnswer(BaseModel):
    """A job as it stands. Times are unix ms, digests 0x hexadecimal."""

    model_config = ConfigDict(json_schema_extra={"example": JOB})

    id: str = Field(pattern="^[0-9a-f]{32}$")
    state: JobState
    reason: str
    model: str
    nonce: str
    priority: int
    created_at: int
    updated_at: int
    deadline: int
    evidence: list[EvidenceAnswer]
    history: list[StepAnswer]
    order: dict[str, str] = Field(default={}, description="The order on chain that it serves.")
    client_key: str = ""
    answer: list[OutputAnswer] = Field(default=[], description="Once answered.")
    preview: dict[str, Any] = Field(default={}, description="A float run; nothing proves it.")
    program: dict[str, Any] = Field(default={}, description="The exact program's answer.")
    progress: ProgressAnswer | None = None
    webhook: NewWebhookAnswer | None = Field(default=None, description="When asked for one.")


class JobsAnswer(BaseModel):
    """A page of jobs, newest first; `next` is the cursor of the following page, null at the end."""

    model_config = _described({"jobs": [JOB], "next": "MTcwMDAwMDAwMDAwMDowZjBm"})

    jobs: list[JobAnswer]
    next: str | None = None


class DeadLetterAnswer(BaseModel):
    """A job that was given up: which task of which leg, after how many attempts, why and when."""

    model_config = ConfigDict(extra="forbid")

    job_id: str
    model: str
    leg: int
    task: str
    attempts: int
    reason: str
    at: int


class DeadLettersAnswer(BaseModel):
    """Jobs that were given up, the newest first."""

    model_config = _described({"dead_letters": [DEAD_LETTER]})

    dead_letters: list[DeadLetterAnswer]


class ModelAnswer(BaseModel):
    """A model compiled for one proof system, with the records that statements name."""

    model_config = _described(MODEL)

    model: str
    record: str
    signed: bool
    model_record: dict[str, Any]
    system_record: dict[str, Any]


class ModelsAnswer(BaseModel):
    """Everything that can be asked."""

    model_config = _described({"models": [MODEL]})

    models: list[ModelAnswer]


class VerdictAnswer(BaseModel):
    """What a bundle establishes; `accepted` false names the step that refused and the reason."""

    model_config = ConfigDict(json_schema_extra={"example": VERDICT})

    accepted: bool
    step: str = Field(default="", description="With a rejection.")
    reason: str = Field(default="", description="With a rejection.")


class AliveAnswer(BaseModel):
    """The process answers."""

    model_config = _described({"status": "ok", "version": "0.1.0"})

    status: str
    version: str


class ReadyAnswer(BaseModel):
    """Requests are taken."""

    model_config = _described({"status": "ready", "models": 3})

    status: str
    models: int


class ServerAnswer(BaseModel):
    """This server, for clients of the Open Inference Protocol."""

    model_config = _described({"name": "avow", "version": "0.1.0", "extensions": []})

    name: str
    version: str
    extensions: list[str]


class LiveAnswer(BaseModel):
    """The process answers."""

    model_config = _described({"live": True})

    live: bool


class ServerReadyAnswer(BaseModel):
    """Requests are taken."""

    model_config = _described({"ready": True})

    ready: bool


class ModelReadyAnswer(BaseModel):
    """The model is compiled here."""

    model_config = _described({"name": "tumour-risk", "ready": True})

    name: str
    ready: bool


class NamedModelAnswer(BaseModel):
    """A model and its versions."""

    name: str
    versions: list[str]


class NamedModelsAnswer(BaseModel):
    """The models that can be asked."""

    model_config = _described({"models": [{"name": "tumour-risk", "versions": ["1.0.0"]}]})

    models: list[NamedModelAnswer]


class TensorAnswer(BaseModel):
    """An input or output: `parameters` hold its scale, integer type and declared range."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int | str]


class MetadataAnswer(BaseModel):
    """A model for clients of the Open Inference Protocol."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorAnswer]
    outputs: list[TensorAnswer]
    parameters: dict[str, str]


class InferOutputAnswer(BaseModel):
    """An output, flat and row-major; the real is integer / 2^scale."""

    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, int]
    data: list[float] | list[int]


class InferAnswer(BaseModel):
    """The answer; `parameters` name the job, its state, and the bundle once there is one."""

    model_config = _described(INFER)

    model_name: str
    model_version: str
    id: str = Field(default="", description="As in the request.")
    parameters: dict[str, bool | str]
    outputs: list[InferOutputAnswer]
