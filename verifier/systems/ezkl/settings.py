"""The settings of an ezkl circuit: hostile bytes in, the few facts that the verifier needs out."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from avow.verifier.canonical import check_nesting
from avow.verifier.errors import VerificationError
from avow.verifier.records import InputVisibility, WeightVisibility
from avow.verifier.systems.ezkl.version import EZKL_VERSION

SYSTEM_ID = "ezkl/v1"
MAX_SETTINGS_BYTES = 256 * 2**10
MAX_LOGROWS = 26

_KEYS = {
    "run_args", "num_rows", "total_assignments", "total_const_size", "total_dynamic_col_size",
    "max_dynamic_input_len", "num_dynamic_lookups", "num_shuffles", "total_shuffle_col_size",
    "einsum_params", "model_instance_shapes", "model_output_scales", "model_input_scales",
    "module_sizes", "required_lookups", "required_range_checks", "check_mode", "version",
    "num_blinding_factors", "timestamp", "input_types", "output_types",
}  # fmt: skip
_RUN_ARGS = {
    "input_scale", "param_scale", "rebase_scale", "scale_rebase_multiplier", "lookup_range",
    "logrows", "num_inner_cols", "variables", "input_visibility", "output_visibility",
    "param_visibility", "rebase_frac_zero_constants", "check_mode", "decomp_base", "decomp_legs",
    "bounded_log_lookup", "ignore_range_check_inputs_outputs", "epsilon", "disable_freivalds",
}  # fmt: skip
_HASHED = {"Hashed": {"hash_is_public": True, "outlets": []}}


@dataclass(frozen=True, slots=True)
class Settings:
    """What settings say that matters to a verdict.

    `output_scales` are those of the model's own outputs; `magnitude` bounds the absolute value of
    every range-checked integer of the circuit, hence of its inputs and outputs.
    """

    input_visibility: InputVisibility
    weight_visibility: WeightVisibility
    logrows: int
    instance_shapes: tuple[tuple[int, ...], ...]
    output_scales: tuple[int, ...]
    magnitude: int


def parse_settings(data: bytes) -> Settings:
    """Read normalised settings; refuses other spellings, unknown keys and unsafe choices.

    Normalised means: keys sorted, no spaces, no timestamp, lookups and range checks sorted. ezkl
    writes them in another order each time, and the order changes the key.
    """
    value = _load(data)
    _exactly(value, _KEYS, "settings")
    run_args = value["run_args"]
    _exactly(run_args, _RUN_ARGS, "settings.run_args")
    if encode_settings(value) != data:
        raise VerificationError("proof", "the settings are not in normal form")
    _safe(value, run_args)
    weights = _visibility(run_args, "param_visibility", "Fixed")
    hidden = _visibility(run_args, "input_visibility", "Public")
    base = _integer(run_args, "decomp_base", 2, 2**20)
    legs = _integer(run_args, "decomp_legs", 1, 32)
    return Settings(
        input_visibility=InputVisibility.HASHED if hidden else InputVisibility.PUBLIC,
        weight_visibility=WeightVisibility.HASHED if weights else WeightVisibility.FIXED,
        logrows=_integer(run_args, "logrows", 1, MAX_LOGROWS),
        instance_shapes=_shapes(value["model_instance_shapes"]),
        output_scales=_output_scales(value, hidden),
        magnitude=base**legs - 1,
    )


def encode_settings(value: Mapping[str, Any]) -> bytes:
    """The normal form of settings that ezkl wrote."""
    normal = dict(value) | {"timestamp": 0}
    for key in ("required_lookups", "required_range_checks"):
        if not isinstance(normal.get(key), list):
            raise VerificationError("proof", f"settings.{key} must be a list")
        normal[key] = sorted(normal[key], key=_dump)
    return _dump(normal).encode("ascii")


def _dump(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _load(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_SETTINGS_BYTES:
        raise VerificationError("proof", f"settings of {len(data)} bytes are too large")
    check_nesting(data, "settings")
    try:
        value = json.loads(
            data.decode("ascii"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise VerificationError("proof", "the settings are not JSON") from error
    if not isinstance(value, dict):
        raise VerificationError("proof", "the settings must be an object")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise VerificationError("proof", "the settings name a key twice")
    return result


def _no_constant(text: str) -> NoReturn:
    raise VerificationError("proof", f"the settings hold {text}")


def _exactly(value: object, keys: set[str], what: str) -> None:
    if not isinstance(value, dict) or value.keys() != keys:
        found = sorted(value.keys() ^ keys)[:3] if isinstance(value, dict) else type(value).__name__
        raise VerificationError(
            "proof", f"{what} of ezkl {EZKL_VERSION} have other keys than these: {found}"
        )


def _safe(value: dict[str, Any], run_args: dict[str, Any]) -> None:
    if value["version"] != EZKL_VERSION:
        raise VerificationError(
            "proof", f"settings of ezkl {EZKL_VERSION} expected, got {str(value['version'])[:20]!r}"
        )
    # Without range checks the prover may choose wrong quotients; without blinding nothing hides.
    if run_args["ignore_range_check_inputs_outputs"] is not False:
        raise VerificationError("proof", "the settings switch range checks off")
    if value["num_blinding_factors"] is not None:
        raise VerificationError("proof", "the settings change the number of blinding factors")
    if run_args["output_visibility"] != "Public":
        raise VerificationError("proof", "the settings do not publish the outputs")
    if set(map(str, _list(value, "input_types"))) != {"Int"}:
        raise VerificationError("proof", "the circuit's inputs are not integers")
    if any(scale != 0 for scale in _list(value, "model_input_scales")):
        raise VerificationError("proof", "the circuit scales its inputs")


def _visibility(run_args: dict[str, Any], key: str, shown: str) -> bool:
    if run_args[key] == shown:
        return False
    if run_args[key] == _HASHED:
        return True
    raise VerificationError("proof", f"settings.run_args.{key} must be {shown} or a public hash")


def _integer(value: dict[str, Any], key: str, low: int, high: int) -> int:
    number = value[key]
    if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
        raise VerificationError("proof", f"settings.{key} must lie in [{low}, {high}]")
    return number


def _list(value: dict[str, Any], key: str) -> list[Any]:
    items = value[key]
    if not isinstance(items, list) or not 1 <= len(items) <= 64:
        raise VerificationError("proof", f"settings.{key} must be a list of 1 to 64 items")
    return items


def _shapes(value: object) -> tuple[tuple[int, ...], ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= 64:
        raise VerificationError("proof", "settings.model_instance_shapes must be a short list")
    shapes = []
    for shape in value:
        if not isinstance(shape, list) or len(shape) > 8 or not all(map(_is_dimension, shape)):
            raise VerificationError("proof", "settings.model_instance_shapes holds no shape")
        shapes.append(tuple(shape))
    if sum(math.prod(shape) for shape in shapes) > 2**20:
        raise VerificationError("proof", "settings.model_instance_shapes are too large")
    return tuple(shapes)


def _is_dimension(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 2**20


def _output_scales(value: dict[str, Any], hidden: bool) -> tuple[int, ...]:
    scales = _list(value, "model_output_scales")
    kinds = _list(value, "output_types")
    if not all(isinstance(scale, int) and 0 <= scale <= 60 for scale in scales):
        raise VerificationError("proof", "settings.model_output_scales must lie in [0, 60]")
    if hidden:
        # The last output repeats the binding: an integer, never scaled.
        if len(scales) < 2 or scales[-1] != 0 or kinds[-1] != "Int":
            raise VerificationError("proof", "the circuit does not publish its binding")
        scales = scales[:-1]
    return tuple(int(scale) for scale in scales)
