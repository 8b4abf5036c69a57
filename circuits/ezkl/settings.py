"""Choosing and reproducing the settings of an ezkl circuit."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from avow.circuits.errors import CircuitError, LimitExceeded, StepFailed
from avow.circuits.ezkl.child import Limits, Progress, run
from avow.circuits.files import read_file, write_file
from avow.verifier.errors import VerificationError
from avow.verifier.records import InputVisibility, WeightVisibility
from avow.verifier.systems.ezkl.settings import (
    MAX_SETTINGS_BYTES,
    Settings,
    encode_settings,
    parse_settings,
)

# How integers are cut up for range checks: (base, legs). A table of `base` rows is the least that
# a circuit takes, so small circuits want a small base and long ones few legs. Wider ones at the
# end are for models whose sums outgrow 30 bits. docs/decisions/0042.
DECOMPOSITIONS = ((1024, 3), (16384, 2), (16384, 3), (16384, 4))
_NARROW = 2
LARGE_LOGROWS = 15
SCALES = (10, 11, 12, 13, 14)
# Two columns of multiplication gates; more make longer proofs and dearer verifiers.
INNER_COLUMNS = 2

_INPUT_VISIBILITY = {InputVisibility.PUBLIC: "public", InputVisibility.HASHED: "hashed"}
_WEIGHT_VISIBILITY = {WeightVisibility.FIXED: "fixed", WeightVisibility.HASHED: "hashed"}

Watch = Callable[[Progress], None]


class Target(Enum):
    """What calibration prefers among the scales that work."""

    RESOURCES = "resources"
    ACCURACY = "accuracy"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller decides about a circuit; `scale` None lets calibration choose."""

    input: InputVisibility
    weights: WeightVisibility
    target: Target
    scale: int | None


def calibrated(
    graph: Path,
    rows: Path,
    wishes: Wishes,
    least_scale: int,
    limits: Limits,
    watch: Watch | None,
) -> bytes:
    """Normalised settings of the smallest circuit that fits the calibration rows.

    `least_scale` is the largest scale among the inputs: with fewer fractional bits the circuit
    could not represent one step of that input, so smaller scales are not tried.
    """
    scales = _scales(wishes.scale, least_scale)
    best: tuple[bytes, Settings] | None = None
    problem: StepFailed | None = None
    for at, decomposition in enumerate(DECOMPOSITIONS):
        if best is not None and (at >= _NARROW or best[1].logrows < LARGE_LOGROWS):
            break
        try:
            data = _calibrate(graph, rows, wishes, scales, decomposition, limits, watch)
        except LimitExceeded:
            raise
        except StepFailed as error:
            problem = error
            continue
        found = _parsed(data)
        if best is None or found.logrows <= best[1].logrows:
            best = data, found
    if best is None:
        raise CircuitError(f"no settings fit this model: {problem}")
    return best[0]


def regenerated(settings: bytes, graph: Path, folder: Path, limits: Limits) -> bytes:
    """The normalised settings that `graph` gives under the run arguments found in `settings`.

    Equal to `settings` unless they were made for another graph, or altered.
    """
    value = json.loads(settings)
    run_args = _as_arguments(value["run_args"])
    return _generate(graph, folder / "regenerated.json", run_args, limits)


def _scales(wish: int | None, least: int) -> list[int]:
    if wish is None:
        fitting = [scale for scale in SCALES if scale >= least]
        return fitting or [least]
    if not least <= wish <= 24:
        raise CircuitError(f"the circuit's scale must lie in [{least}, 24] here, got {wish}")
    return [wish]


def _calibrate(
    graph: Path,
    rows: Path,
    wishes: Wishes,
    scales: Sequence[int],
    decomposition: tuple[int, int],
    limits: Limits,
    watch: Watch | None,
) -> bytes:
    base, legs = decomposition
    raw = graph.with_name("calibrated.json")
    run_args: dict[str, Any] = {
        "input_visibility": _INPUT_VISIBILITY[wishes.input],
        "output_visibility": "public",
        "param_visibility": _WEIGHT_VISIBILITY[wishes.weights],
        "decomp_base": base,
        "decomp_legs": legs,
        "num_inner_cols": INNER_COLUMNS,
        "param_scale": scales[-1],
    }
    common = {"model": str(graph), "settings": str(raw)}
    run("gen_settings", common | {"run_args": run_args}, limits, watch)
    run(
        "calibrate",
        common
        | {
            "data": str(rows),
            "target": wishes.target.value,
            "scales": list(scales),
            "max_logrows": None,
        },
        limits,
        watch,
    )
    found = json.loads(read_file(raw, MAX_SETTINGS_BYTES))["run_args"]
    # Written again from the run arguments alone, so that anybody can reproduce them.
    return _generate(graph, raw, _as_arguments(found), limits)


def _generate(graph: Path, path: Path, run_args: dict[str, Any], limits: Limits) -> bytes:
    params = {"model": str(graph), "settings": str(path), "run_args": run_args}
    run("gen_settings", params, limits)
    data = encode_settings(json.loads(read_file(path, MAX_SETTINGS_BYTES)))
    _parsed(data)
    write_file(path, data)
    return data


def _as_arguments(run_args: dict[str, Any]) -> dict[str, Any]:
    names = (
        *("input_scale", "param_scale", "scale_rebase_multiplier", "lookup_range", "logrows"),
        *("num_inner_cols", "decomp_base", "decomp_legs"),
    )
    hashed = {key: isinstance(run_args[f"{key}_visibility"], dict) for key in ("input", "param")}
    return {name: run_args[name] for name in names} | {
        "input_visibility": "hashed" if hashed["input"] else "public",
        "param_visibility": "hashed" if hashed["param"] else "fixed",
        "output_visibility": "public",
    }


def _parsed(data: bytes) -> Settings:
    try:
        return parse_settings(data)
    except VerificationError as error:
        raise CircuitError(f"ezkl made settings that cannot be used: {error.message}") from error
