"""Example answers for the OpenAPI document; digests in them are shortened repetitions."""

from typing import Any


def _digest(pair: str, length: int = 32) -> str:
    return "0x" + pair * length


JOB: dict[str, Any] = {
    "id": "0f" * 16,
    "state": "proven",
    "reason": "the proof is stored",
    "model": _digest("1a"),
    "nonce": "7",
    "priority": 5,
    "created_at": 1700000000000,
    "updated_at": 1700000004000,
    "deadline": 1700086400000,
    "evidence": [
        {
            "leg": 0,
            "system": "ezkl/v1",
            "selector": _digest("2b", 4),
            "record": _digest("3c"),
            "deadline": 1700086400000,
            "share_bps": 10000,
            "state": "delivered",
            "outcome": "proven",
            "reason": "proven by ezkl/v1",
            "ended_at": 1700000004000,
            "statement": _digest("4d"),
            "bundle": "4d" * 32 + ".avow.json",
            "bundle_sha256": _digest("5e"),
            "bundle_size": 150000,
            "prove_seconds": 1.5,
            "batch": {"size": 4, "members": 3, "index": 1},
        }
    ],
    "history": [
        {"from_state": "queued", "to_state": "queued", "reason": "submitted", "at": 1700000000000}
    ],
    "answered_on": "numpy",
    "answer": [
        {
            "name": "logits",
            "type": "int64",
            "shape": [1, 2],
            "scale": 13,
            "integers": [-8192, 16384],
            "reals": [-1.0, 2.0],
        }
    ],
}

INFER: dict[str, Any] = {
    "model_name": "tumour-risk",
    "model_version": "1.0.0",
    "id": "patient-17",
    "parameters": {
        "job_id": "0f" * 16,
        "state": "proven",
        "evidence": "sumcheck/v1",
        "proven": True,
        "statement": _digest("4d"),
        "bundle": f"/v1/jobs/{'0f' * 16}/bundle",
    },
    "outputs": [
        {
            "name": "logits",
            "shape": [1, 2],
            "datatype": "FP64",
            "parameters": {"scale": 13},
            "data": [-1.0, 2.0],
        }
    ],
}

DEAD_LETTER: dict[str, Any] = {
    "job_id": "0f" * 16,
    "model": _digest("1a"),
    "leg": 0,
    "task": "prove",
    "attempts": 3,
    "reason": "the worker was lost",
    "at": 1700000004000,
}

WEBHOOK: dict[str, Any] = {
    "id": "7b" * 16,
    "job_id": None,
    "url": "https://example.com/avow",
    "events": ["job.proven", "job.failed"],
    "created_at": 1700000000000,
    "disabled_at": None,
}

DELIVERY: dict[str, Any] = {
    "id": "msg_" + "8c" * 16,
    "job_id": "0f" * 16,
    "event": "job.proven",
    "state": "delivered",
    "attempts": 1,
    "created_at": 1700000004000,
    "due_at": None,
    "delivered_at": 1700000004200,
    "dead_at": None,
    "status": 204,
    "error": "",
}

MODEL: dict[str, Any] = {
    "model": _digest("1a"),
    "record": _digest("3c"),
    "signed": True,
    "model_record": {"format": "avow-model/1", "name": "tumour-risk", "version": "1.0.0"},
    "system_record": {"format": "avow-system/1", "system": "ezkl/v1"},
}

VERDICT: dict[str, Any] = {
    "accepted": True,
    "assurance": "PROVEN",
    "final": True,
    "statement": _digest("4d"),
    "model_name": "tumour-risk 1.0.0",
    "model": _digest("1a"),
    "system": "ezkl/v1",
    "outputs": [{"name": "logits", "shape": [1, 2], "scale": 13, "integers": ["-8192", "16384"]}],
    "hides": "none",
    "model_binding": "NOT CHECKED",
    "records": "records match the statement; system record signed by the owner",
    "rests_on": ["ezkl 23.0.5"],
    "not_checked": ["model binding"],
    "steps": [{"name": "parse", "established": "canonical bundle of 150000 bytes"}],
    "srs": {"digest": _digest("6f"), "name": "unknown", "safe": False},
}

EVENT_STREAM = """retry: 2000

id: 41
event: state
data: {"id":41,"from_state":"answered","to_state":"proving","reason":"attempt 1","at":1700000001000}

event: progress
data: {"task":"prove","stage":"commit","percent":40,"eta_seconds":3,"attempt":1}

"""
