"""The evidence policy: which kinds of evidence somebody insists on, all of them or any."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from avow.verifier import canonical
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields
from avow.verifier.limits import LIMITS
from avow.verifier.policy import Policy, parse_policy
from avow.verifier.verdict import Assurance

FORMAT = "avow-evidence/1"
MOST_BUNDLES = 8
MOST_POLICIES = 16
MOST_PARTS = 8
MOST_LEVELS = 3
ALL_OF, ANY_OF, POLICY = "all_of", "any_of", "policy"


@dataclass(frozen=True, slots=True)
class Single:
    """What one bundle has to show; `place` says where in the tree this stands."""

    place: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Several:
    """Parts of which all must hold, each by a system of its own (`every`), or any one."""

    place: str
    every: bool
    parts: tuple["Single | Several", ...]


Node = Single | Several


@dataclass(frozen=True, slots=True)
class EvidencePolicy:
    """A tree of policies. `minimum_assurance` is one that no policy in it can undercut."""

    root: Node
    minimum_assurance: Assurance = Assurance.SIMULATED

    def adapted(self, change: Callable[[Policy], Policy]) -> "EvidencePolicy":
        """The same tree with every policy in it changed alike."""
        return replace(self, root=_adapted(self.root, change))


def singles(node: Node) -> Iterator[Single]:
    """The policies of a tree, in its order."""
    if isinstance(node, Single):
        yield node
        return
    for part in node.parts:
        yield from singles(part)


def parse_evidence_policy(data: bytes) -> EvidencePolicy:
    """Read {format, evidence} and perhaps {minimum_assurance}; spacing is free.

    A node is {all_of: [...]}, {any_of: [...]} or {policy: {...}} with an avow-policy/1. Refuses
    unknown and duplicate keys, empty lists, trees too deep or too wide.
    """
    value = canonical.parse_lenient(data, LIMITS.policy_bytes, "evidence policy")
    found = value.get("format") if isinstance(value, dict) else None
    # Said first: a policy over one bundle lacks everything that is asked for here.
    if isinstance(found, str) and found != FORMAT:
        said = f"expected a policy of the format {FORMAT}, got one of {found[:60]!r}"
        raise VerificationError("parse", said)
    fields = Fields(value, "evidence policy", {"format", "evidence"}, {"minimum_assurance"})
    fields.one_of("format", (FORMAT,))
    levels = tuple(level.value for level in Assurance)
    floor = Assurance.SIMULATED
    if fields.has("minimum_assurance"):
        floor = Assurance(fields.one_of("minimum_assurance", levels))
    root = _node(fields.raw("evidence"), "", MOST_LEVELS)
    count = sum(1 for _ in singles(root))
    if count > MOST_POLICIES:
        said = f"evidence policy holds {count} policies, at most {MOST_POLICIES} may be"
        raise VerificationError("parse", said)
    return EvidencePolicy(_adapted(root, lambda one: _at_least(one, floor)), floor)


def _node(value: Json, place: str, levels: int) -> Node:
    where = place or "evidence"
    fields = Fields(value, where, frozenset(), {ALL_OF, ANY_OF, POLICY})
    kinds = [kind for kind in (ALL_OF, ANY_OF, POLICY) if fields.has(kind)]
    if len(kinds) != 1:
        raise VerificationError("parse", f"{where} must have one of all_of, any_of and policy")
    (kind,) = kinds
    if kind == POLICY:
        try:
            return Single(place or POLICY, parse_policy(canonical.encode(fields.raw(POLICY))))
        except VerificationError as error:
            raise VerificationError("parse", f"{where}: {error.message}") from error
    if not levels:
        raise VerificationError("parse", f"{where} is below {MOST_LEVELS} levels, the most allowed")
    inner = f"{place}.{kind}" if place else kind
    items = fields.items(kind, 1, MOST_PARTS)
    parts = (_node(item, f"{inner}[{at}]", levels - 1) for at, item in enumerate(items))
    return Several(inner, kind == ALL_OF, tuple(parts))


def _adapted(node: Node, change: Callable[[Policy], Policy]) -> Node:
    if isinstance(node, Single):
        return replace(node, policy=change(node.policy))
    return replace(node, parts=tuple(_adapted(part, change) for part in node.parts))


def _at_least(policy: Policy, floor: Assurance) -> Policy:
    if policy.minimum_assurance.rank >= floor.rank:
        return policy
    return replace(policy, minimum_assurance=floor)
