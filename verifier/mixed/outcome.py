"""What several bundles establish together, branch by branch."""

from collections.abc import Sequence
from dataclasses import dataclass

from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a bundle (counted from 1) does not show what one policy asks for."""

    bundle: int
    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class Branch:
    """What became of one node of the policy's tree.

    `held`: the bundles show it. `counts`: the verdict rests on it; one that holds may be without
    need, where another of its any_of counts. `why_not` says what is wrong with the node itself,
    `refusals` why each bundle does not show it.
    """

    place: str
    kind: str
    held: bool
    counts: bool
    why_not: str = ""
    refusals: tuple[Refusal, ...] = ()
    parts: tuple["Branch", ...] = ()

    def to_json(self) -> Json:
        """The branch with all below it."""
        value: dict[str, Json] = {
            "place": self.place,
            "kind": self.kind,
            "held": self.held,
            "counts": self.counts,
        }
        if self.why_not:
            value["why_not"] = self.why_not
        if self.refusals:
            value["refusals"] = [
                {"bundle": one.bundle, "step": one.step, "reason": one.reason}
                for one in self.refusals
            ]
        if self.parts:
            value["parts"] = [part.to_json() for part in self.parts]
        return value


@dataclass(frozen=True, slots=True)
class Leg:
    """One policy of the tree and the bundle (counted from 1) that shows it, with its verdict."""

    place: str
    bundle: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class MixedVerdict:
    """Accepted: each leg stands for itself, and no assurance is made of several.

    `final` is whether every leg is. `unused` are the bundles (counted from 1) that no leg needs.
    """

    legs: tuple[Leg, ...]
    branches: Branch
    unused: tuple[int, ...]

    @property
    def final(self) -> bool:
        """Whether nothing that counts may still be challenged."""
        return all(leg.verdict.final for leg in self.legs)

    def to_json(self) -> Json:
        """The verdict as a JSON object; each leg holds a whole verdict of its own."""
        return {
            "accepted": True,
            "final": self.final,
            "legs": [
                {"place": leg.place, "bundle": leg.bundle, "verdict": leg.verdict.to_json()}
                for leg in self.legs
            ],
            "unused": list(self.unused),
            "evidence": self.branches.to_json(),
        }


class EvidenceRefused(VerificationError):
    """The bundles do not show what the evidence policy asks for; `branches` says where."""

    def __init__(self, branches: Branch) -> None:
        super().__init__("evidence", "; ".join(_reasons(branches)))
        self.branches = branches


def _reasons(branch: Branch) -> Sequence[str]:
    """One for each node that fails by its own fault, the first in the policy's order first."""
    if branch.held:
        return ()
    if branch.why_not:
        return (f"{branch.place}: {branch.why_not}",)
    if branch.refusals:
        each = (f"bundle {one.bundle} at {one.step}: {one.reason}" for one in branch.refusals)
        return (f"{branch.place}: {', '.join(each)}",)
    return [reason for part in branch.parts for reason in _reasons(part)]
