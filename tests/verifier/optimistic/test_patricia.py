"""Proofs of a chain's state: the honest one leads to its value, and no other one anywhere."""

from random import Random

import pytest

from avow.verifier.errors import VerificationError
from avow.verifier.keccak import keccak256
from avow.verifier.systems.optimistic.patricia import decode, fields, value_at
from tests.verifier.optimistic.tries import Nested, Trie, rlp


def entries(count: int, seed: int = 1) -> dict[bytes, bytes]:
    """Keys of 32 bytes with values of any length, short ones among them."""
    rng = Random(seed)
    return {rng.randbytes(32): rng.randbytes(rng.choice([1, 2, 31, 33, 90])) for _ in range(count)}


def found(root: bytes, key: bytes, nodes: tuple[bytes, ...]) -> bytes:
    """The value that these nodes show."""
    return value_at(root, key, nodes, "the value")


@pytest.mark.parametrize("count", [1, 2, 3, 17, 300, 5000])
def test_every_entry_is_found_and_nothing_else(count: int) -> None:
    known = entries(count)
    trie = Trie(known)
    for key in list(known)[:40]:
        assert found(trie.root, key, trie.proof(key)) == known[key]
    for key in list(entries(5, seed=2)):
        with pytest.raises(VerificationError, match="nothing stands there"):
            found(trie.root, key, trie.proof(key))


def test_a_node_may_stand_inside_another_one() -> None:
    digits = keccak256(b"k").hex()
    inside: Nested = [bytes.fromhex("3" + digits[1:]), b"v"]
    branch: list[Nested] = [b""] * 17
    branch[int(digits[0], 16)] = inside
    assert found_by(branch, b"k") == b"v"
    branch[int(digits[0], 16)], branch[int(digits[0], 16) ^ 1] = b"", inside
    with pytest.raises(VerificationError, match="nothing stands there"):
        found_by(branch, b"k")


def test_no_other_nodes_lead_there() -> None:
    known = entries(300)
    trie, rng = Trie(known), Random(3)
    key, other = list(known)[:2]
    nodes = trie.proof(key)
    assert len(nodes) > 2

    def refuses(*changed: bytes, root: bytes = trie.root, at: bytes = key) -> None:
        with pytest.raises(VerificationError) as refused:
            found(root, at, tuple(changed))
        assert refused.value.step == "proof"

    refuses(*nodes[:-1])
    refuses(*nodes[1:])
    refuses(*nodes, nodes[-1])
    refuses(*nodes, b"")
    refuses(*reversed(nodes))
    refuses(*nodes, root=keccak256(b""))
    refuses(*nodes, at=other)
    refuses()
    for number, node in enumerate(nodes):
        for _ in range(40):
            place = rng.randrange(len(node))
            wrong = bytes([node[place] ^ 1 << rng.randrange(8)])
            changed = node[:place] + wrong + node[place + 1 :]
            refuses(*nodes[:number], changed, *nodes[number + 1 :])


def test_nodes_of_ones_own_making_are_read_to_their_end() -> None:
    """Whoever could choose the root still gets no value for another path."""
    key = b"k"
    digits = keccak256(key).hex()

    def refuses(node: Nested, *below: bytes) -> None:
        encoded = rlp(node)
        with pytest.raises(VerificationError):
            found(keccak256(encoded), key, (encoded, *below))

    def whole(flag: str, text: str) -> bytes:
        return bytes.fromhex(flag + text)

    assert found_by([whole("20", digits), b"v"], key) == b"v"
    refuses([whole("20", digits), b""])
    refuses([whole("20", digits), [b"v"]])
    refuses([whole("00", digits), b"v"])
    refuses([whole("3", digits[1:]), b"v"])
    refuses([whole("20", digits[:-2]), b"v"])
    refuses([whole("21", digits), b"v"])
    refuses([whole("40", digits), b"v"])
    refuses([b"", b"v"])
    refuses([[], b"v"])
    refuses([whole("20", digits + "00"), b"v"])
    refuses([whole("20", digits)])
    refuses([b""] * 16)
    refuses([b"x"] * 17)
    refuses(b"v")


def found_by(node: Nested, key: bytes) -> bytes:
    """The value that a single node shows."""
    return found(keccak256(rlp(node)), key, (rlp(node),))


@pytest.mark.parametrize(
    "data",
    [
        "",
        "00 00",
        "81 7f",
        "b8 01 ff",
        "b9 00 38" + " 00" * 56,
        "83 01 02",
        "c1",
        "c2 83 01",
        "f8 01 80",
        "c0 80",
        "bf" + " ff" * 8,
        "ff" + " ff" * 8,
        "c1 " * 300 + "c0",
    ],
)
def test_only_one_encoding_of_an_item_is_read(data: str) -> None:
    with pytest.raises(VerificationError):
        decode(bytes.fromhex(data.replace(" ", "")))


@pytest.mark.parametrize(
    "item", [b"", b"\x00", b"\x7f", b"\x80", b"a" * 55, b"a" * 56, b"a" * 300, [], [b"", [b"x"]]]
)
def test_what_is_written_is_read(item: Nested) -> None:
    assert decode(rlp(item)) == item
    assert decode(rlp([item, item])) == [item, item]


def test_a_record_has_plain_fields() -> None:
    assert fields([b"a", b"b"], 2, "it") == [b"a", b"b"]
    for item in (b"ab", [b"a"], [b"a", [b"b"]]):
        with pytest.raises(VerificationError):
            fields(item, 2, "it")  # type: ignore[arg-type]
