"""Compiling for `sumcheck/v1`: what is made, kept, chosen and refused."""

from pathlib import Path

import pytest

from avow.circuits.artifact import load_artifact
from avow.circuits.errors import CircuitError
from avow.circuits.srs import inspect
from avow.circuits.srs_choice import PinnedSrs
from avow.circuits.sumcheck.artifact import load
from avow.circuits.sumcheck.blob import blob
from avow.circuits.sumcheck.compile import compile_model
from avow.circuits.sumcheck.record import build_record, equations, observed
from avow.models.programs import kept_program
from avow.verifier.keccak import keccak256
from avow.verifier.policy import Policy
from avow.verifier.program.program import output_specs
from avow.verifier.records import InputVisibility, WeightVisibility
from avow.verifier.verdict import Assurance, Hides
from avow.verifier.verify import verify
from tests.circuits.sumcheck.small import (
    CURVE,
    HOME,
    bundle,
    compiled,
    inputs,
    options,
    silent,
    stored,
)
from tests.circuits.test_srs import HERMEZ


def test_a_record_says_what_was_made() -> None:
    made = compiled()
    record, loaded = made.artifact.record, load(made.artifact)
    assert record.model == stored().digest
    assert record.system == "sumcheck/v1"
    assert record.program == loaded.program.digest()
    assert record.key == loaded.key.digest()
    assert record.outputs == output_specs(loaded.program, loaded.key.bounds())
    assert (record.input_visibility, record.weight_visibility) == (
        InputVisibility.PUBLIC,
        WeightVisibility.FIXED,
    )
    assert record.srs is not None
    assert not record.srs.safe
    assert record.evm_codehash == keccak256(blob(loaded.key))
    assert record.proving_memory_bytes == made.plan.cost.memory_bytes
    kept = kept_program(HOME, stored().digest)
    assert kept is not None
    assert record.fidelity.rows == kept.report["fidelity"]["rows"]
    assert float(record.fidelity.max_error) >= kept.report["fidelity"]["max_error"]
    assert observed(record) == (kept.report["bits"], tuple(kept.report["observed"]))
    assert record.constraints == equations(loaded.key.relation(1)) > 0


def test_its_proof_is_accepted_and_weighs_what_was_predicted() -> None:
    made = compiled()
    answer = bundle(made, inputs())
    verdict = verify(answer.encode(), Policy(unsafe_allow_unsafe_srs=True))
    assert verdict.assurance is Assurance.PROVEN
    assert verdict.hides is Hides.NONE
    assert isinstance(answer.proof, dict)
    assert len(str(answer.proof["data"])) == -(-made.plan.cost.proof_bytes // 3) * 4


def test_compiling_again_keeps_what_is_there(tmp_path: Path) -> None:
    said: list[tuple[str, str]] = []
    first = compiled()
    again = compile_model(
        stored(), HOME, options(), HOME / "artifacts", lambda *step: said.append(step)
    )
    assert again.artifact == first.artifact
    assert ("program", "kept") in said
    assert said[-1] == ("artifact", "kept")
    # Elsewhere, and from the beginning: the same bytes.
    other = compile_model(stored(), HOME, options(force=True), tmp_path / "artifacts", silent)
    assert other.artifact.record == first.artifact.record
    for path in first.artifact.folder.rglob("*"):
        if path.is_file():
            twin = other.artifact.folder / path.relative_to(first.artifact.folder)
            assert twin.read_bytes() == path.read_bytes(), path
    assert not list((tmp_path / "artifacts").glob(".building-*/*.json"))


def test_a_damaged_artifact_is_made_anew(tmp_path: Path) -> None:
    made = compile_model(stored(), HOME, options(), tmp_path / "artifacts", silent)
    key = made.artifact.folder / "key.json"
    key.write_bytes(key.read_bytes()[:-1])
    again = compile_model(stored(), HOME, options(), tmp_path / "artifacts", silent)
    assert load(again.artifact) == load(compiled().artifact)


def test_given_parameters_are_taken(tmp_path: Path) -> None:
    made = compile_model(
        stored(), HOME, options(width=11, logrows=7), tmp_path / "artifacts", silent
    )
    key = load(made.artifact).key
    assert (key.width, key.logrows) == (11, 7)
    verify(bundle(made, inputs()).encode(), Policy(unsafe_allow_unsafe_srs=True))


def test_other_bits_are_another_program(tmp_path: Path) -> None:
    made = compile_model(stored(), HOME, options(bits=12), tmp_path / "artifacts", silent)
    assert made.artifact.record.program != compiled().artifact.record.program
    assert observed(made.artifact.record)[0] == 12
    # The note says which one the model has: without wishes it is the last one.
    last = compile_model(stored(), HOME, options(bits=None), tmp_path / "artifacts", silent)
    assert last.artifact == made.artifact
    compile_model(stored(), HOME, options(), tmp_path / "artifacts", silent)


def test_a_pinned_string_bounds_the_rows(tmp_path: Path) -> None:
    srs = PinnedSrs(HERMEZ, inspect(HERMEZ).sha256)
    with pytest.raises(CircuitError, match=r"2\^5 powers is too short for this program"):
        compile_model(stored("lenet5"), HOME, options(srs=srs), tmp_path / "artifacts", silent)
    with pytest.raises(CircuitError, match="is another file"):
        compile_model(
            stored(),
            HOME,
            options(srs=PinnedSrs(HERMEZ, bytes(32)), logrows=5),
            tmp_path / "artifacts",
            silent,
        )


def test_too_little_memory_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match=r"predicted to need \d+ MiB .* 16 MiB may be used"):
        compile_model(stored(), HOME, options(memory_bytes=2**24), tmp_path / "artifacts", silent)
    assert not [path for path in (tmp_path / "artifacts").iterdir() if path.name[0] != "."]


def test_a_record_without_held_out_rows_or_with_too_many_answers() -> None:
    made = compiled()
    key = load(made.artifact).key
    report = {"fidelity": None, "bits": 8, "observed": list(range(3000))}
    record = build_record(stored().record, key, report, False, 1)
    assert record.fidelity.rows == 0
    assert not record.fidelity.sufficient
    with pytest.raises(CircuitError, match="lacks the detail 'observed'"):
        observed(record)


def test_the_artifact_is_found_by_its_digest() -> None:
    folder = compiled().artifact.folder
    assert folder.name == compiled().artifact.record.digest().hex()
    assert load_artifact(folder) == compiled().artifact
    assert CURVE.multiples(b"") == b""
