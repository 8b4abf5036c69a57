"""Merkle Patricia tries of any entries, with proofs: what a chain's node does, made for tests."""

from collections.abc import Mapping

from avow.verifier.keccak import keccak256
from avow.verifier.systems.optimistic.settlement import Settlement, slot_of

Nested = bytes | list["Nested"]


def rlp(item: Nested) -> bytes:
    """Recursive length prefixes, of lists in lists, too."""
    if isinstance(item, bytes):
        alone = len(item) == 1 and item[0] < 0x80
        return item if alone else _head(0x80, len(item)) + item
    body = b"".join(map(rlp, item))
    return _head(0xC0, len(body)) + body


def _head(base: int, size: int) -> bytes:
    if size <= 55:
        return bytes([base + size])
    length = _number(size)
    return bytes([base + 55 + len(length)]) + length


class Trie:
    """The trie of some entries; keys are hashed."""

    def __init__(self, entries: Mapping[bytes, bytes]) -> None:
        self._nodes: dict[bytes, Nested] = {}
        paths = {keccak256(key).hex(): value for key, value in entries.items()}
        self._top = self._made(paths, 0)
        self.root = keccak256(rlp(self._top))

    def _made(self, paths: Mapping[str, bytes], depth: int) -> Nested:
        if len(paths) == 1:
            ((path, value),) = paths.items()
            return [_packed(path[depth:], True), value]
        shared = 0
        first, *others = paths
        while all(other[depth + shared] == first[depth + shared] for other in others):
            shared += 1
        if shared:
            below = self._below(paths, depth + shared)
            return [_packed(first[depth : depth + shared], False), below]
        branch: list[Nested] = []
        for digit in "0123456789abcdef":
            part = {path: value for path, value in paths.items() if path[depth] == digit}
            branch.append(self._below(part, depth + 1) if part else b"")
        return [*branch, b""]

    def _below(self, paths: Mapping[str, bytes], depth: int) -> Nested:
        node = self._made(paths, depth)
        encoded = rlp(node)
        # A short node stands inside the one above it.
        if len(encoded) < 32:
            return node
        self._nodes[keccak256(encoded)] = node
        return keccak256(encoded)

    def proof(self, key: bytes) -> tuple[bytes, ...]:
        """The nodes on the way to a key, or to where it would be."""
        path, found, node = keccak256(key).hex(), [rlp(self._top)], self._top
        while True:
            assert isinstance(node, list)
            if len(node) == 17:
                below, path = node[int(path[0], 16)], path[1:]
            else:
                assert isinstance(node[0], bytes)
                digits = node[0].hex()
                part = digits[1:] if digits[0] in "13" else digits[2:]
                if digits[0] in "23" or not path.startswith(part):
                    return tuple(found)
                below, path = node[1], path[len(part) :]
            if isinstance(below, bytes):
                if not below:
                    return tuple(found)
                node = self._nodes[below]
                found.append(rlp(node))
            else:
                node = below


def _packed(digits: str, ends: bool) -> bytes:
    odd = len(digits) % 2
    return bytes.fromhex(f"{2 * ends + odd}" + ("" if odd else "0") + digits)


def header(state: bytes, number: int, time: int) -> bytes:
    """A block's header of which only these fields matter."""
    words = [bytes([at]) * 32 for at in range(15)]
    words[3], words[8], words[11] = state, _number(number), _number(time)
    return rlp([*words, _number(7), bytes(32)])


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def chain(
    claims: bytes, claim_id: bytes, word: int, number: int = 9, time: int = 1_000
) -> tuple[bytes, Settlement]:
    """A block's hash, and the proof that this word stands for a claim in its state."""
    return chain_of(claims, {slot_of(claim_id): word}, slot_of(claim_id), number, time)


def chain_of(
    claims: bytes, slots: Mapping[bytes, int], slot: bytes, number: int, time: int
) -> tuple[bytes, Settlement]:
    """The same with these slots, and others beside them."""
    others = {bytes([at]) * 32: rlp(_number(at + 1)) for at in range(40)}
    storage = Trie(others | {key: rlp(_number(word)) for key, word in slots.items()})
    account = rlp([_number(1), b"", storage.root, bytes(32)])
    accounts = {bytes([at]) * 20: rlp([b"", _number(at), bytes(32), bytes(32)]) for at in range(90)}
    state = Trie(accounts | {claims: account})
    head = header(state.root, number, time)
    return keccak256(head), Settlement(head, state.proof(claims), storage.proof(slot))
