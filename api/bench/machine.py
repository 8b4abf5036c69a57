"""The machine and the versions that a measurement was made with."""

import os
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from avow.prover.native import _core
from avow.prover.version import VERSION

_PACKAGES = ("ezkl", "onnx", "onnxruntime", "numpy", "web3", "py-ecc")
_CPU_INFO = Path("/proc/cpuinfo")


def describe_machine() -> dict[str, object]:
    """Processor, cores that may be used, memory in bytes, kernel, versions, the core's backend."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "avow": VERSION,
        "native": _core.backend(),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def on_machine(machine: Mapping[str, Any]) -> str:
    """The sentence of a page about the machine that `describe_machine` described."""
    return (
        f"Machine: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, {machine['kernel']}, native core on "
        f"`{machine['native']}`."
    )


def _cpu() -> str:
    try:
        for line in _CPU_INFO.read_text("utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
