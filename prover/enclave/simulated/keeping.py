"""A simulated machine that stays the same from one start to the next; nothing in it is secret."""

import json
import os
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from avow.prover.enclave.errors import EnclaveRefused
from avow.prover.enclave.simulated.authority import Holder
from avow.prover.enclave.simulated.platform import Platform, make_platform

_FORMAT = "avow-simulated-machine/1"
_HOLDERS = ("authority", "intermediate", "tcb_signer", "pck")


def kept_machine(folder: Path, at: int) -> Platform:
    """The machine that `folder` holds, made at the Unix time `at` where there is none yet."""
    path = folder / "machine.json"
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            draft = folder / f".machine-{os.getpid()}.json"
            draft.write_text(json.dumps(_to_json(make_platform(at))), "ascii")
            try:
                # Whoever comes second takes the first one's.
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return _read(json.loads(path.read_text("ascii")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnclaveRefused(f"simulated enclave: {path} cannot be used: {error}") from error


def _to_json(machine: Platform) -> dict[str, Any]:
    value: dict[str, Any] = {"format": _FORMAT, "at": machine.at, "ppid": machine.ppid.hex()}
    for name in _HOLDERS:
        holder = getattr(machine, name)
        value[name] = {"key": _key_text(holder.key), "certificate": holder.pem}
    return value | {"attestation": _key_text(machine.attestation)}


def _read(value: dict[str, Any]) -> Platform:
    if value["format"] != _FORMAT:
        raise ValueError(f"expected {_FORMAT}")
    return Platform(
        at=int(value["at"]),
        authority=_holder(value["authority"]),
        intermediate=_holder(value["intermediate"]),
        tcb_signer=_holder(value["tcb_signer"]),
        pck=_holder(value["pck"]),
        attestation=_key(value["attestation"]),
        ppid=bytes.fromhex(value["ppid"]),
    )


def _holder(value: dict[str, str]) -> Holder:
    certificate = x509.load_pem_x509_certificate(value["certificate"].encode("ascii"))
    return Holder(_key(value["key"]), certificate)


def _key_text(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode("ascii")


def _key(text: str) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(text.encode("ascii"), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("a key of another kind")
    return key
