"""The shapes of requests: unknown fields are refused, types are not converted."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from avow.prover.webhooks.registry import EVENTS

_STRICT = ConfigDict(extra="forbid", strict=True)

Digest = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]


class InputBody(BaseModel):
    """One input of the model: `reals` or `integers` (nested lists), or a tensor.

    Reals are quantised with the model's own scale; out of its declared range is refused.
    """

    model_config = _STRICT

    reals: list[Any] | None = None
    integers: list[Any] | None = None
    type: str | None = None
    shape: list[int] | None = Field(default=None, max_length=16)
    data: str | None = None


class WebhookBody(BaseModel):
    """An address to be told of jobs, after the Standard Webhooks specification."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "example": {
                "url": "https://example.com/avow",
                "events": ["job.proven", "job.failed"],
            }
        },
    )

    url: str = Field(max_length=2000, description="https, at a public address.")
    events: list[str] | None = Field(
        default=None,
        max_length=len(EVENTS),
        description=f"Some of {', '.join(EVENTS)}; all of them when absent.",
    )


class LegBody(BaseModel):
    """One kind of evidence, by the cheapest of its systems that can meet its deadline."""

    model_config = _STRICT

    any_of: list[str] = Field(
        min_length=1, max_length=4, description="Systems, e.g. `sumcheck/v1`; none twice in a job."
    )
    within_seconds: int | None = Field(
        default=None, ge=1, le=2_592_000, description="From the request; else as long as any job."
    )
    share_bps: int | None = Field(
        default=None, ge=1, le=10_000, description="Share of the price; 10,000 in all of them."
    )


class JobBody(BaseModel):
    """A request for one proven answer."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "example": {
                "model": "tumour-risk",
                "inputs": [{"reals": [0.5] * 30}],
                "client_key": "patient-17",
            }
        },
    )

    model: str = Field(max_length=200, description="Digest, name, or name@version.")
    system: str | None = Field(
        default=None,
        max_length=64,
        description="System, `sumcheck`, `ezkl`, `optimistic` or `tee`. When absent, what the "
        "model is compiled for: a system that hides the input, else the first of these.",
    )
    hides: Literal["none", "inputs"] | None = Field(
        default=None, description="`inputs`: the evidence must not show the input. `none`: it may."
    )
    inputs: list[InputBody] = Field(max_length=16)
    client_key: str | None = Field(
        default=None, max_length=200, description="Repeating a request with it returns its job."
    )
    nonce: str | None = Field(
        default=None, max_length=78, description="Decimal, never zero; random when absent."
    )
    record: Digest | None = Field(default=None, description="Pins one compiled artifact.")
    legs: list[LegBody] | None = Field(
        default=None,
        min_length=1,
        max_length=4,
        description="Several kinds of evidence for the one answer, in place of `system`; all must "
        "be of the same program.",
    )
    priority: int = Field(default=5, ge=0, le=9, description="Of those that wait, 9 goes first.")
    webhook: WebhookBody | None = Field(default=None, description="To be told of this job alone.")


class VerifyBody(BaseModel):
    """A bundle, and optionally what the caller insists on and the time to judge at."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "example": {
                "bundle": {"format": "avow-bundle/1"},
                "policy": {"format": "avow-policy/1", "minimum_assurance": "PROVEN"},
            }
        },
    )

    bundle: dict[str, Any] = Field(description="The bundle as GET /v1/jobs/{id}/bundle gave it.")
    policy: dict[str, Any] | None = Field(default=None, description="A policy file's content.")
    at: int | None = Field(default=None, ge=0, lt=2**40, description="Unix time in seconds.")


class InferInput(BaseModel):
    """One input by its name; `data` is flat and row-major, or nested."""

    model_config = _STRICT

    name: str = Field(max_length=200)
    shape: list[int] = Field(max_length=16)
    datatype: str = Field(max_length=20, description="FP* is quantised, INT* taken as it is.")
    data: list[Any]


class OutputParameters(BaseModel):
    """How an output is wanted."""

    model_config = _STRICT

    integers: bool = Field(default=False, description="The program's integers instead of reals.")


class InferOutput(BaseModel):
    """An output that is wanted; all of them when none is named."""

    model_config = _STRICT

    name: str = Field(max_length=200)
    parameters: OutputParameters = OutputParameters()


class InferParameters(BaseModel):
    """The evidence wanted, and how long the answer may be waited for."""

    model_config = _STRICT

    evidence: str | None = Field(
        default=None,
        max_length=64,
        description="System: `sumcheck`, `ezkl`, `optimistic` or `tee`.",
    )
    hides: Literal["none", "inputs"] | None = Field(
        default=None, description="`inputs`: the evidence must not show the input."
    )
    until: Literal["answered", "proven"] = Field(
        default="answered",
        description="What to wait for before answering. `proven`: for the evidence, of whatever "
        "kind; `state` says which it is.",
    )
    wait: int = Field(default=30, ge=0, le=60, description="At most so many seconds.")
    record: Digest | None = Field(default=None, description="Pins one compiled artifact.")
    nonce: str | None = Field(default=None, max_length=78, description="Decimal, never zero.")
    priority: int = Field(default=5, ge=0, le=9, description="Of those that wait, 9 goes first.")


class InferBody(BaseModel):
    """An inference request of the Open Inference Protocol, version 2."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "example": {
                "id": "patient-17",
                "inputs": [
                    {"name": "features", "shape": [1, 2], "datatype": "FP64", "data": [0.5, 0.25]}
                ],
                "parameters": {"evidence": "sumcheck", "until": "proven", "wait": 20},
            }
        },
    )

    id: str | None = Field(default=None, max_length=200)
    inputs: list[InferInput] = Field(min_length=1, max_length=16)
    outputs: list[InferOutput] | None = Field(default=None, max_length=16)
    parameters: InferParameters = InferParameters()
