"""Whether the bundles of several legs show, together, the answer to what was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from avow.api.client.asking import Asked
from avow.api.client.errors import BadInput, NotVerified
from avow.verifier.bundle import parse_bundle
from avow.verifier.errors import VerificationError
from avow.verifier.mixed.evaluate import verify_mixed
from avow.verifier.mixed.outcome import MixedVerdict
from avow.verifier.mixed.policy import EvidencePolicy, Several, Single
from avow.verifier.policy import Policy


@dataclass(frozen=True, slots=True)
class Missing:
    """A leg without a bundle: what became of it, by the server's word; empty while it goes on."""

    leg: int
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer whose evidence was checked here, all of it together, against what was asked.

    `verdict` has a leg for each bundle, in the order of `bundles` (by their leg's number), and
    whether all of it is final. `missing` are the other legs.
    """

    asked: Asked
    verdict: MixedVerdict
    bundles: Mapping[int, bytes] = field(repr=False)
    missing: tuple[Missing, ...]

    @property
    def outputs(self) -> dict[str, tuple[float, ...]]:
        """The numbers by the outputs' names, row-major: the same in every leg."""
        verdict = self.verdict.legs[0].verdict
        pairs = zip(verdict.output_specs, verdict.outputs, strict=True)
        return {spec.name: spec.dequantise(tensor) for spec, tensor in pairs}


def check_together(
    asked: Asked,
    bundles: Mapping[int, bytes],
    missing: tuple[Missing, ...],
    policies: Sequence[Policy] | EvidencePolicy,
    at: int | None = None,
) -> Shown:
    """Verify bundles by the number of their leg, all of them together.

    Each under its own policy, or all under one evidence policy, which may be content with some.
    Raises NotVerified where one does not show its leg, or is about something else than another.
    """
    try:
        if isinstance(policies, EvidencePolicy):
            policy = policies.adapted(asked.policy)
            _check_systems(asked, bundles)
        else:
            check_policies(asked, policies)
            parts = tuple(
                Single(f"leg {number}", _pinned(asked, number, policies[number]))
                for number in bundles
            )
            policy = EvidencePolicy(Several("all_of", True, parts))
        verdict = verify_mixed(list(bundles.values()), policy, at)
    except VerificationError as error:
        raise NotVerified(asked.job, error.step, error.message) from error
    return Shown(asked, verdict, dict(bundles), missing)


def check_policies(asked: Asked, policies: Sequence[Policy] | EvidencePolicy) -> None:
    """Refuses policies that no evidence for what was asked can satisfy, with BadInput."""
    if isinstance(policies, EvidencePolicy):
        policies.adapted(asked.policy)
        return
    if len(policies) != len(asked.legs):
        raise BadInput(f"policies: expected {len(asked.legs)}, one for each leg")
    for number, policy in enumerate(policies):
        _pinned(asked, number, policy)


def _check_systems(asked: Asked, bundles: Mapping[int, bytes]) -> None:
    """An evidence policy knows of no legs: each bundle must be of a system that its leg named."""
    for number, data in bundles.items():
        try:
            system = parse_bundle(data).statement.system
        except VerificationError:
            # It shows nothing, which is the policy's to judge.
            continue
        if system not in asked.legs[number].any_of:
            said = f"leg {number}: expected one of {', '.join(asked.legs[number].any_of)}"
            raise VerificationError("policy", f"{said}, got {system}")


def _pinned(asked: Asked, number: int, base: Policy) -> Policy:
    systems = asked.legs[number].any_of
    if base.systems is not None:
        systems = tuple(one for one in systems if one in base.systems)
        if not systems:
            raise BadInput(f"policies: leg {number} allows none of its systems")
    return replace(asked.policy(base), systems=systems)
