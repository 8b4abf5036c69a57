"""The Open Inference Protocol's tensors and this project's: names, shapes and numbers."""

from collections.abc import Sequence
from typing import Any

from avow.api.schemas import InferBody, InferInput
from avow.prover.catalogue import Compiled
from avow.prover.errors import RequestRefused
from avow.prover.job import Job
from avow.verifier.lifecycle import JobState
from avow.verifier.tensor import TensorSpec

PLATFORM = "avow_integer_program"
# Numbers to be quantised by the model's scale, and integers that are taken as they are.
REALS = ("FP16", "FP32", "FP64")
INTEGERS = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32")


def metadata(items: Sequence[Compiled]) -> dict[str, Any]:
    """What the protocol tells of a model: all compilations of one version, or of several."""
    first = items[-1]
    return {
        "name": first.model.name,
        "versions": sorted({item.model.version for item in items}),
        "platform": PLATFORM,
        "inputs": [_described(spec) for spec in first.model.inputs],
        "outputs": [_described(spec) for spec in first.record.outputs],
        "parameters": {
            "model": first.model_digest,
            "systems": ",".join(sorted({item.record.system for item in items})),
        },
    }


def ordered_inputs(body: InferBody, specs: Sequence[TensorSpec]) -> list[dict[str, Any]]:
    """The inputs in the model's order, as a job's request holds them; raises RequestRefused."""
    given = {item.name: item for item in body.inputs}
    wanted = {spec.name for spec in specs}
    if len(given) != len(body.inputs) or given.keys() != wanted:
        names = ", ".join(sorted(wanted))
        raise RequestRefused(f"inputs: expected each of {names} once, by its name")
    return [_numbers(given[spec.name], spec) for spec in specs]


def check_outputs(body: InferBody, specs: Sequence[TensorSpec]) -> None:
    """Refuses outputs that the model has not, with RequestRefused, before any work begins."""
    known = {spec.name for spec in specs}
    names = [item.name for item in body.outputs or ()]
    if not known.issuperset(names) or len(set(names)) != len(names):
        raise RequestRefused(f"outputs: expected some of {', '.join(sorted(known))}, each once")


def answer(body: InferBody, compiled: Compiled, job: Job) -> dict[str, Any]:
    """The protocol's response for a job as it stands; without an answer it has no outputs."""
    evidence = job.evidence[0]
    parameters: dict[str, Any] = {
        "job_id": job.id,
        "state": job.state.value,
        "evidence": evidence.system,
        "proven": evidence.outcome == JobState.PROVEN.value,
    }
    if evidence.statement is not None:
        parameters["statement"] = evidence.statement
        parameters["bundle"] = f"/v1/jobs/{job.id}/bundle"
    value: dict[str, Any] = {
        "model_name": compiled.model.name,
        "model_version": compiled.model.version,
        "parameters": parameters,
        "outputs": _outputs(body, job),
    }
    if body.id is not None:
        value["id"] = body.id
    return value


def came(job: Job, until: str) -> bool:
    """Whether a job has come to what was waited for, or to an end."""
    if until == "answered" and job.answer is not None:
        return True
    return job.state not in (
        JobState.QUEUED,
        JobState.RUNNING,
        JobState.ANSWERED,
        JobState.PROVING,
    )


def _described(spec: TensorSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "datatype": "FP64",
        "shape": list(spec.shape),
        "parameters": {
            "scale": spec.scale,
            "integers": spec.element_type.value.upper(),
            "minimum": spec.minimum,
            "maximum": spec.maximum,
        },
    }


def _numbers(item: InferInput, spec: TensorSpec) -> dict[str, Any]:
    if tuple(item.shape) != spec.shape:
        raise RequestRefused(
            f"inputs: {spec.name!r} has the shape {list(spec.shape)}, got {item.shape[:8]}"
        )
    if item.datatype in REALS:
        return {"reals": item.data}
    if item.datatype in INTEGERS:
        return {"integers": item.data}
    raise RequestRefused(
        f"inputs: datatype: expected {', '.join(REALS)} (quantised by the model's scale) or "
        f"{', '.join(INTEGERS)} (taken as they are), got {item.datatype[:20]!r}"
    )


def _outputs(body: InferBody, job: Job) -> list[dict[str, Any]]:
    if job.answer is None:
        return []
    wanted = {item.name: item for item in body.outputs or ()}
    found = []
    for one in job.answer.to_json():
        asked = wanted.get(one["name"])
        if wanted and asked is None:
            continue
        integers = asked is not None and asked.parameters.integers
        found.append(
            {
                "name": one["name"],
                "shape": one["shape"],
                "datatype": one["type"].upper() if integers else "FP64",
                "parameters": {"scale": one["scale"]},
                "data": one["integers"] if integers else one["reals"],
            }
        )
    return found
