"""Compiling for `sumcheck/v1`: what is made, kept, chosen and refused."""

from pathlib import Path

import pytest

from avow.circuits.artifact import load_artifact
from avow.circuits.details import observed
from avow.circuits.errors import CircuitError
from avow.circuits.srs import generate, inspect
from avow.circuits.srs_choice import PinnedSrs
from avow.circuits.sumcheck.artifact import load
from avow.circuits.sumcheck.blob import blob
from avow.circuits.sumcheck.compile import BATCH, compile_model
from avow.circuits.sumcheck.record import build_record, equations
from avow.models.programs import kept_program
from avow.verifier.keccak import keccak256
from avow.verifier.policy import Policy
from avow.verifier.program.program import output_specs
from avow.verifier.records import InputVisibility, WeightVisibility
from avow.verifier.systems.sumcheck.key import LAYERED
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


def test_lookups_are_layered_if_asked(tmp_path: Path) -> None:
    made = compile_model(stored(), HOME, options(lookups=LAYERED), tmp_path / "artifacts", silent)
    assert (made.plan.lookups, load(made.artifact).key.lookups) == (LAYERED, LAYERED)
    answer = bundle(made, inputs())
    verify(answer.encode(), Policy(unsafe_allow_unsafe_srs=True))
    assert isinstance(answer.proof, dict)
    assert len(str(answer.proof["data"])) == -(-made.plan.cost.proof_bytes // 3) * 4


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


def test_powers_last_for_the_batch_that_was_asked_for(tmp_path: Path) -> None:
    usual = load(compiled().artifact)
    assert compiled().batch == usual.largest_batch == BATCH
    assert 64 * usual.points == BATCH * len(usual.powers)
    assert usual.powers_for(3) == usual.powers_for(4)
    assert usual.powers_for(4)[: len(usual.powers)] == usual.powers
    for asked, holds in ((1, 1), (5, 8), (64, 64)):
        made = compile_model(stored(), HOME, options(batch=asked), tmp_path / str(asked), silent)
        assert made.batch == load(made.artifact).largest_batch == holds
        # The plan does not depend on it.
        assert made.plan == compiled().plan


def test_a_larger_batch_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "given.srs"
    generate(path, compiled().plan.logrows + 3, CURVE)
    srs = PinnedSrs(path, inspect(path).sha256)
    folder = tmp_path / "artifacts"
    first = compile_model(stored(), HOME, options(srs=srs, batch=2), folder, silent)
    assert first.fresh and first.batch == 2
    # The same key and record; only the powers are more.
    second = compile_model(stored(), HOME, options(srs=srs, batch=8), folder, silent)
    assert second.fresh and load(second.artifact).largest_batch == 8
    assert second.artifact.record == first.artifact.record
    third = compile_model(stored(), HOME, options(srs=srs, batch=2), folder, silent)
    assert not third.fresh and load(third.artifact).largest_batch == 8
    # What a string has no room for is left out, unless it was asked for.
    usual = compile_model(stored(), HOME, options(srs=srs), folder, silent)
    assert usual.batch == 8
    with pytest.raises(CircuitError, match="batches of 9: that needs 2"):
        compile_model(stored(), HOME, options(srs=srs, batch=9), folder, silent)


def test_a_batch_that_cannot_be_is_refused(tmp_path: Path) -> None:
    for changes, message in (
        ({"batch": 2**10, "logrows": 12}, "that needs 2^22 powers, at most 2^20 can be used"),
        ({"batch": 64, "memory_bytes": compiled().plan.cost.memory_bytes}, "MiB may be used"),
    ):
        with pytest.raises(CircuitError) as caught:
            compile_model(stored(), HOME, options(**changes), tmp_path / "none", silent)
        assert message in str(caught.value)
