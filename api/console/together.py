"""A verdict on several bundles in plain words: each branch of the policy, each bundle's steps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from avow.api.console.checking import Judgement, Outcome
from avow.api.console.plain_words import Explained, explain, explain_verdict

_KINDS = {"all_of": "All of these", "any_of": "Any of these", "policy": "One bundle that satisfies"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a bundle does not show what one policy asks for."""

    name: str
    told: Explained


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the policy's tree, `level` deep: what it asks for, and what became of it."""

    level: int
    place: str
    asks: str
    went: str
    why_not: str
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A policy that counts, and the bundle that satisfies it, explained like a single one."""

    place: str
    name: str
    told: Explained


@dataclass(frozen=True, slots=True)
class Together:
    """What a reader of a joint verdict is told. `unused` are the numbers, from 1, of bundles that
    it does not need."""

    tone: str
    headline: str
    summary: str
    nodes: tuple[Node, ...]
    legs: tuple[Shown, ...]
    unused: tuple[int, ...]


def explain_together(judged: Judgement, names: Sequence[str]) -> Together:
    """A joint judgement in words; `names` are those of the bundles, in the order judged."""
    # Two files may have one name.
    names = [f"{number}. {name}" for number, name in enumerate(names, 1)]
    nodes = tuple(_nodes(judged.evidence, names, 0)) if judged.evidence is not None else ()
    if judged.outcome is Outcome.UNDECIDED:
        told = explain(judged)
        return Together(told.tone, told.headline, told.summary, (), (), ())
    if judged.outcome is Outcome.REFUSED:
        return Together(
            "bad",
            f"Rejected: {_headline(judged)}",
            "Do not rely on this answer: the bundles do not show together what the policy asks "
            "for.",
            nodes,
            (),
            (),
        )
    verdict = judged.verdict
    legs = tuple(
        Shown(
            str(leg["place"]),
            names[leg["bundle"] - 1],
            explain_verdict(leg["verdict"], leg["verdict"]["final"] is True),
        )
        for leg in verdict["legs"]
    )
    final = judged.outcome is Outcome.ACCEPTED
    kinds = "1 kind" if len(legs) == 1 else f"{len(legs)} kinds"
    good = final and all(leg.told.tone == "good" for leg in legs)
    return Together(
        "good" if good else "caution",
        f"Accepted: {kinds} of evidence" + ("" if final else ", not final yet"),
        "All that counts is about one answer to one request. Each part below stands for itself, "
        "and no assurance is made of several.",
        nodes,
        legs,
        tuple(verdict["unused"]),
    )


def _headline(judged: Judgement) -> str:
    """The reason of what is wrong with all of them; what each branch lacks stands in the tree."""
    if judged.evidence is not None:
        return "the policy is not satisfied"
    return judged.reason


def _nodes(branch: Mapping[str, Any], names: Sequence[str], level: int) -> Iterator[Node]:
    held, counts = branch["held"] is True, branch["counts"] is True
    went = "counts" if counts else "holds" if held else "does not hold"
    refusals = () if held else tuple(_refusals(branch.get("refusals", ()), names))
    kind, place = str(branch["kind"]), str(branch["place"])
    yield Node(level, place, _KINDS[kind], went, str(branch.get("why_not", "")), refusals)
    for part in branch.get("parts", ()):
        yield from _nodes(part, names, level + 1)


def _refusals(refusals: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterator[Refusal]:
    for one in refusals:
        step, reason = str(one["step"]), str(one["reason"])
        # What this machine lacks says nothing about a bundle.
        outcome = Outcome.UNDECIDED if step == "setup" else Outcome.REFUSED
        yield Refusal(names[one["bundle"] - 1], explain(Judgement(outcome, 0.0, {}, step, reason)))
