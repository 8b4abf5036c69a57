"""The accounts of a network on this machine, on keys that everybody knows."""

from dataclasses import dataclass

from avow.verifier.chain.signer import Signer, development_signer


@dataclass(frozen=True, slots=True)
class People:
    """Who is who; each has an account of its own, funded by the development chain."""

    deployer: Signer
    owner: Signer
    requester: Signer
    provider: Signer
    validator: Signer
    treasury: Signer


def development_people() -> People:
    """The development chain's first accounts. Their keys are public: never for real money."""
    return People(*(development_signer(index) for index in range(6)))


def key_of(signer: Signer) -> str:
    """The private key as the environment of a child takes it."""
    return "0x" + bytes(signer.account.key).hex()
