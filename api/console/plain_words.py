"""A verdict in plain words: what each step means, what is trusted, what nobody looked at."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from avow.api.console.charts import bars
from avow.api.console.checking import Judgement, Outcome


@dataclass(frozen=True, slots=True)
class Check:
    """One step of the verifier: the question that it answers, and why that matters."""

    name: str
    question: str
    meaning: str


CHECKS = (
    Check(
        "parse",
        "Is the file a bundle?",
        "Every byte is accounted for: one canonical document within the limits, with nothing "
        "unknown, doubled or left over. So two people with one file read the same thing.",
    ),
    Check(
        "system",
        "Is the kind of evidence known?",
        "It is one that this verifier can check and that was not withdrawn.",
    ),
    Check(
        "records",
        "Do the descriptions belong to the statement?",
        "The records of the model and of its system hash to what the statement names, and "
        "agree with each other. Where the owner signed, the signature is the owner's.",
    ),
    Check(
        "tensors",
        "Are these the input and the output that were stated?",
        "The numbers in the bundle have the declared shape, type and range, and the statement "
        "commits to exactly these.",
    ),
    Check(
        "proof",
        "Does the evidence hold?",
        "Of a proof, the mathematics: only a run of the stated program on the stated input leads "
        "to this output, apart from a chance too small to matter. Of a claim, its run or a sample "
        "of it, computed again. Of an attestation, what the enclave showed of itself, and its "
        "signature.",
    ),
    Check(
        "policy",
        "Is it what was insisted on?",
        "Everything that was asked for holds. Without a policy file that is a proof, not merely "
        "a claim; unless that is waived, under a reference string that is known to be safe.",
    ),
)

# Refusals that a step makes by way of what it reads.
_WITHIN = {
    "signature": "records",
    "key": "proof",
    "program": "proof",
    "srs": "proof",
    "time": "policy",
}

_ASSURANCES = {
    "PROVEN": "A proof shows that the stated program gave this output for the stated input. "
    "Nobody's word has to be taken for that, the provider's least of all.",
    "SETTLED": "A contract on a chain accepted this answer, and that block is the one you named.",
    "CHALLENGEABLE": "The answer was posted with a bond and stands unless somebody shows in time "
    "that it is wrong. Nothing proves it yet.",
    "ATTESTED": "A processor's enclave signed that it ran the program. You trust its maker and "
    "whoever guards its keys.",
    "SIMULATED": "A rehearsal without any protection. It shows nothing.",
}

_HIDES = {
    "none": "The bundle shows the input and the weights to whoever reads them.",
    "inputs": "The input stays hidden: the bundle holds a salted hash of it.",
    "weights": "The model's weights stay hidden behind a hash.",
    "both": "Input and weights stay hidden behind hashes.",
}

PASSED, FAILED, SKIPPED, OPEN = "passed", "failed", "not reached", "not decided"


@dataclass(frozen=True, slots=True)
class Told:
    """A step as it went; `found` is the verifier's own sentence."""

    check: Check
    went: str
    found: str


@dataclass(frozen=True, slots=True)
class Value:
    """One output: its numbers as far as they are shown, and how many there are."""

    name: str
    shape: str
    scale: int
    rows: tuple[tuple[int, str, float], ...]
    count: int
    chart: str


@dataclass(frozen=True, slots=True)
class Explained:
    """What a reader is told. `tone` is good, caution or bad; `trusted` and `unchecked` in words."""

    tone: str
    headline: str
    summary: str
    steps: tuple[Told, ...]
    facts: tuple[tuple[str, str], ...]
    trusted: tuple[str, ...]
    unchecked: tuple[str, ...]
    outputs: tuple[Value, ...]
    statement: str
    model: str


def explain(judged: Judgement) -> Explained:
    """A judgement in words; nothing is claimed that the verifier did not say."""
    if judged.outcome is Outcome.REFUSED:
        return _refused(judged)
    if judged.outcome is Outcome.UNDECIDED:
        return _undecided(judged)
    return explain_verdict(judged.verdict, judged.outcome is Outcome.ACCEPTED)


def explain_verdict(verdict: Mapping[str, Any], final: bool) -> Explained:
    """One accepted bundle's verdict in words."""
    assurance, srs = str(verdict["assurance"]), verdict.get("srs")
    unsafe = srs is not None and not srs["safe"]
    found = {step["name"]: step["established"] for step in verdict["steps"]}
    tone = "good" if final and not unsafe and assurance in ("PROVEN", "SETTLED") else "caution"
    headline = f"Accepted: {assurance}"
    summary = _ASSURANCES.get(assurance, "")
    if unsafe:
        headline += ", under an unsafe reference string"
        summary = (
            "The proof holds, but it was made under a reference string whose maker could forge "
            "proofs. That is good enough to develop with, and for nothing else."
        )
    elif not final:
        headline += ", not final yet"
    return Explained(
        tone=tone,
        headline=headline,
        summary=summary,
        steps=tuple(Told(one, PASSED, str(found.get(one.name, ""))) for one in CHECKS),
        facts=_facts(verdict),
        trusted=_trusted(verdict),
        unchecked=tuple(str(item) for item in verdict["not_checked"]),
        outputs=tuple(_value(item) for item in verdict["outputs"]),
        statement=str(verdict["statement"]),
        model=str(verdict["model"]),
    )


def _facts(verdict: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    bound = verdict["model_binding"] == "CHECKED"
    facts = [
        ("Model", f"{verdict['model_name']}, as its record calls it."),
        ("System", str(verdict["system"])),
        ("Hides", _HIDES.get(verdict["hides"], str(verdict["hides"]))),
        (
            "Model binding",
            "CHECKED: the policy lists this record as recomputed from the ONNX file."
            if bound
            else "NOT CHECKED: that the program is the ONNX file's was not recomputed here.",
        ),
    ]
    srs = verdict.get("srs")
    if srs is not None:
        known = "" if srs["name"] == "unknown" else f" ({srs['name']})"
        safe = (
            f"Safe{known}: made by a ceremony in which one honest participant is enough."
            if srs["safe"]
            else "UNSAFE: made locally or unknown. Whoever made it can forge proofs."
        )
        facts.append(("Reference string", safe))
    if "final_at" in verdict:
        facts.append(
            (
                "Open to challenges until",
                f"Unix time {verdict['final_at']}, says the {verdict['final_at_by']}",
            )
        )
    return tuple(facts)


def _trusted(verdict: Mapping[str, Any]) -> tuple[str, ...]:
    own = ["this server, which ran the verifier for you; `avow verify` on your machine trusts none"]
    return tuple([str(item) for item in verdict["rests_on"]] + own)


def _refused(judged: Judgement) -> Explained:
    names = [one.name for one in CHECKS]
    at = _WITHIN.get(judged.step, judged.step)
    place = names.index(at) if at in names else 0
    steps = []
    for number, check in enumerate(CHECKS):
        went = PASSED if number < place else FAILED if number == place else SKIPPED
        steps.append(Told(check, went, judged.reason if number == place else ""))
    unsafe = at == "policy" and "SRS is unsafe" in judged.reason
    summary = (
        "The proof itself held. It was made under a reference string that is not known to be safe, "
        "so whoever made the string could forge it. If you develop with it, tick the box that "
        "allows that."
        if unsafe
        else "Do not rely on this answer. The verifier stopped at the first thing that was wrong; "
        "what comes after it was not looked at."
    )
    return Explained(
        tone="bad",
        headline="Rejected: " + judged.reason,
        summary=summary,
        steps=tuple(steps),
        facts=(),
        trusted=(),
        unchecked=(),
        outputs=(),
        statement="",
        model="",
    )


def _undecided(judged: Judgement) -> Explained:
    return Explained(
        tone="caution",
        headline="Nothing was decided",
        summary=f"{judged.reason[:1].upper()}{judged.reason[1:]}. "
        "That says nothing about the bundle, neither good nor bad.",
        steps=tuple(Told(one, OPEN, "") for one in CHECKS),
        facts=(),
        trusted=(),
        unchecked=(),
        outputs=(),
        statement="",
        model="",
    )


_SHOWN = 16


def _value(output: Mapping[str, Any]) -> Value:
    integers: Sequence[str] = output["integers"]
    scale, name = int(output["scale"]), str(output["name"])
    rows = tuple(
        (number, text, int(text) / 2.0**scale) for number, text in enumerate(integers[:_SHOWN])
    )
    drawn = [(str(number), real) for number, _, real in rows]
    return Value(
        name=name,
        shape=json.dumps(output["shape"]),
        scale=scale,
        rows=rows,
        count=len(integers),
        chart=bars(drawn, f"The values of {name}") if 1 < len(integers) <= _SHOWN else "",
    )
