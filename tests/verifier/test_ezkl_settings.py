"""Settings of an ezkl circuit are hostile until parsed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avow.verifier.errors import VerificationError
from avow.verifier.records import InputVisibility, WeightVisibility
from avow.verifier.systems.ezkl.settings import (
    MAX_SETTINGS_BYTES,
    encode_settings,
    parse_settings,
)

HASHED: dict[str, Any] = {"Hashed": {"hash_is_public": True, "outlets": []}}
# Settings as ezkl 23.0.5 writes them for a model of 2 inputs, without the einsum equations.
VALUE: dict[str, Any] = {
    "run_args": {
        "input_scale": 0,
        "param_scale": 13,
        "rebase_scale": None,
        "scale_rebase_multiplier": 1,
        "lookup_range": [0, 0],
        "logrows": 11,
        "num_inner_cols": 2,
        "variables": [["batch_size", 1]],
        "input_visibility": "Public",
        "output_visibility": "Public",
        "param_visibility": "Fixed",
        "rebase_frac_zero_constants": False,
        "check_mode": "UNSAFE",
        "decomp_base": 1024,
        "decomp_legs": 3,
        "bounded_log_lookup": False,
        "ignore_range_check_inputs_outputs": False,
        "epsilon": 2.220446049250313e-16,
        "disable_freivalds": False,
    },
    "num_rows": 642,
    "total_assignments": 1284,
    "total_const_size": 172,
    "total_dynamic_col_size": 0,
    "max_dynamic_input_len": 0,
    "num_dynamic_lookups": 0,
    "num_shuffles": 0,
    "total_shuffle_col_size": 0,
    "einsum_params": {"equations": [], "total_einsum_col_size": 0},
    "model_instance_shapes": [[1, 16], [1, 16], [1, 4]],
    "model_output_scales": [13],
    "model_input_scales": [0, 0],
    "module_sizes": {"polycommit": [], "poseidon": [0, [0]]},
    "required_lookups": [],
    "required_range_checks": [[-1, 1], [0, 1023]],
    "check_mode": "UNSAFE",
    "version": "23.0.5",
    "num_blinding_factors": None,
    "timestamp": 0,
    "input_types": ["Int", "Int"],
    "output_types": ["F32"],
}


def changed(path: str, value: Any) -> bytes:
    """The example in normal form, with one value replaced; `run_args.x` goes one level down."""
    copy = json.loads(json.dumps(VALUE))
    first, _, second = path.partition(".")
    if second:
        copy[first][second] = value
    else:
        copy[first] = value
    return encode_settings(copy)


def test_ezkl_s_settings_are_read() -> None:
    found = parse_settings(encode_settings(VALUE))
    assert found.input_visibility is InputVisibility.PUBLIC
    assert found.weight_visibility is WeightVisibility.FIXED
    assert found.logrows == 11
    assert found.instance_shapes == ((1, 16), (1, 16), (1, 4))
    assert found.output_scales == (13,)
    assert found.magnitude == 2**30 - 1


def test_normal_form_removes_what_changes_from_run_to_run() -> None:
    other = VALUE | {"timestamp": 1795215202161, "required_range_checks": [[0, 1023], [-1, 1]]}
    assert encode_settings(other) == encode_settings(VALUE)
    with pytest.raises(VerificationError, match="normal form"):
        parse_settings(json.dumps(VALUE).encode())
    with pytest.raises(VerificationError, match="normal form"):
        parse_settings(encode_settings(VALUE) + b"\n")


@pytest.mark.parametrize(
    ("path", "value", "match"),
    [
        ("version", "23.0.4", r"ezkl 23\.0\.5 expected"),
        ("run_args.ignore_range_check_inputs_outputs", True, "range checks off"),
        ("run_args.ignore_range_check_inputs_outputs", 0, "range checks off"),
        ("num_blinding_factors", 0, "blinding"),
        ("run_args.output_visibility", "Private", "do not publish the outputs"),
        ("run_args.input_visibility", "Private", "must be Public or a public hash"),
        ("run_args.input_visibility", "Fixed", "must be Public or a public hash"),
        ("run_args.param_visibility", "Private", "must be Fixed or a public hash"),
        (
            "run_args.param_visibility",
            {"Hashed": {"hash_is_public": False, "outlets": []}},
            "must be Fixed or a public hash",
        ),
        (
            "run_args.input_visibility",
            {"Hashed": {"hash_is_public": True, "outlets": [0]}},
            "must be Public or a public hash",
        ),
        ("run_args.input_visibility", HASHED, "does not publish its binding"),
        ("input_types", ["F32", "Int"], "not integers"),
        ("model_input_scales", [7, 0], "scales its inputs"),
        ("run_args.logrows", 0, "must lie in"),
        ("run_args.logrows", 27, "must lie in"),
        ("run_args.logrows", True, "must lie in"),
        ("run_args.decomp_base", 1, "must lie in"),
        ("run_args.decomp_legs", 10**9, "must lie in"),
        ("model_instance_shapes", [], "short list"),
        ("model_instance_shapes", [[2**21]], "no shape"),
        ("model_instance_shapes", [[2**20, 2**20]], "too large"),
        ("model_instance_shapes", [["a"]], "no shape"),
        ("model_output_scales", ["x"], "must lie in"),
        ("model_output_scales", [-1], "must lie in"),
        ("model_output_scales", [], "must be a list"),
    ],
)
def test_unsafe_or_absurd_settings_are_refused(path: str, value: Any, match: str) -> None:
    with pytest.raises(VerificationError, match=match):
        parse_settings(changed(path, value))


def test_every_key_is_needed_and_no_other_is_known() -> None:
    for where in (VALUE, VALUE["run_args"]):
        for key in where:
            copy = json.loads(json.dumps(VALUE))
            del (copy if where is VALUE else copy["run_args"])[key]
            with pytest.raises(VerificationError):
                parse_settings(json.dumps(copy, sort_keys=True, separators=(",", ":")).encode())
    for copy in ({**VALUE, "more": 1}, {**VALUE, "run_args": {**VALUE["run_args"], "more": 1}}):
        with pytest.raises(VerificationError, match="other keys"):
            parse_settings(encode_settings(copy))


def test_duplicates_and_odd_numbers_are_refused() -> None:
    text = encode_settings(VALUE).decode()
    for bad in (
        text.replace('{"check_mode":', '{"version":"23.0.5","check_mode":', 1),
        text.replace("2.220446049250313e-16", "NaN"),
        text.replace("2.220446049250313e-16", "Infinity"),
        text[:-1],
        "[]",
        "null",
        "[" * 100_000,
        "\x00",
        "\u00e9",
    ):
        with pytest.raises(VerificationError):
            parse_settings(bad.encode())
    with pytest.raises(VerificationError, match="too large"):
        parse_settings(b" " * (MAX_SETTINGS_BYTES + 1))


@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    with pytest.raises(VerificationError):
        parse_settings(data)


@given(
    st.sampled_from(sorted(VALUE)),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
        max_leaves=5,
    ),
)
def test_random_values_raise_nothing_else(key: str, value: Any) -> None:
    try:
        parse_settings(changed(key, value))
    except (VerificationError, ValueError):
        # ValueError: the example itself could not be written (NaN).
        pass
