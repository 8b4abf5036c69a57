"""Writes tee.json: registrations, receipts and measurements as contracts must compute them.

Run `python -m tests.vectors.generate_tee` after a deliberate change of format.
"""

import json
from pathlib import Path

from eth_account import Account

from avow.verifier.attestation.established import measurement_digest
from avow.verifier.canonical import Json
from avow.verifier.curves import secp256k1
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.merkle import build
from avow.verifier.statement import OFF_CHAIN, Domain
from avow.verifier.systems.tee.receipt import receipt_digest
from avow.verifier.systems.tee.registration import Registration, outputs_digest, record_key
from avow.verifier.tensor import ElementType, TensorSpec

PATH = Path(__file__).with_name("tee.json")
KEY = Account.from_key(keccak256(b"vectors: the enclave's key"))
TIME = 1_800_000_000


def word(name: str) -> bytes:
    """32 bytes that stand for something."""
    return keccak256(f"vectors: {name}".encode())


REGISTRATIONS = {
    "on chain, with a GPU and a TLS key": Registration(
        word("program"),
        Domain(31_337, word("registry")[:20]),
        word("challenge"),
        word("gpu"),
        word("tls"),
        TIME + 86_400,
    ),
    "off chain, with neither": Registration(
        word("program"), OFF_CHAIN, word("challenge"), bytes(32), bytes(32), 1
    ),
    "as late as can be": Registration(
        word("program"),
        Domain(2**256 - 1, b"\xff" * 20),
        b"\xff" * 32,
        b"\xff" * 32,
        b"\xff" * 32,
        2**53 - 1,
    ),
}


def registrations() -> list[Json]:
    """Each with its digest, and the report data of the enclave's key."""
    address = bytes.fromhex(KEY.address[2:])
    return [
        {
            "name": name,
            "registration": one.to_json(),
            "address": to_hex(address),
            "digest": to_hex(one.digest()),
            "report_data": to_hex(one.report_data(address)),
        }
        for name, one in REGISTRATIONS.items()
    ]


def receipts() -> list[Json]:
    """Receipts of batches of 1 and of 3, with the signer that each has or none."""
    found: list[Json] = []
    for count in (1, 3):
        root, _ = build([word(f"statement {number}") for number in range(count)])
        for name, registry in (
            ("on chain", Domain(31_337, word("registry")[:20])),
            ("off chain", OFF_CHAIN),
        ):
            digest = receipt_digest(root, TIME, registry)
            signature = bytes(KEY.unsafe_sign_hash(digest).signature)
            s = secp256k1.N - int.from_bytes(signature[32:64], "big")
            high = signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
            for what, signed, signer in (
                ("right", signature, KEY.address.lower()),
                ("high s", high, "refused"),
                ("v of 0 or 1", signature[:64] + bytes([signature[64] - 27]), "refused"),
            ):
                found.append(
                    {
                        "name": f"{count} statements, {name}, {what}",
                        "chain_id": str(registry.chain_id),
                        "registry": to_hex(registry.market),
                        "root": to_hex(root),
                        "time": TIME,
                        "digest": to_hex(digest),
                        "signature": to_hex(signed),
                        "signer": signer,
                    }
                )
    return found


def measurements() -> list[Json]:
    """Rows of registers with their digests; the first 32 bytes are the registry's."""
    rows = {
        "tdx": [bytes([number]) * 48 for number in range(1, 5)],
        "sgx": [bytes([number]) * 32 for number in (5, 6)],
        "nitro": [bytes([number]) * 48 for number in (7, 8, 9)],
    }
    return [
        {
            "kind": kind,
            "registers": [to_hex(one) for one in row],
            "digest": to_hex(measurement_digest(kind, *row)),
        }
        for kind, row in rows.items()
    ]


def vectors() -> Json:
    """Everything in the file."""
    listed = [b"\1" * 48, b"\2" * 48]
    outputs = [
        TensorSpec("scores", ElementType.INT16, (10,), 8, -4096, 4095),
        TensorSpec("box", ElementType.INT32, (2, 2), 12, -100_000, 99_999),
    ]
    return {
        "registrations": registrations(),
        "receipts": receipts(),
        "measurements": measurements(),
        "record_key": {
            "program": to_hex(word("program")),
            "outputs": [spec.to_json() for spec in outputs],
            "outputs_digest": to_hex(outputs_digest(outputs)),
            "measurements": [to_hex(one) for one in listed],
            "key": to_hex(record_key(word("program"), outputs, listed)),
        },
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="ascii")
