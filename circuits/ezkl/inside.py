"""Runs in the child process: one ezkl step, its result written as JSON.

Usage: `python -m avow.circuits.ezkl.inside PARENT_PID` in a folder with request.json
({step, params, memory_bytes}); writes result.json ({value, seconds, peak_rss_bytes} or {error})
and, in long steps, note.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from avow.circuits.peak import peak_rss

Params = dict[str, Any]
_PR_SET_PDEATHSIG = 1
# The parameters that name the files which a step writes.
_WRITTEN = {
    "gen_settings": ("settings",),
    "calibrate": ("settings",),
    "compile_circuit": ("circuit",),
    "setup": ("vk", "pk"),
    "evm_verifier": ("sol",),
    "witness": ("witness",),
    "prove": ("proof",),
}


def gen_settings(params: Params) -> None:
    """Write the settings of a graph for the run arguments given."""
    import ezkl

    arguments = ezkl.PyRunArgs()
    for name, value in params["run_args"].items():
        # Unknown names would be set without effect.
        if not hasattr(arguments, name):
            raise ValueError(f"ezkl has no run argument {name!r}")
        setattr(arguments, name, tuple(value) if name == "lookup_range" else value)
    _done(ezkl.gen_settings(params["model"], params["settings"], arguments))


def calibrate(params: Params) -> None:
    """Let ezkl choose scale and size so that the calibration rows fit."""
    import ezkl

    _done(
        ezkl.calibrate_settings(
            *(params["data"], params["model"], params["settings"], params["target"]),
            lookup_safety_margin=2.0,
            scales=params["scales"],
            scale_rebase_multiplier=[1],
            max_logrows=params["max_logrows"],
        )
    )


def compile_circuit(params: Params) -> None:
    """Compile the graph under fixed settings."""
    import ezkl

    _done(ezkl.compile_circuit(params["model"], params["circuit"], params["settings"]))


def setup(params: Params) -> None:
    """Make proving and verifying key."""
    import ezkl

    _done(
        ezkl.setup(
            *(params["circuit"], params["vk"], params["pk"], params["srs"]),
            witness_path=None,
            disable_selector_compression=False,
        )
    )


def evm_verifier(params: Params) -> None:
    """Write the Solidity verifier; ezkl's own attempt to compile it afterwards is not used."""
    # Here, since no other step needs it and its import takes longer than most steps.
    import asyncio

    import ezkl

    source = Path(params["sol"])
    source.unlink(missing_ok=True)

    async def create() -> None:
        await ezkl.create_evm_verifier(
            params["vk"], params["settings"], params["sol"], params["abi"], params["srs"], False
        )

    try:
        asyncio.run(create())
    except RuntimeError as error:
        # It wants a native solc that it would download; the source is written before that.
        if "svm" not in str(error) and "solc" not in str(error):
            raise
    if not source.is_file() or "function verifyProof" not in source.read_text(encoding="utf-8"):
        raise RuntimeError("ezkl wrote no Solidity verifier")


def witness(params: Params) -> dict[str, Any]:
    """Run the circuit on one input and keep the witness for proving; returns what it computed."""
    import ezkl

    found = ezkl.gen_witness(params["input"], params["circuit"], params["witness"], None, None)
    # ezkl ignores errors of its last write: a full disk would leave a cut file without a word.
    try:
        json.loads(Path(params["witness"]).read_bytes())
    except ValueError as error:
        raise OSError("the witness was not written whole: is the disk full?") from error
    return _computed(found)


def outputs(params: Params) -> list[list[list[str]] | None]:
    """The circuit's own outputs for many inputs: per row, per output, ezkl's hexadecimal.

    None for a row that ezkl cannot run.
    """
    rows: list[list[list[str]] | None] = []
    with open(params["rows"], encoding="ascii") as stream:
        lines = stream.readlines()
    for at, line in enumerate(lines):
        Path("input.json").write_text(line, encoding="ascii")
        try:
            rows.append(_row_outputs(params["circuit"]))
        except RuntimeError:
            rows.append(None)
        _note(f"row {at + 1} of {len(lines)}")
    return rows


def prove(params: Params) -> dict[str, Any]:
    """Prove a witness. ezkl does not look at what it returns: check the proof before using it."""
    import ezkl

    ezkl.prove(params["witness"], params["circuit"], params["pk"], params["proof"], params["srs"])
    with open(params["proof"], encoding="utf-8") as stream:
        written = json.load(stream)
    return {"instances": written["instances"], "proof": bytes(written["proof"]).hex()}


def verify(params: Params) -> None:
    """Raise unless ezkl accepts the proof file."""
    import ezkl

    _done(ezkl.verify(params["proof"], params["settings"], params["vk"], params["srs"], False))


def poseidon(params: Params) -> list[str]:
    """The Poseidon hash that circuits compute, over ezkl's hexadecimal field elements."""
    import ezkl

    return list(ezkl.poseidon_hash(params["message"]))


def version(params: Params) -> str:
    """The installed ezkl package's version."""
    from importlib import metadata

    return metadata.version("ezkl")


def spin(params: Params) -> None:
    """Allocate and wait: lets tests and operators see that the limits hold."""
    held = bytearray(params["bytes"])
    time.sleep(params["seconds"])
    del held


STEPS: dict[str, Callable[[Params], Any]] = {
    step.__name__: step
    for step in (
        gen_settings,
        calibrate,
        compile_circuit,
        setup,
        evm_verifier,
        witness,
        outputs,
        prove,
        verify,
        poseidon,
        version,
        spin,
    )
}


def _computed(found: dict[str, Any]) -> dict[str, Any]:
    def hashes(key: str) -> list[str]:
        processed = found.get(key) or {}
        return list(processed.get("poseidon_hash") or [])

    return {
        "outputs": found["outputs"],
        "input_hashes": hashes("processed_inputs"),
        "weight_hashes": hashes("processed_params"),
    }


def _row_outputs(circuit: str) -> list[list[str]]:
    import ezkl

    found: dict[str, Any] = ezkl.gen_witness("input.json", circuit, None, None, None)
    return list(found["outputs"])


def _done(outcome: object) -> None:
    if outcome is not True:
        raise RuntimeError(f"ezkl answered {outcome!r} instead of True")


def _probe_disk(written: list[str]) -> None:
    # ezkl does not report a failed last write. If the disk was full then, it still is.
    for folder in {Path(path).parent for path in written}:
        probe = folder / f".probe-{os.getpid()}"
        try:
            with probe.open("wb") as stream:
                stream.write(bytes(2**16))
                stream.flush()
                os.fsync(stream.fileno())
        finally:
            probe.unlink(missing_ok=True)


def _note(text: str) -> None:
    Path("note.new").write_text(text, encoding="utf-8")
    os.replace("note.new", "note")


def main() -> None:
    """Tie this process to its parent, set the limits, run the step, write the result."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
    request = json.loads(Path("request.json").read_bytes())
    # RLIMIT_DATA counts what is really asked for, not address space set aside for threads.
    resource.setrlimit(resource.RLIMIT_DATA, (request["memory_bytes"],) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A write beyond a file size limit then fails with a message instead of a signal.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    began = time.monotonic()
    document: dict[str, Any]
    try:
        value = STEPS[request["step"]](request["params"])
        _probe_disk([request["params"][name] for name in _WRITTEN.get(request["step"], ())])
        document = {
            "value": value,
            "seconds": round(time.monotonic() - began, 4),
            "peak_rss_bytes": peak_rss(),
        }
    except ModuleNotFoundError:
        document = {"error": "the ezkl package is not installed: pip install 'avow[ezkl]'"}
    except MemoryError:
        print("MemoryError", file=sys.stderr)
        sys.exit(1)
    except BaseException as error:
        # Rust panics arrive as BaseException.
        reason = " ".join(str(error).split())[:400]
        document = {"error": reason or type(error).__name__}
    with open("result.new", "w", encoding="utf-8") as stream:
        json.dump(document, stream)
    os.replace("result.new", "result.json")
    # ezkl's async runtime can abort an interpreter that finalises around it.
    os._exit(0)


if __name__ == "__main__":
    main()
