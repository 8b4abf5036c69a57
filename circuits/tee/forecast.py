"""What an attested answer takes: one run, measured on this machine, and its share of a receipt."""

import time
from collections.abc import Sequence

import numpy as np

from avow.circuits.forecast import Forecast
from avow.models.errors import ModelError
from avow.models.program.fast import FastExecutor
from avow.verifier.errors import VerificationError
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program
from avow.verifier.systems.tee.registration import SYSTEM_ID

_FINALITY = "at once, as far as the enclave is believed"
_SETUP = "no keys; a machine with an enclave, whose key is registered"
_RUNS = 3
# Of a signature, and of the verifier's recovery of it and check of quote and collateral.
_SIGNING, _VERIFYING = 0.004, 0.05
# A quote, its event log and the platform's collateral, which a receipt only adds 300 bytes to.
_MATERIAL_BYTES = 32_000
# What contracts/snapshots/tee.json measures of one receipt, and of each further answer under it.
_TRANSACTION, _RECEIPT, _FURTHER = 21_000, 32_000, 1_250


def forecast(program: Program, blobs: Sequence[Blob], batch: int) -> Forecast:
    """Predict `batch` answers under one receipt; the run itself is made here and timed.

    In an enclave it takes about as long, on a processor of the same kind.
    """
    try:
        seconds = _seconds(program, blobs)
    except (ModelError, VerificationError) as error:
        return _forecast(batch, missing=str(error))
    return _forecast(batch, warm_seconds=batch * seconds + _SIGNING)


def _seconds(program: Program, blobs: Sequence[Blob]) -> float:
    executor = FastExecutor(program, blobs, threads=1)
    arrays = [
        np.full((1, *spec.shape), min(max(0, spec.minimum), spec.maximum), np.int64)
        for spec in program.inputs
    ]
    executor.run(arrays)
    took = []
    for _ in range(_RUNS):
        began = time.perf_counter()
        executor.run(arrays)
        took.append(time.perf_counter() - began)
    return min(took)


def _forecast(
    batch: int, warm_seconds: float | None = None, missing: str | None = None
) -> Forecast:
    there = missing is None
    return Forecast(
        system=SYSTEM_ID,
        optimize=None,
        batch=batch,
        hides="nothing",
        finality=_FINALITY,
        setup=_SETUP if there else "",
        warm_seconds=warm_seconds,
        verify_seconds=_VERIFYING if there else None,
        proof_bytes=_MATERIAL_BYTES if there else None,
        gas=_TRANSACTION + _RECEIPT + _FURTHER * (batch - 1) if there else None,
        missing=missing,
    )
