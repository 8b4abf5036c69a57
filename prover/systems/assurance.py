"""What the bundles of each proof system can convince a verifier of at most."""

import secrets
from pathlib import Path

from avow.prover.errors import ProverError, TryAgain
from avow.verifier.bundle import parse_bundle
from avow.verifier.errors import VerificationError
from avow.verifier.policy import Policy
from avow.verifier.systems.optimistic.sample import Sample
from avow.verifier.systems.tee.material import parse_material
from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE
from avow.verifier.systems.tee.terms import Terms
from avow.verifier.verdict import Assurance

_WEAKER = {"optimistic/v1": Assurance.CHALLENGEABLE, TEE: Assurance.ATTESTED}
# What a prover recomputes of its own run to find a fault of its machine, within seconds.
_ELEMENTS = 512


def promised(system: str) -> Assurance:
    """The most that an accepted bundle of the system can have."""
    return _WEAKER.get(system, Assurance.PROVEN)


def demanded(system: str, attestation: Terms | None) -> Assurance:
    """What a self-check asks of a bundle: what is promised, of a simulated enclave that it is."""
    if attestation is not None and attestation.simulated_root is not None:
        return Assurance.SIMULATED
    return promised(system)


def own_sample(system: str) -> Sample | None:
    """What a self-check recomputes of a run: drawn anew each time; None where runs are proven."""
    if promised(system) is not Assurance.CHALLENGEABLE:
        return None
    return Sample(_ELEMENTS, secrets.token_bytes(32))


def own_policy(system: str, home: Path, bundle: bytes) -> Policy:
    """What the worker that made a bundle asked of its evidence, whatever it is about.

    An unsafe string is allowed; the verdict says so. Raises what `own_terms` raises.
    """
    attestation = own_terms(system, home, bundle)
    return Policy(
        minimum_assurance=demanded(system, attestation),
        attestation=attestation,
        sample=own_sample(system),
        systems=(system,),
        unsafe_allow_unsafe_srs=True,
    )


def own_terms(system: str, home: Path, bundle: bytes) -> Terms | None:
    """What a self-check asks of an enclave; None for systems without one.

    These are the terms under which the key of this bundle was registered here. Raises `TryAgain`
    for the evidence of anybody else.
    """
    if system != TEE:
        return None
    # Loaded late: what it rests on is only there with the extra.
    from avow.prover.enclave.archive import Archive

    try:
        material = parse_material(parse_bundle(bundle).material)
        found = Archive(home).of_material(material)
        if found is None:
            raise TryAgain("the bundle's evidence is of no enclave that was registered here")
        return found.terms()
    except VerificationError as error:
        raise TryAgain(f"the bundle's evidence cannot be checked here: {error}") from error
    except TryAgain:
        raise
    except ProverError as error:
        raise TryAgain(str(error)) from error
