"""Whether several bundles convince, under a policy over all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from avow.verifier.errors import VerificationError
from avow.verifier.mixed.exhibit import Exhibit
from avow.verifier.mixed.outcome import Branch, EvidenceRefused, Leg, MixedVerdict, Refusal
from avow.verifier.mixed.policy import (
    ALL_OF,
    ANY_OF,
    MOST_BUNDLES,
    POLICY,
    EvidencePolicy,
    Node,
    Single,
    singles,
)
from avow.verifier.mixed.subject import difference
from avow.verifier.verdict import Verdict


@dataclass(frozen=True, slots=True)
class _Choice:
    """Policies by place with the bundles that show them; how many of those are not final."""

    shown: tuple[tuple[str, int], ...] = ()
    open: int = 0


# By the systems that a choice uses, one bit each: no more than there are bundles, at most 2^8.
_Choices = dict[int, _Choice]
_Judged = dict[str, list[Verdict | VerificationError]]


def verify_mixed(
    bundles: Sequence[bytes], policy: EvidencePolicy, at: int | None = None
) -> MixedVerdict:
    """Check several bundles offline and say what they establish together.

    Everything that counts is about one answer to one request, and a system counts once however many
    bundles it made. Of several ways to satisfy the policy the one with the fewest open legs
    counts, then the first. Raises `EvidenceRefused`, which names every branch, or another
    `VerificationError`, of the step `setup` where what is missing on this machine would decide,
    of `usage` for no bundle or too many.
    """
    # 1. Each bundle by itself: parsed, and judged by each of the policies alone.
    if not 1 <= len(bundles) <= MOST_BUNDLES:
        said = f"expected 1 to {MOST_BUNDLES} bundles to judge together, got {len(bundles)}"
        raise VerificationError("usage", said)
    exhibits = [Exhibit(data) for data in bundles]
    judged: _Judged = {
        single.place: [one.judge(single.policy, at) for one in exhibits]
        for single in singles(policy.root)
    }

    # 2. Together: those that show anything are about the same.
    _check_together(exhibits, judged)

    # 3. Tree: by different systems wherever all parts must hold.
    bits = _bits(exhibits)
    tree = _Tree(judged, bits, lambda answer: isinstance(answer, Verdict))
    choices = tree.choices(policy.root)
    if not choices:
        _refuse_undecided(policy, judged, bits)
        raise EvidenceRefused(tree.branch(policy.root, frozenset()))

    # 4. Verdict.
    chosen = min(choices.values(), key=lambda choice: choice.open)
    legs = []
    for place, number in chosen.shown:
        verdict = judged[place][number]
        if isinstance(verdict, Verdict):
            legs.append(Leg(place, number + 1, verdict))
    used = {leg.bundle for leg in legs}
    return MixedVerdict(
        legs=tuple(legs),
        branches=tree.branch(policy.root, frozenset(leg.place for leg in legs)),
        unused=tuple(one for one in range(1, len(bundles) + 1) if one not in used),
    )


def _check_together(exhibits: Sequence[Exhibit], judged: _Judged) -> None:
    convincing = [
        (number, one.case.bundle)
        for number, one in enumerate(exhibits)
        if one.case is not None
        and any(isinstance(answers[number], Verdict) for answers in judged.values())
    ]
    for number, bundle in convincing[1:]:
        first, reference = convincing[0]
        if (other := difference(reference, bundle)) is not None:
            said = f"beside bundle {first + 1}, bundle {number + 1} is about {other}"
            raise VerificationError("together", said)


def _bits(exhibits: Sequence[Exhibit]) -> list[int]:
    """A bit for each bundle, the same for those of one system.

    Statements would not do: who signs or proves for one record does so for a second one, or under
    another salt, with the same key or the same trust, and nothing more would be established.
    """
    known: dict[str, int] = {}
    bits = []
    for number, one in enumerate(exhibits):
        # One that could not be opened is none that counts.
        system = str(number) if one.case is None else one.case.bundle.statement.system
        bits.append(1 << known.setdefault(system, len(known)))
    return bits


def _refuse_undecided(policy: EvidencePolicy, judged: _Judged, bits: list[int]) -> None:
    """Raises where what could not be checked here might satisfy the policy."""

    errors = [one for some in judged.values() for one in some if not isinstance(one, Verdict)]
    undecided = [error for error in errors if error.step == "setup"]
    decided_otherwise = _Tree(
        judged, bits, lambda one: isinstance(one, Verdict) or one.step == "setup"
    )
    if undecided and decided_otherwise.choices(policy.root):
        raise undecided[0]


class _Tree:
    """The ways in which bundles satisfy the nodes of a policy; `holds` says which answers count."""

    def __init__(
        self,
        judged: _Judged,
        bits: list[int],
        holds: Callable[[Verdict | VerificationError], bool],
    ) -> None:
        self._judged = judged
        self._bits = bits
        self._holds = holds

    def choices(self, node: Node) -> _Choices:
        """Every set of systems that satisfies a node, with the best way to use it."""
        found: _Choices = {}
        if isinstance(node, Single):
            for number, answer in enumerate(self._judged[node.place]):
                if self._holds(answer):
                    final = isinstance(answer, Verdict) and answer.final
                    one = _Choice(((node.place, number),), 0 if final else 1)
                    _keep(found, self._bits[number], one)
            return found
        if not node.every:
            for part in node.parts:
                for used, one in self.choices(part).items():
                    _keep(found, used, one)
            return found
        found[0] = _Choice()
        for part in node.parts:
            wider: _Choices = {}
            for used, one in self.choices(part).items():
                for before, other in found.items():
                    if not used & before:
                        both = _Choice(other.shown + one.shown, other.open + one.open)
                        _keep(wider, used | before, both)
            found = wider
        return found

    def branch(self, node: Node, counting: frozenset[str]) -> Branch:
        """What became of a node, when the policies at the places `counting` count."""
        held = bool(self.choices(node))
        if isinstance(node, Single):
            refusals = tuple(
                Refusal(number, answer.step, answer.message)
                for number, answer in enumerate(self._judged[node.place], 1)
                if isinstance(answer, VerificationError)
            )
            return Branch(node.place, POLICY, held, node.place in counting, "", refusals)
        parts = tuple(self.branch(part, counting) for part in node.parts)
        counts = any(part.counts for part in parts)
        why_not = ""
        if node.every and not held and all(part.held for part in parts):
            why_not = "each part holds, but not by systems of their own: a system counts once"
        return Branch(
            node.place, ALL_OF if node.every else ANY_OF, held, counts, why_not, (), parts
        )


def _keep(found: _Choices, used: int, one: _Choice) -> None:
    if used not in found or one.open < found[used].open:
        found[used] = one
