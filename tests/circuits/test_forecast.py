"""Forecasts beside what was measured: within 30 % on the kind of machine they were fitted to."""

import json
from functools import cache
from typing import Any

import pytest

from avow.circuits.ezkl import cost as ezkl
from avow.circuits.forecast import Forecast
from avow.circuits.sumcheck.cost import REFERENCE, THREADS
from avow.circuits.sumcheck.forecast import Machine, forecast
from avow.circuits.sumcheck.key import Draft, draft_key
from avow.circuits.sumcheck.plan import Target
from avow.models.bench.registry import bench_names
from avow.models.catalogue import resolve
from avow.models.compiler.stored import compile_stored
from avow.models.store import ModelStore, StoredModel
from avow.verifier.records import InputVisibility
from tests.circuits.sumcheck.small import HOME
from tests.conftest import ROOT
from tests.integration.picture_model import picture

MARK, ELSEWHERE = 0.30, 1.0
# Of a few milliseconds this much is the clock's and the file system's.
SLACK_SECONDS = 2e-3
REPORTS: list[dict[str, Any]] = json.loads((ROOT / "docs" / "proving.json").read_text("utf-8"))
COLUMNS = {
    "setup_s": "setup_seconds",
    "prove_s": "fresh_seconds",
    "prove_warm_s": "warm_seconds",
    "verify_s": "verify_seconds",
    "peak_rss_bytes": "memory_bytes",
    "proof_bytes": "proof_bytes",
    "key_bytes": "key_bytes",
    "verify_gas": "gas",
}


def stored(name: str) -> StoredModel:
    """A model in the tests' own store."""
    return resolve(ModelStore.at(HOME), name)


@cache
def draft(name: str) -> Draft:
    """A bench model's program at the width that a compilation takes."""
    compiled = compile_stored(stored(name), None)
    return draft_key(compiled.program, compiled.blobs)


@cache
def predicted(name: str, target: Target, where: Machine) -> Forecast:
    """The forecast of one proof; choosing its key takes seconds for a large model."""
    (found,) = forecast(draft(name), target, (1,), where)
    return found


@cache
def asked(name: str) -> Forecast:
    """What ezkl is predicted to take for a model, by what it counts itself."""
    return ezkl.forecast(stored(name), 2**40, InputVisibility.PUBLIC)


def rows(system: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every measured row of a system, with the machine that it was measured on."""
    return [
        (report["machine"], row)
        for report in REPORTS
        for row in report["rows"]
        if row["system"] == system
    ]


def compare(found: Forecast, row: dict[str, Any], within: float) -> None:
    """Every column that both have."""
    for column, name in COLUMNS.items():
        predicted, measured = getattr(found, name), row.get(column)
        if predicted is not None and measured is not None:
            slack = SLACK_SECONDS if column.endswith("_s") else 0
            off = abs(predicted - measured)
            what = f"{row['model']}, {row['system']}, {column}: {predicted} and {measured}"
            assert off <= within * measured + slack, what


@pytest.mark.parametrize("name", bench_names())
def test_sumcheck_takes_what_was_predicted(name: str) -> None:
    checked = 0
    for machine, row in rows("sumcheck/v1"):
        if row["model"] != name:
            continue
        target = Target(row.get("optimize", "time"))
        where = Machine(machine["native"], machine["cores"])
        found = predicted(name, target, where)
        same = (machine["native"], machine["cores"]) == (REFERENCE, THREADS)
        compare(found, row, MARK if same else ELSEWHERE)
        checked += 1
    assert checked


def test_ezkl_takes_what_was_predicted() -> None:
    measured = rows("ezkl/v1")
    assert measured
    for machine, row in measured:
        found = asked(row["model"])
        assert found.missing is None and found.beyond is None
        compare(found, row, MARK if machine["cores"] == THREADS else ELSEWHERE)


def test_the_rows_that_ezkl_took() -> None:
    # As calibration chose them.
    taken = {
        "tumour-risk": 11,
        "digits-mlp": 12,
        "digits-cnn": 13,
        "mlp-784-64-10": 15,
        "lstm-small": 17,
        "lenet5": 19,
    }
    assert {name: ezkl.count(stored(name)).logrows for name in taken} == taken


def test_the_sizes_that_ezkl_made() -> None:
    # Lengths of pk.key and of a proof, as made with ezkl 23.0.5.
    made = {
        "tumour-risk": (8_662_034, 3_072),
        "digits-mlp": (17_320_978, 3_072),
        "mlp-784-64-10": (138_479_371, 3_072),
        "lstm-small": (730_138_995, 4_192),
        "lenet5": (4_599_451_402, 4_032),
    }
    for name, (key_bytes, proof_bytes) in made.items():
        found = asked(name)
        assert found.key_bytes == pytest.approx(key_bytes, rel=0.01)
        assert (found.proof_bytes, found.hides) == (proof_bytes, "nothing")
    # docs/reference/ezkl-system.md, private and fixed.
    found = ezkl.forecast(stored("tumour-risk"), 2**40, InputVisibility.HASHED)
    assert found.key_bytes == pytest.approx(41.2e6, rel=0.01)
    assert (found.proof_bytes, found.hides) == (3_840, "input")


def test_what_ezkl_cannot_do_is_said() -> None:
    tall = ezkl.Count(2**22, 11, False, False)
    found = ezkl.predict(tall, 90, 2**34)
    assert found.memory_bytes is not None and found.memory_bytes > 2**34
    assert found.beyond is not None and "beyond this machine" in found.beyond
    wordy = ezkl.predict(ezkl.Count(2**12, 11, False, False, settings_bytes=2**19), 90, 2**34)
    assert wordy.beyond is not None and "settings of 524,288 bytes" in wordy.beyond


def test_a_batch_is_cheaper_for_each_answer_and_larger_in_all() -> None:
    alone, several = forecast(draft("lenet5"), Target.GAS, (1, 4), Machine())
    assert alone.gas is not None and several.gas is not None
    assert alone.gas < several.gas
    assert several.gas_per_answer is not None and several.gas_per_answer < alone.gas / 2
    assert alone.seconds is not None and several.seconds is not None
    assert alone.seconds < several.seconds < 8 * alone.seconds
    assert several.to_json()["gas_per_answer"] == several.gas_per_answer


def test_what_is_too_large_has_a_reason_instead_of_numbers() -> None:
    (found,) = forecast(draft("lenet5"), Target.TIME, (1024,), Machine())
    assert found.missing is not None
    assert (found.gas, found.seconds, found.proof_bytes, found.gas_per_answer) == (None,) * 4
    (small,) = forecast(draft("lenet5"), Target.TIME, (1,), Machine(memory_bytes=2**20))
    assert small.missing is not None and "predicted to need" in small.missing


def test_a_key_whose_blob_fits_no_contract_has_no_gas() -> None:
    found = predicted("transformer-4", Target.GAS, Machine())
    assert found.gas is None and found.proof_bytes is None
    assert found.missing is not None and "\n" not in found.missing
    assert "no contract can check its proofs: the key's blob has " in found.missing
    assert "a contract at most 24576" in found.missing
    found = predicted("transformer-4", Target.TIME, Machine())
    assert found.gas is None and found.proof_bytes is not None
    assert found.off_chain is not None and "layered" in found.off_chain


def test_what_reads_a_picture_has_no_gas_whatever_its_lookups() -> None:
    compiled = compile_stored(picture(), 8)
    reading = draft_key(compiled.program, compiled.blobs)
    shown = "a contract would have to be shown all of its inputs, which fit no transaction"
    (found,) = forecast(reading, Target.GAS, (1,), Machine())
    assert found.gas is None and found.missing == f"no contract can check its proofs: {shown}"
    (found,) = forecast(reading, Target.TIME, (1,), Machine())
    assert found.gas is None and found.proof_bytes is not None
    assert found.off_chain == shown
