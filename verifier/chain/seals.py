"""From a bundle to the compact seal that the contracts take."""

from collections.abc import Callable

from eth_abi.abi import encode

from avow.verifier.bundle import Bundle
from avow.verifier.canonical import Json
from avow.verifier.chain.errors import ChainError
from avow.verifier.chain.orders import selector_of
from avow.verifier.systems.ezkl.material import parse_proof

# What the router pins by hash: how the adapter reads a seal of this system.
SPECIFICATIONS = {
    "ezkl/v1": (
        "seal = selector || body; selector = first 4 bytes of keccak256 of the ASCII system id; "
        "body = abi.encode(bytes proof, uint256[] instances) in canonical form; the instances "
        "carry binding, input and output as the registered layout says; the binding is the "
        "32-byte Merkle root of statements as 16 limbs of 16 bits, most significant first"
    ),
}


def seal(bundle: Bundle) -> bytes:
    """The seal of a bundle that was verified before: selector and proof."""
    make = _SEALS.get(bundle.statement.system)
    if make is None:
        known = ", ".join(sorted(_SEALS))
        raise ChainError(f"seal: {bundle.statement.system} has none; known: {known}")
    return selector_of(bundle.statement.system) + make(bundle.proof)


def _ezkl(proof: Json) -> bytes:
    parsed = parse_proof(proof)
    return encode(["bytes", "uint256[]"], [parsed.data, list(parsed.instances)])


_SEALS: dict[str, Callable[[Json], bytes]] = {"ezkl/v1": _ezkl}
