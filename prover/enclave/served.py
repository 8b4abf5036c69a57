"""What an enclave answers with: one program, whose files it has checked itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avow.circuits.artifact import RECORD, load_artifact
from avow.circuits.errors import CircuitError
from avow.circuits.files import read_file
from avow.circuits.placing import recover
from avow.circuits.tee.artifact import Loaded, load
from avow.models.devices import Device
from avow.models.program.fast import FastExecutor
from avow.models.program.placed import placed
from avow.prover.enclave.errors import EnclaveRefused
from avow.verifier import canonical
from avow.verifier.attestation.policy import AttestationPolicy
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_hex
from avow.verifier.limits import LIMITS
from avow.verifier.records import SystemRecord, parse_system_record
from avow.verifier.systems.tee.registration import SYSTEM_ID
from avow.verifier.tensor import Tensor, TensorSpec


@dataclass(frozen=True, slots=True)
class Offer:
    """A record of the program, with the reference values of its owner."""

    record: SystemRecord
    reference: AttestationPolicy


class Served:
    """One program, ready to answer, and the artifacts by which models are answered with it.

    `program` is the digest that was pinned; an artifact of another one is refused, whatever it
    says of itself. Construction raises `EnclaveRefused` where no artifact has the program.
    """

    def __init__(self, artifacts: Path, program: bytes, device: Device = Device.AUTO) -> None:
        self.program = program
        self._artifacts = artifacts
        self._offers: dict[bytes, Offer] = {}
        found = self._loaded()
        first = found[0]
        self._inputs: tuple[TensorSpec, ...] = first.program.inputs
        self._outputs: tuple[TensorSpec, ...] = first.record.outputs
        self._executor: FastExecutor = placed(first.program, first.blobs, device)

    @property
    def provider(self) -> str:
        """The execution provider that runs the program."""
        return self._executor.provider

    def offers(self) -> tuple[Offer, ...]:
        """All that were found so far."""
        return tuple(self._offers.values())

    def offer(self, digest: bytes) -> Offer:
        """The offer of a system record's digest; raises `EnclaveRefused` for another program's."""
        if digest not in self._offers:
            self._take(_load(self._artifacts / digest.hex()))
        return self._offers[digest]

    def answer(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The program's outputs; raises `VerificationError` for an input that it does not take."""
        # The executor knows numbers only: of another type they would be another input to whoever
        # commits to it, perhaps by another scheme.
        for spec, one in zip(self._inputs, inputs, strict=False):
            spec.check(one)
        arrays = [np.array(one.values, np.int64).reshape(1, *one.shape) for one in inputs]
        return tuple(
            Tensor(spec.element_type, spec.shape, tuple(map(int, array.reshape(-1))))
            for spec, array in zip(self._outputs, self._executor.run(arrays), strict=True)
        )

    def _take(self, loaded: Loaded) -> None:
        record = loaded.record
        if record.program != self.program:
            raise EnclaveRefused(
                f"this enclave has measured the program {to_hex(self.program)} and answers with "
                f"no other; the artifact is of {to_hex(record.program)}"
            )
        self._offers[record.digest()] = Offer(record, loaded.reference)

    def _loaded(self) -> list[Loaded]:
        recover(self._artifacts)
        found, damaged = [], ""
        for folder in sorted(self._artifacts.glob("[0-9a-f]*")):
            if not _is_of(folder, self.program):
                continue
            try:
                loaded = _load(folder)
            except EnclaveRefused as error:
                damaged = f" ({error})"
                continue
            self._take(loaded)
            found.append(loaded)
        if not found:
            raise EnclaveRefused(
                f"no artifact of {SYSTEM_ID} in {self._artifacts} has the program "
                f"{to_hex(self.program)} that is pinned{damaged}"
            )
        return found


def _is_of(folder: Path, program: bytes) -> bool:
    # Other systems' keys may have gigabytes, which nobody needs to digest here.
    try:
        data = read_file(folder / RECORD, LIMITS.record_bytes)
        record = parse_system_record(canonical.parse(data, LIMITS.record_bytes, RECORD))
    except (CircuitError, VerificationError):
        return False
    return record.system == SYSTEM_ID and record.program == program


def _load(folder: Path) -> Loaded:
    try:
        return load(load_artifact(folder))
    except CircuitError as error:
        raise EnclaveRefused(str(error)) from error
