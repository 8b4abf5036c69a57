"""The receipt: an enclave's signature over the root of a batch of statements, and a time."""

from dataclasses import dataclass

from avow.verifier.canonical import Json
from avow.verifier.fields import Fields, to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.signature import recover_signer
from avow.verifier.statement import Domain

FORMAT = "avow-receipt/1"
_TYPE = b"Answers(bytes32 root,uint64 time)"
_NAME = b"Avow attestation"
_LATEST = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Receipt:
    """`signature` is r || s || v, 65 bytes, low s; `time` the enclave's, in Unix seconds."""

    time: int
    signature: bytes

    def signer(self, root: bytes, registry: Domain) -> bytes:
        """The 20-byte address that signed `root`; refuses a signature that is not canonical."""
        return recover_signer(receipt_digest(root, self.time, registry), self.signature)

    def to_json(self) -> Json:
        """The bundle's `proof`."""
        return {"format": FORMAT, "time": self.time, "signature": to_hex(self.signature)}


def receipt_digest(root: bytes, time: int, registry: Domain) -> bytes:
    """The EIP-712 signing digest of a receipt; the registry is its verifying contract."""
    struct = keccak256(keccak256(_TYPE) + root + time.to_bytes(32, "big"))
    return keccak256(b"\x19\x01" + registry.separator(_NAME) + struct)


def parse_receipt(value: Json) -> Receipt:
    """Read what `Receipt.to_json` writes."""
    fields = Fields(value, "proof", {"format", "time", "signature"})
    fields.one_of("format", (FORMAT,))
    return Receipt(fields.integer("time", 1, _LATEST), fields.octets("signature", 65))
