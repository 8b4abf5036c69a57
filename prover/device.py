"""Whether the device that a worker is told to use works, before anybody waits for an answer."""

from __future__ import annotations

import logging
import os
import subprocess
import sys

from avow.models.devices import Device, accelerators
from avow.prover.children import before_exec
from avow.prover.errors import ConfigurationError

_LOG = logging.getLogger("avow.prover")
_MODULE = "avow.models.devices"
_SECONDS = 600


def check_device(device: Device) -> None:
    """Runs a model and the programs' self-check there, in a process that gives the GPU back.

    Raises ConfigurationError where a device that was asked for does not work; AUTO goes on with
    the processor and says so.
    """
    if device is Device.CPU or (device is Device.AUTO and not accelerators()):
        return
    done = subprocess.run(  # noqa: S603 - our own module, fixed arguments
        [sys.executable, "-P", "-m", _MODULE, device.value],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=dict(os.environ),
        preexec_fn=before_exec(),
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode == 0:
        _LOG.info("device %s", " ".join(done.stdout.split()))
        return
    said = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
    said = said.removeprefix("avow: error: ")[:300]
    if device is not Device.AUTO:
        raise ConfigurationError(f"AVOW_DEVICE: {said}")
    _LOG.warning("device auto: the processor, since %s", said)
