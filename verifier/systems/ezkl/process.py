"""Asking the ezkl package about a proof, in a process of its own with limits."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

from avow.verifier.curves import G2, field_modulus, normalize
from avow.verifier.errors import VerificationError
from avow.verifier.srs import G2Coordinates
from avow.verifier.systems.ezkl.field import to_ezkl_hex
from avow.verifier.systems.ezkl.material import Material, Proof

SECONDS = 120.0
MEMORY_BYTES = 4 * 2**30
_MONTGOMERY = 2**256 % field_modulus


def minimal_srs(tau_g2: G2Coordinates) -> bytes:
    """The smallest file that ezkl verifies with: k = 0, one G1 point twice, G2 and tau G2.

    The format is halo2's ParamsKZG: u32 k, 2^k powers, 2^k Lagrange points, G2, tau G2, with
    coordinates of 32 bytes little-endian in Montgomery form. Verifying reads G1, G2, tau G2 only.
    """
    generator = normalize(G2)
    g2 = [int(generator[axis].coeffs[part]) for axis in (0, 1) for part in (0, 1)]
    coordinates = [1, 2, 1, 2, *g2, *tau_g2]
    return bytes(4) + b"".join(
        (value * _MONTGOMERY % field_modulus).to_bytes(32, "little") for value in coordinates
    )


def check_proof(
    material: Material, proof: Proof, seconds: float = SECONDS, memory: int = MEMORY_BYTES
) -> None:
    """Raise `VerificationError` unless ezkl accepts; nothing of the prover's JSON is passed on."""
    try:
        with tempfile.TemporaryDirectory(prefix="avow-verify-") as name:
            folder = Path(name)
            (folder / "settings.json").write_bytes(material.settings)
            (folder / "vk.key").write_bytes(material.vk)
            (folder / "srs").write_bytes(minimal_srs(material.tau_g2))
            document = {
                "instances": [[to_ezkl_hex(item) for item in proof.instances]],
                "proof": list(proof.data),
            }
            (folder / "proof.json").write_text(json.dumps(document), encoding="ascii")
            _ask(folder, seconds, memory)
    except OSError as error:
        raise VerificationError(
            "setup", f"this machine could not run the check: {error.strerror or error}"
        ) from error


def _ask(folder: Path, seconds: float, memory: int) -> None:
    # A word that only our own code in the child knows, so that no print can pass for consent.
    word = secrets.token_hex(16)
    command = [
        *(sys.executable, "-P", "-m", "avow.verifier.systems.ezkl.inside"),
        *(word, str(memory), str(int(seconds) + 1)),
    ]
    environment = {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH") if key in os.environ}
    if "PYTHONPATH" in os.environ:
        # The child works in another folder, where relative entries would mean something else.
        parts = os.environ["PYTHONPATH"].split(os.pathsep)
        environment["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, parts))
    try:
        done = subprocess.run(  # noqa: S603 - our own module, fixed arguments
            command,
            cwd=folder,
            env=environment | {"HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise VerificationError("proof", f"ezkl did not decide within {seconds:g} s") from error
    answer = done.stdout.decode("utf-8", "replace").strip().splitlines()
    last = answer[-1] if answer else ""
    if done.returncode == 0 and last == f"{word} accepted":
        return
    for said, step in (("refused", "proof"), ("unable", "setup")):
        if last.startswith(f"{word} {said}: "):
            raise VerificationError(step, last.removeprefix(f"{word} {said}: ")[:300])
    raise VerificationError(
        "proof", f"ezkl broke off while checking (status {done.returncode}); the proof is refused"
    )
