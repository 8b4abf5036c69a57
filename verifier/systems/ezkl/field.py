"""Elements of BN254's scalar field, in the three forms that ezkl's files use."""

from avow.verifier.errors import VerificationError

# Order of the groups, and so the size of the field that instances live in.
SCALAR_MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617


def to_field(value: int) -> int:
    """The element that stands for a signed integer: negative ones count down from the modulus."""
    return value % SCALAR_MODULUS


def to_signed(element: int) -> int:
    """The integer of smallest magnitude that an element stands for."""
    return element if element <= SCALAR_MODULUS // 2 else element - SCALAR_MODULUS


def parse_element(data: bytes, what: str) -> int:
    """32 bytes big-endian, below the modulus; other spellings of an element are refused."""
    element = int.from_bytes(data, "big")
    if len(data) != 32 or element >= SCALAR_MODULUS:
        raise VerificationError("proof", f"{what} is not a canonical field element")
    return element


def to_ezkl_hex(element: int) -> str:
    """The little-endian hexadecimal text of ezkl's JSON files."""
    return element.to_bytes(32, "little").hex()


def from_ezkl_hex(text: str) -> int:
    """Read ezkl's little-endian hexadecimal text."""
    try:
        data = bytes.fromhex(text)
    except ValueError as error:
        raise VerificationError("proof", "ezkl gave a field element that is no hex") from error
    return parse_element(data[::-1], "a field element of ezkl's")
