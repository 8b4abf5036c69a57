"""The vectors that the contracts read, computed a third time from docs/formats.md alone.

forge checks the contracts against the same file (contracts/test/FormatVectors.t.sol), the tests of
the verifier check the verifier. This file uses neither: an error in the file is noticed too.
"""

import json
from typing import Any

import pytest
from Crypto.Hash import keccak
from eth_abi.abi import encode

from tests.contracts.toolchain import ROOT

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (ROOT / "tests" / "vectors" / "formats.json").read_text()
)
DOMAIN = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
COMMITMENT = b"Commitment(uint16 scheme,bytes32 value)"
STATEMENT = (
    b"Statement(bytes32 model,string system,bytes32 program,bytes32 key,Commitment input,"
    b"Commitment output,bytes32 order,address provider,uint256 nonce)" + COMMITMENT
)


def hashed(data: bytes) -> bytes:
    """Keccak-256, from pycryptodome."""
    return keccak.new(digest_bits=256, data=data).digest()


def raw(text: str) -> bytes:
    """The bytes of 0x hexadecimal."""
    assert text.startswith("0x")
    return bytes.fromhex(text[2:])


def each(kind: str) -> pytest.MarkDecorator:
    """One test for each vector of a kind; an empty list would be a test that cannot fail."""
    assert VECTORS[kind]
    return pytest.mark.parametrize("vector", VECTORS[kind])


@each("tensors")
def test_tensor(vector: dict[str, Any]) -> None:
    """Type, rank, dimensions and data enter the digest."""
    shape = vector["shape"]
    header = bytes([vector["type_code"], len(shape)])
    header += b"".join(size.to_bytes(4, "big") for size in shape)
    data = raw(vector["data"])
    assert hashed(hashed(b"avow.tensor.v1") + header + data) == raw(vector["digest"])


@each("tensor_lists")
def test_tensor_list(vector: dict[str, Any]) -> None:
    """A list of one is its tensor; a longer list has a tag and a count."""
    digests = [raw(digest) for digest in vector["digests"]]
    found = (
        digests[0]
        if len(digests) == 1
        else hashed(hashed(b"avow.tensors.v1") + bytes([len(digests)]) + b"".join(digests))
    )
    assert found == raw(vector["digest"])


@each("input_trees")
def test_input_tree(vector: dict[str, Any]) -> None:
    """Type, rank, dimensions and the root over chunks of 256 bytes enter, then tag and count."""
    digests = []
    for tensor in vector["tensors"]:
        data, shape = raw(tensor["data"]), tensor["shape"]
        chunks = [data[at : at + 256].ljust(256, b"\0") for at in range(0, len(data), 256)]
        level = [hashed(b"\0" + chunk) for chunk in chunks]
        while len(level) & (len(level) - 1):
            level.append(bytes(32))
        while len(level) > 1:
            pairs = range(0, len(level), 2)
            level = [hashed(b"\1" + level[at] + level[at + 1]) for at in pairs]
        assert level[0] == raw(tensor["root"])
        header = bytes([tensor["type_code"], len(shape)])
        header += b"".join(size.to_bytes(4, "big") for size in shape)
        digests.append(hashed(hashed(b"avow.tensor.tree.v1") + header + level[0]))
        assert digests[-1] == raw(tensor["digest"])
    count = bytes([len(digests)])
    found = hashed(hashed(b"avow.tensors.tree.v1") + count + b"".join(digests))
    assert found == raw(vector["value"])


@each("statements")
def test_statement(vector: dict[str, Any]) -> None:
    """The EIP-712 digest under the domain of a chain and a market."""

    def commitment(name: str) -> bytes:
        values = [hashed(COMMITMENT), vector[f"{name}_scheme"], raw(vector[f"{name}_value"])]
        return hashed(encode(["bytes32", "uint16", "bytes32"], values))

    separator = hashed(
        encode(
            ["bytes32", "bytes32", "bytes32", "uint256", "address"],
            [
                hashed(DOMAIN),
                hashed(b"Avow"),
                hashed(b"1"),
                vector["chain_id"],
                vector["market"],
            ],
        )
    )
    struct = hashed(
        encode(
            ["bytes32"] * 8 + ["address", "uint256"],
            [
                hashed(STATEMENT),
                raw(vector["model"]),
                hashed(vector["system"].encode()),
                raw(vector["program"]),
                raw(vector["key"]),
                commitment("input"),
                commitment("output"),
                raw(vector["order"]),
                vector["provider"],
                int(vector["nonce"]),
            ],
        )
    )
    assert separator == raw(vector["domain_separator"])
    assert struct == raw(vector["struct_hash"])
    assert hashed(b"\x19\x01" + separator + struct) == raw(vector["digest"])


@each("trees")
def test_tree(vector: dict[str, Any]) -> None:
    """Every statement's path leads to the root."""
    for statement, path in zip(vector["statements"], vector["paths"], strict=True):
        node = hashed(b"\x00" + raw(statement))
        for level, sibling in enumerate(path["siblings"]):
            right = path["index"] >> level & 1
            pair = raw(sibling) + node if right else node + raw(sibling)
            node = hashed(b"\x01" + pair)
        assert node == raw(vector["root"])


@each("selectors")
def test_selector(vector: dict[str, Any]) -> None:
    """The first four bytes of the id's hash."""
    assert hashed(vector["system"].encode())[:4] == raw(vector["selector"])


@each("order_ids")
def test_order_id(vector: dict[str, Any]) -> None:
    """Chain, market, requester and the requester's counter."""
    types = ["uint256", "address", "address", "uint256"]
    values = [vector["chain_id"], vector["market"], vector["requester"], vector["counter"]]
    assert hashed(encode(types, values)) == raw(vector["order"])


@each("bindings")
def test_binding(vector: dict[str, Any]) -> None:
    """Sixteen limbs of sixteen bits, the most significant first."""
    assert b"".join(limb.to_bytes(2, "big") for limb in vector["limbs"]) == raw(vector["root"])
    assert len(vector["limbs"]) == 16
