"""A Merkle root over statements, so that one proof may serve a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, parse_hex, to_hex
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.limits import LIMITS


def leaf(statement_digest: bytes) -> bytes:
    """keccak256(0x00 || statement digest): a leaf can never be read as a node."""
    return keccak256(b"\x00" + statement_digest)


def node(left: bytes, right: bytes) -> bytes:
    """keccak256(0x01 || left || right)."""
    return keccak256(b"\x01" + left + right)


@dataclass(frozen=True, slots=True)
class Path:
    """Where a statement stands in its batch: its index and the siblings from leaf to root."""

    index: int
    siblings: tuple[bytes, ...]

    def __post_init__(self) -> None:
        depth = len(self.siblings)
        if depth > LIMITS.merkle_depth:
            raise VerificationError("parse", f"path of {depth} levels; at most 16 are allowed")
        if not 0 <= self.index < 2**depth:
            raise VerificationError(
                "parse", f"index {self.index} lies outside a batch of 2^{depth}"
            )

    def root(self, statement_digest: bytes) -> bytes:
        """The root that this path leads to from a statement."""
        current, index = leaf(statement_digest), self.index
        for sibling in self.siblings:
            current = node(sibling, current) if index & 1 else node(current, sibling)
            index >>= 1
        return current

    def to_json(self) -> Json:
        """The object that `parse_path` reads."""
        return {"index": self.index, "siblings": [to_hex(sibling) for sibling in self.siblings]}


ALONE = Path(0, ())


def parse_path(value: Json) -> Path:
    """Read {index, siblings}."""
    fields = Fields(value, "path", {"index", "siblings"})
    siblings = fields.items("siblings", 0, LIMITS.merkle_depth)
    return Path(
        index=fields.integer("index", 0, 2**LIMITS.merkle_depth - 1),
        siblings=tuple(parse_hex(item, 32, "path.siblings") for item in siblings),
    )


def build(statement_digests: Sequence[bytes]) -> tuple[bytes, list[Path]]:
    """Return the root over the statements in order, and each one's path.

    The leaves are padded with zero words, which no leaf hash equals, to a power of two.
    """
    count = len(statement_digests)
    if not 1 <= count <= 2**LIMITS.merkle_depth:
        raise VerificationError("parse", f"a batch has 1 to 2^16 statements, got {count}")
    depth = (count - 1).bit_length()
    level = [leaf(digest) for digest in statement_digests]
    level += [ZERO_WORD] * (2**depth - count)
    siblings: list[list[bytes]] = [[] for _ in range(count)]
    for height in range(depth):
        for position in range(count):
            siblings[position].append(level[(position >> height) ^ 1])
        level = [node(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0], [Path(at, tuple(siblings[at])) for at in range(count)]
