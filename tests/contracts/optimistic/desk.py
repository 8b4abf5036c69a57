"""The referee contract on a development chain, asked what the readable verifier is asked."""

from dataclasses import dataclass

from eth_abi.abi import decode

from avow.verifier.chain.artifacts import load
from avow.verifier.errors import VerificationError
from avow.verifier.trace.refutation import TracedClaim, refutes
from tests.contracts.node import Node, Refused, call_of

CLAIM = "(bytes32,bytes32,bytes32,bytes32,bytes32,bytes32)"


def words(claim: TracedClaim) -> tuple[bytes, ...]:
    """A claim in the order of the contract's fields."""
    return (
        claim.key,
        claim.program,
        claim.statement,
        claim.trace,
        claim.input,
        claim.output,
    )


@dataclass
class Desk(Node):
    """One referee."""

    referee: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.referee = self.create(load("Referee").bytecode)

    def refutes(self, claim: TracedClaim, refutation: bytes) -> bool:
        """What the contract says; `Refused` where it reverts."""
        data = call_of("refutes", (CLAIM, "bytes"), (words(claim), refutation))
        (answer,) = decode(["bool"], self.ask(self.referee, data))
        return bool(answer)

    def sizes(self, key: bytes, place: bytes) -> tuple[int, int, int, int, int]:
        """A tensor's number, depths of trace and tensor, tensors, octets."""
        data = call_of("depthOf", ("bytes32", "bytes"), (key, place))
        answer = self.ask(self.referee, data)
        return decode(["uint32", "uint8", "uint8", "uint32", "uint64"], answer)

    def schema(
        self, key: bytes, place: bytes, output: bool, number: int
    ) -> tuple[tuple[int, tuple[int, ...]], int, int, bool]:
        """Type code and shape of an input or output, how many of them there are, tensors, and
        whether traces hold it in row-major order."""
        types = ("bytes32", "bytes", "bool", "uint256")
        data = call_of("schemaOf", types, (key, place, output, number))
        answer = self.ask(self.referee, data)
        return decode(["(uint8,uint32[])", "uint256", "uint32", "bool"], answer)

    def verdict(self, claim: TracedClaim, refutation: bytes) -> str:
        """What the contract says: true, false or refused."""
        try:
            return str(self.refutes(claim, refutation)).lower()
        except Refused as refused:
            # A typed error: neither a panic nor the end of the gas.
            assert len(refused.data) >= 4, "the contract ran out of gas or reverted without a word"
            assert refused.data[:4] not in _UNTYPED, refused
            return "refused"


# Panic(uint256) and Error(string).
_UNTYPED = (bytes.fromhex("4e487b71"), bytes.fromhex("08c379a0"))


def readable(claim: TracedClaim, refutation: bytes) -> str:
    """What the readable verifier says: true, false or refused."""
    try:
        return str(refutes(claim, refutation)).lower()
    except VerificationError:
        return "refused"
