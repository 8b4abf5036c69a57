"""The verifier contract on a development chain: blobs as accounts, proofs as calls."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from eth_abi.abi import decode

from avow.circuits.sumcheck.blob import creation_code
from avow.verifier.chain.artifacts import load
from avow.verifier.tensor import Tensor
from tests.contracts.node import Node, call_of

SINGLE = ("address", "bytes32", "bytes", "bytes", "bytes")
MANY = ("address", "bytes32", "(uint256,bytes,bytes,bytes)[]", "bytes")
MARKS = 17

# Index, inputs, outputs, opening.
Sample = tuple[int, bytes, bytes, bytes]
# Program, key, input, output.
Established = tuple[bytes, bytes, bytes, bytes]


def data_of(tensors: Sequence[Tensor]) -> bytes:
    """The data of tensors, one after the other."""
    return b"".join(tensor.data() for tensor in tensors)


@dataclass
class Desk(Node):
    """One verifier, and the accounts of the blobs that were placed."""

    blobs: dict[bytes, str] = field(default_factory=dict)
    verifier: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.verifier = self.create(load("SumcheckVerifier").bytecode)

    def place(self, blob: bytes) -> str:
        """The account of a blob."""
        if blob not in self.blobs:
            self.blobs[blob] = self.create(creation_code(blob))
        return self.blobs[blob]

    def verify(
        self, blob: bytes, root: bytes, inputs: bytes, outputs: bytes, proof: bytes
    ) -> Established:
        """What a proof of one run establishes."""
        values = (self.place(blob), root, inputs, outputs, proof)
        (found,) = decode(
            ["(bytes32,bytes32,bytes32,bytes32)"],
            self.ask(self.verifier, call_of("verify", SINGLE, values)),
        )
        return found  # type: ignore[no-any-return]

    def verify_batch(
        self, blob: bytes, root: bytes, samples: Sequence[Sample], proof: bytes
    ) -> list[Established]:
        """What a proof of many establishes of these runs."""
        values = (self.place(blob), root, list(samples), proof)
        answer = self.ask(self.verifier, call_of("verifyBatch", MANY, values))
        (found,) = decode(["(bytes32,bytes32,bytes32,bytes32)[]"], answer)
        return list(found)

    def trace(
        self, blob: bytes, root: bytes, inputs: bytes, outputs: bytes, proof: bytes
    ) -> tuple[list[bytes], list[int]]:
        """The transcript's states after each part, and the gas of each."""
        values = (self.place(blob), root, inputs, outputs, proof)
        answer = self.ask(self.verifier, call_of("trace", SINGLE, values))
        states, left = decode([f"bytes32[{MARKS}]", f"uint256[{MARKS}]"], answer)
        return list(states), [a - b for a, b in pairwise(left)]

    def gas(self, blob: bytes, root: bytes, inputs: bytes, outputs: bytes, proof: bytes) -> int:
        """The gas of a whole transaction that verifies one run."""
        values = (self.place(blob), root, inputs, outputs, proof)
        return int(self.transact(self.verifier, call_of("verify", SINGLE, values))["gasUsed"], 16)
