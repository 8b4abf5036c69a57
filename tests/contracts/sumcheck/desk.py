"""The verifier contract on a development chain: blobs as accounts, proofs as calls."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx
from eth_abi.abi import decode, encode

from avow.circuits.sumcheck.blob import creation_code
from avow.verifier.chain.artifacts import load
from avow.verifier.keccak import keccak256
from avow.verifier.tensor import Tensor

SINGLE = ("address", "bytes32", "bytes", "bytes", "bytes")
MANY = ("address", "bytes32", "(uint256,bytes,bytes,bytes)[]", "bytes")
MARKS = 17
# Of one call: what a lie may burn is bounded, and far below.
GAS = 30_000_000

# Index, inputs, outputs, opening.
Sample = tuple[int, bytes, bytes, bytes]
# Program, key, input, output.
Established = tuple[bytes, bytes, bytes, bytes]


class Refused(Exception):
    """The contract reverted; what it said, its selector first."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data.hex())
        self.data = data


def selector(signature: str) -> bytes:
    """The first four bytes of a signature's hash."""
    return keccak256(signature.encode())[:4]


def data_of(tensors: Sequence[Tensor]) -> bytes:
    """The data of tensors, one after the other."""
    return b"".join(tensor.data() for tensor in tensors)


def _call(name: str, types: Sequence[str], values: Sequence[object]) -> bytes:
    return selector(f"{name}({','.join(types)})") + encode(types, values)


@dataclass
class Desk:
    """One verifier, and the accounts of the blobs that were placed."""

    url: str
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))
    blobs: dict[bytes, str] = field(default_factory=dict)
    verifier: str = ""

    def __post_init__(self) -> None:
        self.sender = self.rpc("eth_accounts")[0]
        self.verifier = self.create(load("SumcheckVerifier").bytecode)

    def rpc(self, method: str, *parameters: object) -> Any:
        """A call of the node."""
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(parameters)}
        answer = self.http.post(self.url, json=request).json()
        if "error" in answer:
            data = answer["error"].get("data") or "0x"
            # One name for each cause: OutOfGas, MemoryOOG, PrecompileOOG and others.
            message = answer["error"]["message"]
            starved = "OutOfGas" in message or "OOG" in message
            assert starved or answer["error"]["code"] in (3, -32003), answer
            raise Refused(bytes.fromhex(data.removeprefix("0x")))
        return answer["result"]

    def create(self, code: bytes) -> str:
        """A contract with this creation code."""
        return str(self.transact(None, code)["contractAddress"])

    def transact(self, to: str | None, data: bytes) -> dict[str, Any]:
        """A mined transaction's receipt."""
        request = {"from": self.sender, "data": "0x" + data.hex(), "gas": hex(16_000_000)}
        if to:
            request["to"] = to
        sent = self.rpc("eth_sendTransaction", request)
        receipt = None
        while receipt is None:
            receipt = self.rpc("eth_getTransactionReceipt", sent)
        assert receipt["status"] == "0x1", receipt
        return dict(receipt)

    def place(self, blob: bytes) -> str:
        """The account of a blob."""
        if blob not in self.blobs:
            self.blobs[blob] = self.create(creation_code(blob))
        return self.blobs[blob]

    def ask(self, data: bytes) -> bytes:
        """What the verifier answers; `Refused` where it reverts."""
        request = {"from": self.sender, "to": self.verifier, "gas": hex(GAS)}
        answer = self.rpc("eth_call", {**request, "data": "0x" + data.hex()}, "latest")
        return bytes.fromhex(answer.removeprefix("0x"))

    def verify(
        self, blob: bytes, root: bytes, inputs: bytes, outputs: bytes, proof: bytes
    ) -> Established:
        """What a proof of one run establishes."""
        values = (self.place(blob), root, inputs, outputs, proof)
        (found,) = decode(
            ["(bytes32,bytes32,bytes32,bytes32)"], self.ask(_call("verify", SINGLE, values))
        )
        return found  # type: ignore[no-any-return]

    def verify_batch(
        self, blob: bytes, root: bytes, samples: Sequence[Sample], proof: bytes
    ) -> list[Established]:
        """What a proof of many establishes of these runs."""
        values = (self.place(blob), root, list(samples), proof)
        answer = self.ask(_call("verifyBatch", MANY, values))
        (found,) = decode(["(bytes32,bytes32,bytes32,bytes32)[]"], answer)
        return list(found)

    def trace(
        self, blob: bytes, root: bytes, inputs: bytes, outputs: bytes, proof: bytes
    ) -> tuple[list[bytes], list[int]]:
        """The transcript's states after each part, and the gas of each."""
        values = (self.place(blob), root, inputs, outputs, proof)
        answer = self.ask(_call("trace", SINGLE, values))
        states, left = decode([f"bytes32[{MARKS}]", f"uint256[{MARKS}]"], answer)
        return list(states), [a - b for a, b in pairwise(left)]

    def gas(self, blob: bytes, root: bytes, inputs: bytes, outputs: bytes, proof: bytes) -> int:
        """The gas of a whole transaction that verifies one run."""
        values = (self.place(blob), root, inputs, outputs, proof)
        return int(self.transact(self.verifier, _call("verify", SINGLE, values))["gasUsed"], 16)
