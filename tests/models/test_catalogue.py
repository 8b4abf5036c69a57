"""A person's word for a model finds the one that is meant, or lists what there is."""

from pathlib import Path

import pytest

from avow.models.catalogue import ZOO, add_zoo_model, resolve, zoo_card
from avow.models.errors import ModelError
from avow.models.store import ModelStore
from tests.models.samples import linear, write

OWNER = b"\x22" * 20


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore.at(tmp_path / "home")


def test_zoo_name_is_stored_on_first_use(store: ModelStore) -> None:
    first = resolve(store, "digits-mlp")
    assert store.digests() == (first.digest,)
    assert resolve(store, "digits-mlp") == first
    assert first.record.owner == bytes(20)


def test_every_way_to_say_it(store: ModelStore) -> None:
    stored = add_zoo_model(store, "tumour-risk", OWNER).stored
    digest = stored.digest.hex()
    path = str(ZOO / "tumour-risk" / "model.onnx")
    said = [digest, f"0x{digest}", digest[:8], f"0x{digest[:20]}", "tumour-risk",
            "tumour-risk@1.0.0", path]  # fmt: skip
    assert {resolve(store, word).digest for word in said} == {stored.digest}


def test_own_models_come_before_the_zoo(store: ModelStore) -> None:
    mine = add_zoo_model(store, "digits-cnn", OWNER).stored
    assert resolve(store, "digits-cnn") == mine
    other = add_zoo_model(store, "digits-cnn").stored
    for word in ("digits-cnn", str(ZOO / "digits-cnn" / "model.onnx")):
        with pytest.raises(ModelError, match="means 2 models, give a digest instead: 0x") as caught:
            resolve(store, word)
        assert mine.digest.hex()[:16] in str(caught.value)
        assert other.digest.hex()[:16] in str(caught.value)
    assert resolve(store, mine.digest.hex()) == mine


def test_unknown(store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        resolve(store, "digit")
    assert str(caught.value) == (
        "no model 'digit'; known names: cnn-264k, dense-4m, digits-cnn, digits-mlp, lenet5, "
        "lstm-small, mlp-784-64-10, transformer-4, tumour-risk"
    )
    with pytest.raises(ModelError, match="no model '0x00000000'"):
        resolve(store, "0x00000000")
    with pytest.raises(ModelError, match="no model ''"):
        resolve(store, "")
    path = write(tmp_path / "new.onnx", linear().SerializeToString())
    with pytest.raises(ModelError, match=r"new\.onnx is not in the store; first: avow model add"):
        resolve(store, str(path))
    with pytest.raises(ModelError, match="found nothing"):
        resolve(store, "gone.onnx")


def test_unknown_card() -> None:
    with pytest.raises(ModelError, match="expected one of the models that come with Avow"):
        zoo_card("../../etc")


def test_a_damaged_model_is_not_handed_out(store: ModelStore) -> None:
    stored = resolve(store, "digits-mlp")
    stored.onnx_path.write_bytes((ZOO / "digits-cnn" / "model.onnx").read_bytes())
    with pytest.raises(ModelError, match="is damaged: expected SHA-256"):
        resolve(store, "digits-mlp")
