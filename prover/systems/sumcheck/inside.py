"""Runs in the child process: answers and proves one request after the other.

Usage: `python -m avow.prover.systems.sumcheck.inside PARENT_PID`. A request is a line of JSON on
stdin: {do, folder, samples, root, memory}; `do` is `answer` or `prove`, `samples` has the inputs
of each. Lines of JSON on stdout: {stage} while it works, then the reply, {refused} or {failed}.
A request with a `traceparent` gets this process's `pid` and `spans` with its reply: when each stage
began and ended, which the worker sends on as part of that trace.
"""

import json
import os
import resource
import signal
import sys
import time
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avow.circuits.peak import forget_peak, peak_rss
from avow.prover.children import die_with_parent
from avow.prover.errors import Refused

if TYPE_CHECKING:
    from avow.circuits.sumcheck.artifact import Loaded
    from avow.models.program.fast import FastExecutor
    from avow.prover.systems.sumcheck.prepared import Prepared

# What stays ready: sizes of batch of artifacts, each with the powers of tau that it needs, and
# artifacts as they were read.
_KEPT, _KEPT_ARTIFACTS = 4, 2
_IDLE_SECONDS = 300

Say = Callable[[dict[str, Any]], None]


class Desk:
    """The artifacts that this process has made ready, the last used ones, by size of batch."""

    def __init__(self) -> None:
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()
        self._ready: OrderedDict[tuple[str, int], Prepared] = OrderedDict()
        self._executors: OrderedDict[str, FastExecutor] = OrderedDict()
        self._device = os.environ.get("AVOW_DEVICE", "")

    def answer(self, request: dict[str, Any], say: Say) -> dict[str, Any]:
        """The program's own output for one sample."""
        import numpy as np

        from avow.verifier.tensor import Tensor, parse_tensor

        prepared, seconds = self._prepared(request["folder"], 1, say)
        executor = self._accelerated(request["folder"])
        say({"stage": "running"})
        (sample,) = request["samples"]
        inputs = [parse_tensor(item) for item in sample]
        arrays = [np.array(one.values, np.int64).reshape(1, *one.shape) for one in inputs]
        if executor is None:
            trace = prepared.runner.trace(arrays)
            found = [trace[output.tensor] for output in prepared.program.outputs]
        else:
            found = executor.run(arrays)
        outputs = [
            Tensor(spec.element_type, spec.shape, tuple(array.reshape(-1).tolist()))
            for spec, array in zip(prepared.outputs, found, strict=True)
        ]
        return {
            "outputs": [[tensor.to_json() for tensor in outputs]],
            "load_seconds": seconds,
            "provider": "numpy" if executor is None else executor.provider,
        }

    def prove(self, request: dict[str, Any], say: Say) -> dict[str, Any]:
        """The outputs, the proof, what opens it for each sample, how long each stage took, and
        the peak of resident memory."""
        forget_peak()
        samples = request["samples"]
        prepared, seconds = self._prepared(request["folder"], len(samples), say)

        from avow.prover.systems.sumcheck.prove import prove
        from avow.verifier.tensor import parse_tensor

        inputs = [[parse_tensor(item) for item in sample] for sample in samples]
        root = bytes.fromhex(request["root"])
        proved = prove(prepared, root, inputs, lambda stage, _: say({"stage": stage}))
        return {
            "outputs": [[tensor.to_json() for tensor in sample] for sample in proved.outputs],
            "proof": b64encode(proved.proof).decode("ascii"),
            "openings": [opening.hex() for opening in proved.openings],
            "load_seconds": seconds,
            "stage_seconds": proved.seconds,
            "peak_rss_bytes": peak_rss(),
        }

    def _prepared(self, folder: str, batch: int, say: Say) -> "tuple[Prepared, float]":
        began = time.perf_counter()
        found = self._ready.pop((folder, batch), None)
        if found is None:
            say({"stage": "loading"})
            loaded = self._load(folder)

            from avow.prover.systems.sumcheck.prepared import prepare

            if batch > loaded.largest_batch:
                raise Refused(
                    f"the artifact holds up to {loaded.largest_batch} answers in one proof; "
                    f"avow compile --batch {batch} makes one that holds {batch}"
                )
            while len(self._ready) >= _KEPT:
                self._ready.popitem(last=False)
            powers = loaded.powers_for(batch)
            found = prepare(loaded.program, loaded.blobs, loaded.key, powers, batch)
        self._ready[folder, batch] = found
        return found, time.perf_counter() - began

    def _accelerated(self, folder: str) -> "FastExecutor | None":
        """The program on the GPU that AVOW_DEVICE asks for; None where it asks for none."""
        if self._device in ("", "cpu"):
            return None

        from avow.models.devices import PROCESSOR, Device
        from avow.models.program.placed import exact_provider, is_accelerated, placed

        device = Device(self._device)
        # AUTO goes without a GPU that computes inexactly; what takes place here is faster then.
        if not is_accelerated(device) or exact_provider(device) == PROCESSOR:
            return None
        found = self._executors.pop(folder, None)
        if found is None:
            while len(self._executors) >= _KEPT_ARTIFACTS:
                self._executors.popitem(last=False)
            loaded = self._load(folder)
            found = placed(loaded.program, loaded.blobs, device)
        self._executors[folder] = found
        return found

    def _load(self, folder: str) -> "Loaded":
        from avow.circuits.artifact import load_artifact
        from avow.circuits.sumcheck.artifact import load

        found = self._loaded.pop(folder, None)
        if found is None:
            while len(self._loaded) >= _KEPT_ARTIFACTS:
                self._loaded.popitem(last=False)
            found = load(load_artifact(Path(folder)))
        self._loaded[folder] = found
        return found


class Stages:
    """Passes what is said on, and keeps when each stage began, in Unix nanoseconds."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._began: list[tuple[str, int]] = []

    def __call__(self, value: dict[str, Any]) -> None:
        """Say it."""
        self._began.append((str(value["stage"]), time.time_ns()))
        self._say(value)

    def spans(self) -> list[dict[str, Any]]:
        """Every stage so far; each ends where the next one begins, the last one now."""
        ends = [at for _, at in self._began[1:]] + [time.time_ns()]
        return [
            {"name": name, "start": start, "end": end}
            for (name, start), end in zip(self._began, ends, strict=True)
        ]


def main() -> None:
    """Tie this process to its parent and serve until stdin ends or nothing comes for minutes."""
    die_with_parent()
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
    replies = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints must not look like a reply.
    os.dup2(2, 1)

    def say(value: dict[str, Any]) -> None:
        replies.write(json.dumps(value).encode("ascii") + b"\n")
        replies.flush()

    desk = Desk()
    while True:
        signal.alarm(_IDLE_SECONDS)
        line = sys.stdin.buffer.readline()
        signal.alarm(0)
        if not line:
            return
        request = json.loads(line)
        if request.get("traceparent"):
            stages = Stages(say)
            reply = serve(desk, request, stages)
            say({**reply, "spans": stages.spans(), "pid": os.getpid()})
        else:
            reply = serve(desk, request, say)
            say(reply)
        if "failed" in reply:
            # What went wrong may have left this process in any state.
            return


def serve(desk: Desk, request: dict[str, Any], say: Say) -> dict[str, Any]:
    """The reply to one request; no exception leaves this function."""
    from avow.circuits.errors import CircuitError
    from avow.models.errors import ModelError
    from avow.verifier.errors import VerificationError

    # RLIMIT_DATA counts what is really asked for, not address space set aside for threads.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (int(request["memory"]), hard))
    try:
        work = {"answer": desk.answer, "prove": desk.prove}[request["do"]]
        return work(request, say)
    except MemoryError:
        return {"failed": f"the work needs more than the {request['memory']} bytes it may use"}
    except (Refused, CircuitError, ModelError, VerificationError) as error:
        return {"refused": _line(error)}
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {_line(error)}"}


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:400]


if __name__ == "__main__":
    main()
