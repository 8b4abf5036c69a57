"""What the bundles of each proof system can convince a verifier of at most."""

import secrets

from avow.verifier.systems.optimistic.sample import Sample
from avow.verifier.verdict import Assurance

_WEAKER = {"optimistic/v1": Assurance.CHALLENGEABLE}
# What a prover recomputes of its own run to find a fault of its machine, within seconds.
_ELEMENTS = 512


def promised(system: str) -> Assurance:
    """The assurance that an accepted bundle of the system has."""
    return _WEAKER.get(system, Assurance.PROVEN)


def own_sample(system: str) -> Sample | None:
    """What a self-check recomputes of a run: drawn anew each time; None where runs are proven."""
    if promised(system) is not Assurance.CHALLENGEABLE:
        return None
    return Sample(_ELEMENTS, secrets.token_bytes(32))
