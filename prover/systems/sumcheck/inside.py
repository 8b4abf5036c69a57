"""Runs in the child process: answers and proves one request after the other.

Usage: `python -m avow.prover.systems.sumcheck.inside PARENT_PID`. A request is a line of JSON on
stdin: {do, folder, inputs, root, memory}; `do` is `answer` or `prove`. Lines of JSON on stdout:
{stage} while it works, then the reply, {refused} or {failed}.
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
    from avow.prover.systems.sumcheck.prepared import Prepared

# Artifacts that stay ready; each holds its key's integers and the powers of tau.
_KEPT = 2
_IDLE_SECONDS = 300

Say = Callable[[dict[str, Any]], None]


class Desk:
    """The artifacts that this process has made ready, the last used ones."""

    def __init__(self) -> None:
        self._ready: OrderedDict[str, Prepared] = OrderedDict()

    def answer(self, request: dict[str, Any], say: Say) -> dict[str, Any]:
        """The program's own output."""
        import numpy as np

        from avow.verifier.tensor import Tensor, parse_tensor

        prepared, seconds = self._prepared(request["folder"], say)
        say({"stage": "running"})
        inputs = [parse_tensor(item) for item in request["inputs"]]
        arrays = [np.array(one.values, np.int64).reshape(1, *one.shape) for one in inputs]
        trace = prepared.runner.trace(arrays)
        outputs = [
            Tensor(spec.element_type, spec.shape, tuple(trace[output.tensor].reshape(-1).tolist()))
            for spec, output in zip(prepared.outputs, prepared.program.outputs, strict=True)
        ]
        return {"outputs": [tensor.to_json() for tensor in outputs], "load_seconds": seconds}

    def prove(self, request: dict[str, Any], say: Say) -> dict[str, Any]:
        """The output, the proof, how long each stage took, and the peak of resident memory."""
        forget_peak()
        prepared, seconds = self._prepared(request["folder"], say)

        from avow.prover.systems.sumcheck.prove import prove
        from avow.verifier.tensor import parse_tensor

        inputs = [parse_tensor(item) for item in request["inputs"]]
        root = bytes.fromhex(request["root"])
        proved = prove(prepared, root, [inputs], lambda stage, _: say({"stage": stage}))
        (outputs,) = proved.outputs
        return {
            "outputs": [tensor.to_json() for tensor in outputs],
            "proof": b64encode(proved.proof).decode("ascii"),
            "load_seconds": seconds,
            "stage_seconds": proved.seconds,
            "peak_rss_bytes": peak_rss(),
        }

    def _prepared(self, folder: str, say: Say) -> "tuple[Prepared, float]":
        from avow.circuits.artifact import load_artifact

        began = time.perf_counter()
        found = self._ready.pop(folder, None)
        if found is None:
            say({"stage": "loading"})
            while len(self._ready) >= _KEPT:
                self._ready.popitem(last=False)
            artifact = load_artifact(Path(folder))

            from avow.circuits.sumcheck.artifact import load
            from avow.prover.systems.sumcheck.prepared import prepare

            loaded = load(artifact)
            found = prepare(loaded.program, loaded.blobs, loaded.key, loaded.powers)
        self._ready[folder] = found
        return found, time.perf_counter() - began


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
        reply = serve(desk, json.loads(line), say)
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
