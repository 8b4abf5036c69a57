"""Documents of simulated Nitro enclaves: real layout, the root's name and module id SIMULATED."""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from avow.prover.enclave.simulated.authority import Holder, issue, root
from avow.verifier.attestation.nitro.document import sig_structure

_HEADERS = bytes.fromhex("44a1013822a0")


@dataclass(frozen=True, slots=True)
class SecurityModule:
    """A simulated Nitro security module, made at the Unix time `at`; nothing about it is secret."""

    at: int
    authority: Holder
    intermediate: Holder
    enclave: Holder
    module_id: str = "SIMULATED-i-0-enc0"

    def document(self, pcrs: Mapping[int, bytes], user_data: bytes) -> bytes:
        """A document of the registers (48 bytes each) and what the enclave put in."""
        return self.sign(
            encode(
                {
                    "module_id": self.module_id,
                    "digest": "SHA384",
                    "timestamp": self.at * 1000,
                    "pcrs": dict(pcrs),
                    "certificate": self.enclave.der,
                    "cabundle": [self.authority.der, self.intermediate.der],
                    "public_key": None,
                    "user_data": user_data,
                    "nonce": None,
                }
            )
        )

    def sign(self, payload: bytes) -> bytes:
        """COSE_Sign1 over a payload as it stands."""
        signature = self.enclave.sign(sig_structure(payload))
        return b"\x84" + _HEADERS + encode(payload) + encode(signature)


def make_security_module(at: int) -> SecurityModule:
    """A module with fresh keys, whose leaf certificate is good for a day from `at`."""
    authority = root("Nitro Enclaves Root", at, ec.SECP384R1())
    intermediate = issue(authority, "Nitro instance", at, 30, path_length=0)
    return SecurityModule(at, authority, intermediate, issue(intermediate, "enclave", at, 1))


def encode(value: object) -> bytes:
    """CBOR in its shortest form, keys in the order given."""
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return _head(0, value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value)) + value.encode("ascii")
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(encode, value))
    if isinstance(value, dict):
        items = (encode(key) + encode(one) for key, one in value.items())
        return _head(5, len(value)) + b"".join(items)
    raise TypeError(f"{type(value).__name__} has no place in a document")


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    width = next(power for power in range(4) if number < 1 << (8 << power))
    return bytes([major << 5 | 24 + width]) + number.to_bytes(1 << width, "big")
