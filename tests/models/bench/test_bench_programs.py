"""The bench models compile to the same programs everywhere, and keep what they promise."""

import pytest

from avow.models.bench.executors import measure_model
from avow.models.catalogue import resolve
from avow.models.compiler.stored import both_outputs, compile_stored
from avow.models.program.fast import FastExecutor
from avow.models.programs import KeptProgram, keep_program, kept_program
from avow.models.store import ModelStore, StoredModel

# A change here is a change of meaning: every proof and record of LeNet-5 speaks of these.
LENET5 = {
    8: "b41fab5cb84edab8d683361d65348985f1c42964a742bbe27c3ecead3f5e5eae",
    12: "f041a995f8cfab707700985c01d49dfe67dccc227d389ee4669a5bce07b45c61",
    16: "7c0268961d4f483b1d9470b087e507de498ff5d5152670e3f736dfefa7f385c4",
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    return ModelStore.at(tmp_path_factory.mktemp("home"))


@pytest.mark.parametrize("bits", sorted(LENET5))
def test_lenet5_has_these_programs(store: ModelStore, bits: int) -> None:
    compiled = compile_stored(resolve(store, "lenet5"), bits)
    assert compiled.program.digest().hex() == LENET5[bits]
    assert compiled.report["multiplications"] == 281_640
    assert compiled.report["fidelity"]["agreement"] >= 0.99


@pytest.mark.parametrize("name", ["cnn-264k", "lstm-small", "mlp-784-64-10", "transformer-4"])
def test_the_cheapest_width_keeps_the_promise(store: ModelStore, name: str) -> None:
    compiled = compile_stored(resolve(store, name), None)
    fidelity = compiled.report["fidelity"]
    assert (fidelity["verdict"], compiled.report["bits"]) == ("kept", 8)
    assert fidelity["rows"] == 400 and fidelity["agreement"] >= 0.99


def test_random_weights_are_told_apart_too(store: ModelStore) -> None:
    """`dense-4m` has no classes, but the same promise: its largest of 2048 outputs."""
    report = compile_stored(resolve(store, "dense-4m"), None).report
    assert [one["verdict"] for one in report["tried"]] == ["missed", "kept"]
    assert report["multiplications"] == 2048 * 2048


def kept(store: ModelStore, stored: StoredModel, bits: int) -> KeptProgram:
    """Compile and keep."""
    made = compile_stored(stored, bits)
    home = store.root.parent
    return keep_program(home, stored.digest, made.program, made.blobs, made.report)


def test_outputs_beside_one_another(store: ModelStore) -> None:
    stored = resolve(store, "lenet5")
    assert kept_program(store.root.parent, bytes(32)) is None
    errors = []
    for bits in (8, 16):
        real, exact, source = both_outputs(stored, kept(store, stored, bits), 64)
        assert (real.shape, exact.shape, source) == ((64, 10), (64, 10), "held-out")
        errors.append(abs(real - exact).max())
    assert 0 < errors[1] < errors[0] / 16


def test_a_kept_program_is_run_by_the_fast_executor(store: ModelStore) -> None:
    stored = resolve(store, "lstm-small")
    (row, *_) = measure_model(stored, 1, 1, lambda _: None)
    program, blobs = kept(store, stored, row.bits).load()
    assert "0x" + program.digest().hex() == row.program_digest
    FastExecutor(program, blobs, threads=1)
