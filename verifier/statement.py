"""The statement that evidence is about: this model, on this input, gave this output."""

from dataclasses import dataclass

from avow.verifier.canonical import Json
from avow.verifier.commitment import Commitment, parse_commitment
from avow.verifier.errors import VerificationError
from avow.verifier.fields import Fields, to_hex
from avow.verifier.keccak import ZERO_WORD, keccak256

_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_COMMITMENT_TYPE = b"Commitment(uint16 scheme,bytes32 value)"
_STATEMENT_TYPE = (
    b"Statement(bytes32 model,string system,bytes32 program,bytes32 key,Commitment input,"
    b"Commitment output,bytes32 order,address provider,uint256 nonce)" + _COMMITMENT_TYPE
)
ZERO_ADDRESS = bytes(20)


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _address_word(address: bytes) -> bytes:
    return bytes(12) + address


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a statement counts: a chain and its market; both zero off chain."""

    chain_id: int
    market: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.chain_id < 2**256 or len(self.market) != 20:
            raise VerificationError("parse", "domain needs a 256-bit chain id and a 20-byte market")
        if (self.chain_id == 0) != (self.market == ZERO_ADDRESS):
            raise VerificationError(
                "parse", "chain id and market are both zero (off chain) or both given"
            )

    def separator(self, name: bytes = b"Avow") -> bytes:
        """The EIP-712 domain separator (version `1`)."""
        return keccak256(
            keccak256(_DOMAIN_TYPE)
            + keccak256(name)
            + keccak256(b"1")
            + _word(self.chain_id)
            + _address_word(self.market)
        )


OFF_CHAIN = Domain(0, ZERO_ADDRESS)


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything that a piece of evidence binds; digests are 32 bytes, the provider 20.

    `nonce` is never zero: the client's off chain, the order's on chain. Off chain the order
    is zero.
    """

    domain: Domain
    model: bytes
    system: str
    program: bytes
    key: bytes
    input: Commitment
    output: Commitment
    order: bytes
    provider: bytes
    nonce: int

    def __post_init__(self) -> None:
        for name in ("model", "program", "key", "order"):
            if len(getattr(self, name)) != 32:
                raise VerificationError("parse", f"statement.{name} must have 32 bytes")
        if len(self.provider) != 20:
            raise VerificationError("parse", "statement.provider must have 20 bytes")
        if not 1 <= self.nonce < 2**256:
            raise VerificationError("parse", "statement.nonce must lie in [1, 2^256)")
        if (self.domain == OFF_CHAIN) != (self.order == ZERO_WORD):
            raise VerificationError("parse", "an order is named on chain and only there")

    def struct_hash(self) -> bytes:
        """EIP-712 `hashStruct` of the statement."""
        return keccak256(
            keccak256(_STATEMENT_TYPE)
            + self.model
            + keccak256(self.system.encode("ascii"))
            + self.program
            + self.key
            + _commitment_hash(self.input)
            + _commitment_hash(self.output)
            + self.order
            + _address_word(self.provider)
            + _word(self.nonce)
        )

    def digest(self) -> bytes:
        """The 32 bytes that stand for this statement: the EIP-712 signing digest."""
        return keccak256(b"\x19\x01" + self.domain.separator() + self.struct_hash())

    def to_json(self) -> Json:
        """The object that `parse_statement` reads."""
        return {
            "chain_id": str(self.domain.chain_id),
            "market": to_hex(self.domain.market),
            "model": to_hex(self.model),
            "system": self.system,
            "program": to_hex(self.program),
            "key": to_hex(self.key),
            "input": self.input.to_json(),
            "output": self.output.to_json(),
            "order": to_hex(self.order),
            "provider": to_hex(self.provider),
            "nonce": str(self.nonce),
        }


def _commitment_hash(commitment: Commitment) -> bytes:
    return keccak256(keccak256(_COMMITMENT_TYPE) + _word(int(commitment.scheme)) + commitment.value)


def parse_statement(value: Json) -> Statement:
    """Read a statement object; chain id and nonce are decimal strings."""
    fields = Fields(
        value,
        "statement",
        {
            "chain_id",
            "market",
            "model",
            "system",
            "program",
            "key",
            "input",
            "output",
            "order",
            "provider",
            "nonce",
        },
    )
    return Statement(
        domain=Domain(fields.decimal("chain_id", 256), fields.octets("market", 20)),
        model=fields.octets("model", 32),
        system=fields.name("system"),
        program=fields.octets("program", 32),
        key=fields.octets("key", 32),
        input=parse_commitment(fields.raw("input")),
        output=parse_commitment(fields.raw("output")),
        order=fields.octets("order", 32),
        provider=fields.octets("provider", 20),
        nonce=fields.decimal("nonce", 256),
    )
