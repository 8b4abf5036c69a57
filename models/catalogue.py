"""Finding the model that a person means: by name, digest, file, or of those that come along."""

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from avow.models.bench.registry import BENCH_MODELS, bench_names
from avow.models.errors import ModelError, NotInStore
from avow.models.intake import Intake, Source, take_in
from avow.models.load import load_model
from avow.models.schema import Identity, parse_range
from avow.models.store import CALIBRATION, HELD_OUT, ONNX, ModelStore, StoredModel
from avow.verifier.records import NO_OWNER

ZOO = Path(__file__).parent / "zoo"
_PREFIX = re.compile(r"(?:0x)?(?P<hex>[0-9a-f]{8,64})")


def zoo_names() -> tuple[str, ...]:
    """The models that come with Avow."""
    return tuple(sorted(path.parent.name for path in ZOO.glob(f"*/{ONNX}")))


def built_in_names() -> tuple[str, ...]:
    """Every name that means a model without a file being given: the zoo's, then the bench's."""
    return (*zoo_names(), *bench_names())


@dataclass(frozen=True, slots=True)
class ZooCard:
    """What `card.json` of a built-in model says; counts are of held-out rows.

    `held_out_correct` is None where the weights are random and there is nothing to be right about.
    """

    name: str
    version: str
    licence: str
    input_range: str
    input_scale: int
    held_out_rows: int
    held_out_correct: int | None


def zoo_card(name: str) -> ZooCard:
    """The card of a built-in model, which is part of this package, not checked like foreign data.

    Raises `ModelError` for a name that is none.
    """
    if name not in built_in_names():
        raise ModelError(
            f"expected one of the models that come with Avow {list(built_in_names())}, "
            f"got {name[:80]!r}"
        )
    card = json.loads((_home(name) / "card.json").read_text(encoding="utf-8"))
    return ZooCard(**{field: card.get(field) for field in ZooCard.__dataclass_fields__})


def add_zoo_model(store: ModelStore, name: str, owner: bytes = NO_OWNER) -> Intake:
    """Put a built-in model into the store, owned by `owner` (20 bytes); made first if need be."""
    card = zoo_card(name)
    bench = BENCH_MODELS.get(name)
    if bench is None or bench.generate is None:
        return _take_in(store, card, _home(name), owner)
    with tempfile.TemporaryDirectory(prefix="avow-model-") as folder:
        bench.generate(Path(folder))
        return _take_in(store, card, Path(folder), owner)


def _home(name: str) -> Path:
    return BENCH_MODELS[name].folder if name in BENCH_MODELS else ZOO / name


def _take_in(store: ModelStore, card: ZooCard, folder: Path, owner: bytes) -> Intake:
    source = Source(
        folder / ONNX,
        folder / CALIBRATION,
        folder / HELD_OUT,
        (parse_range(card.input_range),),
        card.input_scale,
    )
    return take_in(store, source, Identity(card.name, card.version, card.licence, owner))


def resolve(store: ModelStore, argument: str) -> StoredModel:
    """The one model that `argument` means; raises `ModelError` naming what there is.

    Tried in this order: a path (it holds a slash or ends in .onnx), a digest or its first 8 or
    more hex digits, `name` or `name@version` in the store, a name in the zoo or on the bench
    (stored on first use, owned by nobody).
    """
    return store.open(_find(store, argument))


def _find(store: ModelStore, argument: str) -> bytes:
    models, _ = store.survey()
    if "/" in argument or argument.endswith(".onnx"):
        sha256 = load_model(Path(argument)).sha256
        found = [one for one in models if one.record.onnx_sha256 == sha256]
        if not found:
            raise NotInStore(
                f"{argument} is not in the store; "
                f"first: avow model add {argument} --calibration FILE"
            )
        return _only(found, argument, "")
    match = _PREFIX.fullmatch(argument)
    if match is not None:
        found = [one for one in models if one.digest.hex().startswith(match["hex"])]
        if found:
            return _only(found, argument, "")
    found = [one for one in models if argument in _names(one)]
    if not found and argument in built_in_names():
        return add_zoo_model(store, argument).stored.digest
    known = sorted({*built_in_names(), *(one.record.name for one in models)})
    return _only(found, argument, f"no model {argument[:80]!r}; known names: {', '.join(known)}")


def _names(stored: StoredModel) -> tuple[str, str]:
    return stored.record.name, f"{stored.record.name}@{stored.record.version}"


def _only(found: list[StoredModel], argument: str, missing: str) -> bytes:
    if not found:
        raise ModelError(missing)
    if len(found) > 1:
        listed = ", ".join(
            f"0x{one.digest.hex()[:16]} ({one.record.name}@{one.record.version})" for one in found
        )
        raise ModelError(
            f"{argument[:80]!r} means {len(found)} models, give a digest instead: {listed}"
        )
    return found[0].digest
