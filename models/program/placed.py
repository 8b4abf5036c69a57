"""The fast executor on the device that was chosen, once that device has shown to be exact."""

import logging
from collections.abc import Sequence
from functools import cache

from avow.models.devices import CUDA, PROCESSOR, Device, accelerators, providers
from avow.models.errors import ModelError
from avow.models.program.fast import FastExecutor
from avow.models.program.selfcheck import self_check
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import Program

_LOG = logging.getLogger("avow.models")


def placed(program: Program, blobs: Sequence[Blob], device: Device) -> FastExecutor:
    """An executor on `device`, one thread where that is the processor.

    Raises ModelError where a device other than AUTO cannot be used or computes inexactly.
    """
    return FastExecutor(program, blobs, threads=1, providers=[exact_provider(device)])


@cache
def exact_provider(device: Device) -> str:
    """The provider for integer programs: on a GPU always CUDA, after its self-check.

    TensorRT chooses its own number formats, so that programs run on CUDA beside it. AUTO falls
    back to the processor with a warning; any other device is refused (ModelError).
    """
    if CUDA not in providers(device):
        return PROCESSOR
    try:
        self_check(lambda program, blobs: FastExecutor(program, blobs, providers=[CUDA]))
    except ModelError as error:
        if device is not Device.AUTO:
            raise
        _LOG.warning("programs run on the processor: %s", error)
        return PROCESSOR
    return CUDA


def is_accelerated(device: Device) -> bool:
    """Whether a GPU is to answer, as far as can be told without using it."""
    return device is not Device.CPU and Device.CUDA in accelerators()
