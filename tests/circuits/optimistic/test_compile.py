"""Artifacts of `optimistic/v1`: made, found again, checked against the ONNX file, refused."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import onnx
import pytest
from onnx import numpy_helper

from avow.circuits.artifact import load_artifact
from avow.circuits.errors import CircuitError
from avow.circuits.optimistic import compile as compiling
from avow.circuits.optimistic import heaviest
from avow.circuits.optimistic.artifact import load
from avow.circuits.optimistic.compile import SHOWN_BYTES, Made, Options, compile_model, draft
from avow.circuits.optimistic.recheck import recheck
from avow.models.catalogue import add_zoo_model
from avow.models.load import Model, parse_model
from avow.models.store import ModelStore, StoredModel
from avow.verifier.limits import LIMITS
from avow.verifier.records import SystemRecord
from avow.verifier.systems.optimistic.claim import MATERIAL_BYTES, TENSOR_BYTES
from avow.verifier.trace.layout import LARGEST_SHOWN
from tests.programs.claims import every_case


@dataclasses.dataclass(frozen=True)
class Place:
    """A home with one compiled model."""

    home: Path
    stored: StoredModel
    made: Made

    def compile(self, **options: object) -> tuple[Made, list[tuple[str, str]]]:
        """Compile again; what was made and what was said."""
        said: list[tuple[str, str]] = []
        chosen = Options(**options)  # type: ignore[arg-type]
        made = compile_model(
            self.stored,
            self.home,
            chosen,
            self.home / "artifacts",
            lambda step, what: said.append((step, what)),
        )
        return made, said


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """The smallest model of the zoo, compiled."""
    home = Path(mkdtemp(prefix="avow-optimistic-"))
    stored = add_zoo_model(ModelStore.at(home), "digits-mlp").stored
    made = compile_model(stored, home, Options(), home / "artifacts", lambda step, what: None)
    yield Place(home, stored, made)
    shutil.rmtree(home, ignore_errors=True)


def test_the_record_names_program_key_and_window_and_no_string(place: Place) -> None:
    record, loaded = place.made.artifact.record, load(place.made.artifact)
    assert place.made.fresh
    assert record.system == "optimistic/v1" and record.srs is None
    assert (record.program, record.key) == (loaded.program.digest(), loaded.key.digest)
    assert record.detail("window") == "3600" and loaded.window == 3600
    assert record.fidelity.rows == 400


def test_it_is_found_again_and_another_window_is_another_record(place: Place) -> None:
    again, said = place.compile()
    assert not again.fresh and ("artifact", "kept") in said
    assert again.artifact == place.made.artifact
    longer, _ = place.compile(window=7200)
    assert longer.fresh and longer.artifact.record.key == again.artifact.record.key
    assert longer.artifact.record.digest() != again.artifact.record.digest()


def test_a_damaged_artifact_is_refused_and_made_again(place: Place) -> None:
    made, _ = place.compile(window=600)
    program = made.artifact.path("program.json")
    program.write_bytes(program.read_bytes()[:-1])
    with pytest.raises(CircuitError, match=r"program\.json was altered"):
        load_artifact(made.artifact.folder)
    again, _ = place.compile(window=600)
    assert again.fresh and load(again.artifact).window == 600


def test_what_fits_no_bundle_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    run = every_case().run
    assert draft(run.program, list(run.blobs)).key.digest == run.key.digest
    monkeypatch.setattr(compiling, "TENSOR_BYTES", 10)
    with pytest.raises(CircuitError, match=r"tensors of a run have .* bytes"):
        draft(run.program, list(run.blobs))
    monkeypatch.setattr(compiling, "MATERIAL_BYTES", 10)
    with pytest.raises(CircuitError, match=r"program and constants have .* bytes"):
        draft(run.program, list(run.blobs))


def test_inputs_that_leave_a_bundle_no_room_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who locks an order for such a run could not deliver it: a bundle shows inputs and tensors."""
    run = every_case().run
    tensors = sum(one.result.size for one in run.key.descriptors)
    inputs = sum(len(one.data()) for one in run.inputs)
    material = len(run.program.encode()) + sum(len(blob.data) for blob in run.blobs)
    monkeypatch.setattr(compiling, "SHOWN_BYTES", material + tensors + inputs)
    assert draft(run.program, list(run.blobs)).key.digest == run.key.digest
    monkeypatch.setattr(compiling, "SHOWN_BYTES", material + tensors + inputs - 1)
    with pytest.raises(CircuitError, match=r"the tensors of a run and its inputs have"):
        draft(run.program, list(run.blobs))


def test_what_may_be_shown_fits_a_bundle() -> None:
    """As base64, beside two records, a statement and outputs; and with inputs that are small, what
    was compiled before still does."""
    assert LIMITS.bundle_bytes - 4 * SHOWN_BYTES // 3 > 4 * LIMITS.record_bytes
    assert MATERIAL_BYTES + TENSOR_BYTES + LIMITS.tensors * LARGEST_SHOWN < SHOWN_BYTES


def differing(
    place: Place, model: Model | None = None, record: SystemRecord | None = None
) -> set[str]:
    """What differs when the model is compiled again."""
    found = recheck(
        model or place.stored.model(),
        place.stored.record,
        record or place.made.artifact.record,
        lambda line: None,
    )
    assert {"ONNX SHA-256", "program"} <= {one.what for one in found}
    return {one.what for one in found if not one.equal}


def test_the_onnx_file_shows_whose_key_it_is(place: Place) -> None:
    record = place.made.artifact.record
    assert differing(place) == set()
    assert differing(place, record=dataclasses.replace(record, key=bytes(32))) == {"key"}
    proto = onnx.load_model_from_string(place.stored.model().data)
    weights = proto.graph.initializer[0]
    array = numpy_helper.to_array(weights).copy()
    array.reshape(-1)[abs(array).argmax()] *= -1
    weights.CopyFrom(numpy_helper.from_array(array, weights.name))
    other = parse_model(proto.SerializeToString(), "other.onnx")
    assert {"ONNX SHA-256", "program", "key"} <= differing(place, other)


def test_a_check_of_the_model_asks_whether_its_elements_can_be_refuted(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner need not compile with the rule: those who recompute the record have to see it."""
    monkeypatch.setattr(heaviest, "MOST_GAS", place.made.heaviest.gas - 1)
    assert differing(place) == {"every element can be refuted"}
    found = recheck(
        place.stored.model(), place.stored.record, place.made.artifact.record, lambda line: None
    )
    (one,) = [one for one in found if not one.equal]
    assert one.recorded == "yes" and "gas to check one element" in str(one.found)
