"""Evidence of the GPUs beside an enclave, by a program that knows how to ask them."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Sequence

from avow.prover.children import before_exec
from avow.prover.enclave.errors import EnclaveRefused
from avow.verifier.systems.tee.terms import DeviceTerms

_SECONDS = 120
_EVIDENCE_BYTES = 2**20


class GpuCommand:
    """A command whose last argument is the nonce, 64 hexadecimal digits.

    It prints the evidence in the attestation SDK's JSON: a list with one object for each device.
    `golden_values` are NVIDIA's manifests: with any, every device needs those of its driver and
    VBIOS; without, what the devices run is compared with nothing. Construction raises
    `EnclaveRefused` for what no shell would take as one command.
    """

    def __init__(self, command: str, golden_values: Sequence[bytes] = ()) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            said = str(error).lower()
            raise EnclaveRefused(f"the command for GPUs cannot be read: {said}") from error
        if not self._words:
            raise EnclaveRefused("the command for GPUs is empty")
        given = tuple(golden_values)
        self._terms = DeviceTerms(given, unsafe_missing_golden_values=not given)

    @property
    def terms(self) -> DeviceTerms:
        """Golden values, where there are any."""
        return self._terms

    def collect(self, nonce: bytes) -> bytes | None:
        """What the command prints; raises `EnclaveRefused` when it fails or prints nothing."""
        with tempfile.TemporaryFile() as output:
            try:
                done = subprocess.run(  # noqa: S603 - the operator's own command
                    [*self._words, nonce.hex()],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.DEVNULL,
                    timeout=_SECONDS,
                    preexec_fn=before_exec(),
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise EnclaveRefused(f"the command for GPUs: {error}") from error
            output.seek(0)
            found = output.read(_EVIDENCE_BYTES + 1)
        if done.returncode != 0 or not found or len(found) > _EVIDENCE_BYTES:
            raise EnclaveRefused(
                f"the command for GPUs ended with {done.returncode} and {len(found)} bytes"
            )
        return found
