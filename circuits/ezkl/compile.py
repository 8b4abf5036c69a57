"""Compiling a model for `ezkl/v1`: graph, settings, keys, EVM verifier, fidelity, record."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avow.circuits.artifact import MODEL, RECORD, files_of, place
from avow.circuits.errors import CircuitError
from avow.circuits.ezkl import files as names
from avow.circuits.ezkl.artifact import EzklArtifact, SrsReference, load_ezkl, write_srs_reference
from avow.circuits.ezkl.child import Limits, Progress, run
from avow.circuits.ezkl.graph import graft
from avow.circuits.ezkl.measure import calibration_document, measured_fidelity
from avow.circuits.ezkl.record import Pieces, build_record, output_specs
from avow.circuits.ezkl.selfcheck import check_first_proof, first_proof
from avow.circuits.ezkl.settings import Watch, Wishes, calibrated
from avow.circuits.ezkl.solidity import compile_verifier
from avow.circuits.ezkl.witness import Circuit
from avow.circuits.ezkl.workbench import Workbench, discard
from avow.circuits.files import read_json, write_file, write_json
from avow.circuits.lock import LOCK, building
from avow.circuits.srs_choice import Srs, obtain
from avow.models.data import Rows
from avow.models.load import Model
from avow.verifier import canonical
from avow.verifier.fields import to_hex
from avow.verifier.records import ModelRecord
from avow.verifier.srs import srs_digest
from avow.verifier.systems.ezkl.settings import SYSTEM_ID, parse_settings
from avow.verifier.systems.ezkl.version import EZKL_VERSION

_ROWS = "calibration.json"
_PROOF = "first-proof.json"

Report = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """A stored model with its data; `held_out` None makes the fidelity insufficient."""

    record: ModelRecord
    model: Model
    calibration: Rows
    held_out: Rows | None


@dataclass(frozen=True, slots=True)
class Options:
    """How to compile. `solc` None leaves the EVM verifier out; `force` does every step again."""

    wishes: Wishes
    srs: Srs
    solc: Path | None
    limits: Limits = field(default_factory=Limits)
    force: bool = False


def compile_model(
    source: Source,
    options: Options,
    artifacts: Path,
    report: Report,
    watch: Callable[[Progress], None] | None = None,
) -> EzklArtifact:
    """Make the artifact, or take up where an earlier call stopped; returns it checked.

    `report` is told every step's name and `done` or `kept`. The last step proves one calibration
    row and has the verifier check that proof. Raises `CircuitError`; then the finished steps stay.
    """
    identity = _identity(source, options)
    pointer = artifacts / f".made-{identity}.json"
    with building(artifacts, identity, take_up=not options.force) as build:
        if options.force:
            pointer.unlink(missing_ok=True)
        earlier = _earlier(artifacts, pointer)
        if earlier is not None:
            report("artifact", "kept")
            discard(build)
            return earlier
        made = _Build(source, options, Workbench(build, report), watch).run()
        folder = _place(build, artifacts / made)
        write_json(pointer, {"record": made})
    return load_ezkl(folder)


class _Build:
    def __init__(
        self, source: Source, options: Options, bench: Workbench, watch: Watch | None
    ) -> None:
        self._source = source
        self._options = options
        self._bench = bench
        self._watch = watch

    def run(self) -> str:
        self._graph()
        settings = self._settings()
        srs = self._srs(parse_settings(settings).logrows)
        self._circuit()
        self._keys(srs)
        evm_codehash = self._evm(srs)
        circuit = self._runnable(settings, srs)
        fidelity = self._fidelity(circuit)
        proof = self._first_proof(circuit, srs)
        record = build_record(
            Pieces(
                model=self._source.record,
                settings=settings,
                vk=self._path(names.VK).read_bytes(),
                graph_sha256=bytes.fromhex(self._bench.digest(names.GRAPH)),
                weights_hash=proof["weights_hash"],
                proof_bytes=proof["proof_bytes"],
                srs_digest=srs_digest(srs["tau_g2"]),
                srs_safe=srs["safe"],
                fidelity=fidelity,
                proving_key_bytes=self._path(names.PK).stat().st_size,
                evm_codehash=evm_codehash,
                constraints=json.loads(settings)["num_rows"],
            )
        )
        check_first_proof(
            read_json(self._path(_PROOF), 2**26),
            self._source.record,
            record,
            settings,
            self._path(names.VK).read_bytes(),
            srs["tau_g2"],
        )
        write_file(self._path(RECORD), canonical.encode(record.to_json()))
        write_file(self._path(MODEL), canonical.encode(self._source.record.to_json()))
        return record.digest().hex()

    def _graph(self) -> None:
        # Quick and a pure function, so that it is done again each time: another version of this
        # package may graft otherwise.
        record, visibility = self._source.record, self._options.wishes.input
        write_file(
            self._path(names.GRAPH), graft(self._source.model.data, record.inputs, visibility)
        )

    def _settings(self) -> bytes:
        wishes = self._options.wishes
        rows = calibration_document(self._source.record, self._source.calibration, wishes.input)

        def action() -> None:
            write_file(self._path(_ROWS), rows)
            data = calibrated(
                self._path(names.GRAPH),
                self._path(_ROWS),
                wishes,
                max(spec.scale for spec in self._source.record.inputs),
                self._options.limits,
                self._watch,
            )
            write_file(self._path(names.SETTINGS), data)

        depends = {
            "graph": self._bench.digest(names.GRAPH),
            "rows": hashlib.sha256(rows).hexdigest(),
            "wishes": _wishes(wishes),
            "ezkl": EZKL_VERSION,
        }
        self._bench.step("settings", depends, (names.SETTINGS,), action)
        return self._path(names.SETTINGS).read_bytes()

    def _srs(self, logrows: int) -> dict[str, Any]:
        choice = self._options.srs

        def action() -> dict[str, Any]:
            found = obtain(choice, logrows)
            path, sha256 = found.file.path.absolute(), found.file.sha256
            reference = SrsReference(path, sha256, found.file.tau_g2)
            write_srs_reference(self._path(names.SRS), reference)
            return {"safe": found.safe}

        depends = {"logrows": logrows, "srs": choice.identity()}
        value: dict[str, Any] = self._bench.step("srs", depends, (names.SRS,), action)
        reference = read_json(self._path(names.SRS))
        return value | reference | {"tau_g2": tuple(int(part) for part in reference["tau_g2"])}

    def _circuit(self) -> None:
        params = {
            "model": str(self._path(names.GRAPH)),
            "circuit": str(self._path(names.CIRCUIT)),
            "settings": str(self._path(names.SETTINGS)),
        }
        self._bench.step(
            "circuit",
            self._program(),
            (names.CIRCUIT,),
            lambda: self._run("compile_circuit", params),
        )

    def _keys(self, srs: dict[str, Any]) -> None:
        params = {
            "circuit": str(self._path(names.CIRCUIT)),
            "vk": str(self._path(names.VK)),
            "pk": str(self._path(names.PK)),
            "srs": srs["path"],
        }
        depends = self._program() | {"srs": srs["sha256"]}
        self._bench.step("keys", depends, (names.VK, names.PK), lambda: self._run("setup", params))

    def _evm(self, srs: dict[str, Any]) -> bytes | None:
        solc = self._options.solc
        if solc is None:
            return None
        params = {
            "vk": str(self._path(names.VK)),
            "settings": str(self._path(names.SETTINGS)),
            "sol": str(self._path(names.SOLIDITY)),
            "abi": str(self._path("verifier.abi")),
            "srs": srs["path"],
        }

        def action() -> str:
            self._run("evm_verifier", params)
            verifier = compile_verifier(self._path(names.SOLIDITY), solc)
            write_json(self._path(names.EVM), verifier.to_json())
            return to_hex(verifier.codehash)

        depends = {"vk": self._bench.digest(names.VK), "srs": srs["sha256"]}
        files = (names.SOLIDITY, names.EVM)
        return bytes.fromhex(self._bench.step("evm verifier", depends, files, action)[2:])

    def _runnable(self, settings: bytes, srs: dict[str, Any]) -> Circuit:
        return Circuit(
            circuit=self._path(names.CIRCUIT),
            pk=self._path(names.PK),
            srs=Path(srs["path"]),
            input=self._options.wishes.input,
            inputs=self._source.record.inputs,
            outputs=output_specs(self._source.record, parse_settings(settings)),
        )

    def _fidelity(self, circuit: Circuit) -> dict[str, Any]:
        source = self._source
        if source.held_out is None:
            return {"rows": 0, "agreement": "none", "max_error": "none", "mean_error": "none"}
        held_out = source.held_out
        digest = hashlib.sha256(b"".join(array.tobytes() for array in held_out.inputs))
        depends = self._program() | {"held_out": digest.hexdigest()}
        value: dict[str, Any] = self._bench.step(
            "fidelity",
            depends,
            (),
            lambda: measured_fidelity(
                circuit, source.record, source.model, held_out, self._options.limits, self._watch
            ),
        )
        return value

    def _first_proof(self, circuit: Circuit, srs: dict[str, Any]) -> dict[str, Any]:
        def action() -> dict[str, Any]:
            document, value = first_proof(
                circuit,
                self._source.record,
                self._source.calibration,
                self._options.limits,
                self._watch,
            )
            write_json(self._path(_PROOF), document)
            return value

        depends = self._program() | {
            "srs": srs["sha256"],
            "pk": self._bench.digest(names.PK),
        }
        value: dict[str, Any] = self._bench.step("first proof", depends, (_PROOF,), action)
        return value

    def _program(self) -> dict[str, Any]:
        return {
            "graph": self._bench.digest(names.GRAPH),
            "settings": self._bench.digest(names.SETTINGS),
        }

    def _path(self, name: str) -> Path:
        return (self._bench.folder / name).absolute()

    def _run(self, step: str, params: dict[str, Any]) -> None:
        run(step, params, self._options.limits, self._watch)


def _identity(source: Source, options: Options) -> str:
    document = {
        "model": to_hex(source.record.digest()),
        "wishes": _wishes(options.wishes),
        "srs": options.srs.identity(),
        "evm": options.solc is not None,
        "held_out": source.held_out is not None,
        "ezkl": EZKL_VERSION,
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:32]


def _wishes(wishes: Wishes) -> list[Any]:
    return [wishes.input.value, wishes.weights.value, wishes.target.value, wishes.scale]


def _earlier(artifacts: Path, pointer: Path) -> EzklArtifact | None:
    if not pointer.exists():
        return None
    try:
        return load_ezkl(artifacts / str(read_json(pointer).get("record")))
    except CircuitError:
        # A damaged artifact is made anew; nothing else could be done with it.
        return None


def _place(build: Path, target: Path) -> Path:
    wanted = files_of(SYSTEM_ID)
    for path in build.iterdir():
        if path.name not in wanted and path.name != LOCK:
            path.unlink()
    return place(build, target, SYSTEM_ID)
