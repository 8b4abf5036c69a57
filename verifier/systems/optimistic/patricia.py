"""Proofs of Ethereum's state: recursive length prefixes, and paths down Merkle Patricia tries."""

from collections.abc import Sequence

from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256

# What a block's header and an account's entry nest; a node may hold a node of less than 32 bytes.
_DEEPEST = 4
_BRANCH, _SHORT = 17, 2

Item = bytes | list["Item"]


def refused(message: str) -> VerificationError:
    """The refusal of a proof that does not show what it should."""
    return VerificationError("proof", message)


def decode(data: bytes) -> Item:
    """What is encoded with recursive length prefixes: bytes, or a list; one encoding of each."""
    item, end = _item(data, 0, len(data), 0)
    if end != len(data):
        raise refused(f"{len(data) - end} bytes follow what is encoded")
    return item


def _item(data: bytes, at: int, end: int, depth: int) -> tuple[Item, int]:
    if at >= end or depth > _DEEPEST:
        raise refused("an encoded list is cut short or too deep")
    head = data[at]
    if head < 0x80:
        return data[at : at + 1], at + 1
    many = head >= 0xC0
    size, start = head - (0xC0 if many else 0x80), at + 1
    if size > 55:
        width = size - 55
        size, start = int.from_bytes(data[start : start + width], "big"), start + width
        if size <= 55 or data[at + 1] == 0:
            raise refused("an encoded length is longer than it needs to be")
    stop = start + size
    if stop > end:
        raise refused("an encoded item is cut short")
    if not many:
        if size == 1 and data[start] < 0x80:
            raise refused("an encoded byte is longer than it needs to be")
        return data[start:stop], stop
    items: list[Item] = []
    while start < stop:
        item, start = _item(data, start, stop, depth + 1)
        items.append(item)
    return items, stop


def fields(item: Item, least: int, what: str) -> list[bytes]:
    """The bytes of a list that has no lists in it."""
    if not isinstance(item, list) or len(item) < least:
        raise refused(f"{what} has not {least} fields")
    plain = [field for field in item if isinstance(field, bytes)]
    if len(plain) != len(item):
        raise refused(f"{what} has a list among its fields")
    return plain


def value_at(root: bytes, key: bytes, nodes: Sequence[bytes], what: str) -> bytes:
    """What stands at the Keccak of a key in the trie of this root.

    `nodes` are those on the way, from the root downwards. Raises `VerificationError` where they
    do not lead there, also because nothing stands there.
    """
    path = keccak256(key).hex()
    left = list(nodes)
    reference: Item = root
    while True:
        node = reference
        if isinstance(reference, bytes):
            if not left or keccak256(left[0]) != reference:
                raise refused(f"{what}: the nodes do not lead down from the root")
            node = decode(left.pop(0))
        if not isinstance(node, list) or len(node) not in (_BRANCH, _SHORT):
            raise refused(f"{what}: a node is neither branch nor path")
        if len(node) == _BRANCH:
            # No path ends in a branch: all are of 64 digits.
            reference, path = node[int(path[0], 16)], path[1:]
            ends = False
        else:
            ends, part = _part(node[0], what)
            if path[: len(part)] != part or (ends and part != path):
                raise refused(f"{what}: nothing stands there")
            reference, path = node[1], path[len(part) :]
        if reference == b"":
            raise refused(f"{what}: nothing stands there")
        if ends:
            break
        if not path:
            raise refused(f"{what}: a path is longer than a key")
    if left or not isinstance(reference, bytes):
        raise refused(f"{what}: the way to it is another one")
    return reference


def _part(encoded: Item, what: str) -> tuple[bool, str]:
    """Whether it is the last one, and the digits of a part of a path."""
    digits = encoded.hex() if isinstance(encoded, bytes) else ""
    if not digits or digits[0] not in "0123" or (digits[0] in "02" and digits[1] != "0"):
        raise refused(f"{what}: a part of a path is malformed")
    return digits[0] in "23", digits[1 if digits[0] in "13" else 2 :]
