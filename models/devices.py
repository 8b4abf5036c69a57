"""Where onnxruntime runs a graph: what was asked for, what is there, and what really ran."""

import io
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

from avow.models.errors import ModelError

PROCESSOR = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
_RECORD = "session.record_ep_graph_assignment_info"


class Device(Enum):
    """Where to run; AUTO takes CUDA when the installed onnxruntime can use it, else the processor.

    TENSORRT is never chosen unasked: it builds an engine for every model, which takes minutes.
    """

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"


_WANTED = {
    Device.AUTO: (CUDA, PROCESSOR),
    Device.CPU: (PROCESSOR,),
    Device.CUDA: (CUDA, PROCESSOR),
    Device.TENSORRT: (TENSORRT, CUDA, PROCESSOR),
}


@dataclass(frozen=True, slots=True)
class Placement:
    """What a session made of its graph: the number of nodes on each provider.

    `provider` is the first in the session's order of preference that was given any.
    """

    provider: str
    nodes: Mapping[str, int]

    def __str__(self) -> str:
        total = sum(self.nodes.values())
        return f"{self.provider}, {self.nodes.get(self.provider, 0)} of {total} nodes"


def accelerators() -> tuple[Device, ...]:
    """The devices beside the processor for which the installed onnxruntime has a provider."""
    available = _available()
    return tuple(one for one in (Device.CUDA, Device.TENSORRT) if _WANTED[one][0] in available)


def providers(device: Device) -> list[str]:
    """onnxruntime's providers for a device, in order of preference.

    Raises ModelError for a device other than AUTO whose provider is not there.
    """
    available = _available()
    first = _WANTED[device][0]
    if first not in available and device is not Device.AUTO:
        raise ModelError(
            f"{device.value} was asked for, but this onnxruntime has only {', '.join(available)}"
        )
    chosen = [name for name in _WANTED[device] if name in available]
    if chosen != [PROCESSOR]:
        _load_libraries()
    return chosen


def recorded(options: Any) -> Any:
    """The session options, told to remember which provider got which node."""
    options.add_session_config_entry(_RECORD, "1")
    return options


def placement(session: Any) -> Placement:
    """Where a session made with `recorded` options runs its graph, as the session itself says.

    onnxruntime replaces a provider that it cannot start, and gives nodes that one cannot run to
    another, each time with a warning at most.
    """
    order = list(session.get_providers())
    counted: Counter[str] = Counter()
    for part in session.get_provider_graph_assignment_info():
        counted[part.ep_name] += len(part.get_nodes())
    # A graph without nodes runs nowhere; the processor hands its constants out.
    used = [name for name in order if counted[name]]
    return Placement(used[0] if used else PROCESSOR, dict(counted))


def require(device: Device, found: Placement) -> None:
    """Raises ModelError where a device was asked for and the graph runs elsewhere."""
    wanted = _WANTED[device][0]
    if device is not Device.AUTO and found.provider != wanted:
        raise ModelError(
            f"{device.value} was asked for, but onnxruntime runs the model on {found.provider}"
        )


def _available() -> list[str]:
    # Whoever only names a device need not load it.
    import onnxruntime

    return list(onnxruntime.get_available_providers())


@cache
def _load_libraries() -> None:
    import onnxruntime

    # CUDA's libraries may lie in packages of their own, where no loader looks.
    load = getattr(onnxruntime, "preload_dlls", None)
    if load is not None:
        # It prints and warns of each library; the session says what matters.
        with redirect_stdout(io.StringIO()), catch_warnings():
            simplefilter("ignore")
            load(directory="")


def main(arguments: list[str]) -> int:
    """`python -m avow.models.devices cuda ...`: models and programs on each; 2 where one fails."""
    # Here, since previews and programs need this module.
    import onnxruntime

    from avow.models.infer import Preview
    from avow.models.load import load_model
    from avow.models.program.placed import exact_provider

    names = ", ".join(_available())
    if not accelerators():
        print(
            f"avow: error: no GPU provider is present: onnxruntime {onnxruntime.__version__} here "
            f"has only {names} (onnxruntime-gpu has more)",
            file=sys.stderr,
        )
        return 2
    model = load_model(Path(__file__).parent / "zoo" / "digits-cnn" / "model.onnx")
    for name in arguments:
        try:
            device = Device(name)
            preview, program = Preview(model, device).placement, exact_provider(device)
            print(f"{name}: models on {preview}; exact programs on {program}", flush=True)
        except (ModelError, ValueError) as error:
            print(f"avow: error: {error}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
