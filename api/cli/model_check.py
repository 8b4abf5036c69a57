"""`avow model check`: whether a key was really made from a model's ONNX file."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from avow.circuits.artifact import Artifact
    from avow.circuits.comparison import Comparison
    from avow.models.load import Model
    from avow.verifier.bundle import Bundle
    from avow.verifier.records import ModelRecord, SystemRecord

_DIFFERS = 1


@dataclass(frozen=True, slots=True)
class _Claimed:
    """An ONNX file and the core record that is said to be its own; digests are compared later."""

    model: "Model"
    record: "ModelRecord"


@click.command()
@click.argument("model", metavar="MODEL")
@click.argument("subject", metavar="RECORD|ARTIFACT|BUNDLE")
@click.option(
    "--srs",
    type=click.Path(path_type=Path),
    help="SRS file, or a folder that holds the record's; by default the artifact's.",
)
@click.option("--no-evm", is_flag=True, help="ezkl: do not compile the Solidity verifier again.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparisons as JSON.")
def check(model: str, subject: str, srs: Path | None, no_evm: bool, as_json: bool) -> int:
    """Compile MODEL again and compare every digest with a system record.

    MODEL is an ONNX file, which need not be in the store, or the name of a stored model.
    The record is given by its digest, as an artifact's folder, or inside a bundle. Exit status 0
    and CHECKED when all are equal, 1 when one differs. A policy that lists the record in
    `checked_records` then gives verdicts with `model binding: CHECKED`.
    """
    from avow.circuits.errors import CircuitError
    from avow.circuits.optimistic.recheck import recheck
    from avow.circuits.tee.recheck import recheck as recheck_tee
    from avow.models.catalogue import resolve
    from avow.models.load import load_model
    from avow.models.store import ModelStore
    from avow.prover.config import from_environment
    from avow.verifier.systems.ezkl.settings import SYSTEM_ID as EZKL
    from avow.verifier.systems.optimistic.claim import SYSTEM_ID as OPTIMISTIC
    from avow.verifier.systems.sumcheck.key import SYSTEM_ID as SUMCHECK
    from avow.verifier.systems.tee.registration import SYSTEM_ID as TEE

    config = from_environment()
    named = _named(subject, config.artifacts)
    record = _record(named)
    if "/" in model or model.endswith(".onnx"):
        claimed = _Claimed(load_model(Path(model)), named.model)
    else:
        stored = resolve(ModelStore.at(config.home), model)
        claimed = _Claimed(stored.model(), stored.record)
    if srs is not None and srs.is_dir():
        srs = _of_record(srs, record)
    if record.system == EZKL:
        found = _check_ezkl(claimed, named, srs, None if no_evm else config.contracts / "solc")
        open_points = ["fidelity: how near the circuit is to the float model"]
    elif record.system in (OPTIMISTIC, TEE):
        if srs is not None:
            raise CircuitError(f"--srs means nothing to {record.system}: it needs no string")
        again = recheck if record.system == OPTIMISTIC else recheck_tee
        found = again(claimed.model, claimed.record, record, _report)
        open_points = [
            "fidelity: how near the program is to the float model, "
            "in the ranges that the record says calibration showed",
        ]
        if record.system == TEE:
            open_points.append("measurements: whose software they are, and what it does")
    elif record.system == SUMCHECK:
        found = _check_sumcheck(claimed, named, srs)
        open_points = [
            "fidelity: how near the program is to the float model, "
            "in the ranges that the record says calibration showed",
            "contracts: the record names none"
            if record.evm_codehash is None
            else "contracts for batches: no record names them; nodes make them from the key",
        ]
    else:
        raise CircuitError(f"no key of {record.system!r} can be made again here")
    same = all(one.equal or one.found is None for one in found)
    if as_json:
        comparisons = [
            {"what": one.what, "recorded": one.recorded, "found": one.found} for one in found
        ]
        click.echo(json.dumps({"checked": same, "comparisons": comparisons}, indent=2))
        return 0 if same else _DIFFERS
    for one in found:
        if one.found is None:
            click.echo(f"  NOT CHECKED {one.what}")
        elif one.equal:
            click.echo(f"  equal       {one.what}  {one.found}")
        else:
            click.echo(f"  DIFFERS     {one.what}  recorded {one.recorded}, found {one.found}")
    if same:
        for line in open_points:
            click.echo(f"  NOT CHECKED {line}")
        click.echo(f"CHECKED: record 0x{record.digest().hex()} was computed from this model")
        return 0
    click.echo("DIFFERS: this record is not of this model as it claims")
    return _DIFFERS


def _named(text: str, artifacts: Path) -> "Artifact | Bundle":
    from avow.circuits.artifact import find_artifact
    from avow.circuits.files import read_file
    from avow.verifier.bundle import parse_bundle
    from avow.verifier.limits import LIMITS

    path = Path(text)
    if path.is_dir() or path.name == "record.json" or not path.exists():
        return find_artifact(text, artifacts)
    return parse_bundle(read_file(path, LIMITS.bundle_bytes))


def _record(named: "Artifact | Bundle") -> "SystemRecord":
    from avow.circuits.artifact import Artifact

    return named.record if isinstance(named, Artifact) else named.system


def _of_record(folder: Path, record: "SystemRecord") -> Path:
    """The longest file in a folder that is of the string which the record names."""
    from avow.circuits.errors import CircuitError
    from avow.circuits.powers import read_powers

    found: list[tuple[int, Path]] = []
    for path in sorted(path for path in folder.iterdir() if path.suffix in (".srs", ".ptau")):
        try:
            powers = read_powers(path)
        except CircuitError:
            # Another file's damage is not what was asked about.
            continue
        if record.srs is not None and powers.digest == record.srs.digest:
            found.append((powers.logrows, path))
    if not found:
        raise CircuitError(f"--srs: {folder} holds no file of the string that the record names")
    return max(found)[1]


def _needed(srs: Path | None) -> Path:
    from avow.circuits.errors import CircuitError

    if srs is None:
        raise CircuitError("a bundle names no SRS file: give the one it was compiled with by --srs")
    return srs


def _check_ezkl(
    claimed: "_Claimed", named: "Artifact | Bundle", srs: Path | None, solc: Path | None
) -> tuple["Comparison", ...]:
    from avow.circuits.artifact import Artifact
    from avow.circuits.ezkl.artifact import of_ezkl
    from avow.circuits.ezkl.child import Limits
    from avow.circuits.ezkl.recheck import Subject, recheck
    from avow.verifier.systems.ezkl.material import parse_material

    if isinstance(named, Artifact):
        artifact = of_ezkl(named)
        settings, chosen = artifact.settings(), srs or artifact.srs.path
    else:
        settings, chosen = parse_material(named.material).settings, _needed(srs)
    subject = Subject(claimed.model, claimed.record, _record(named), settings, chosen, solc)
    return recheck(subject, Limits(), _report)


def _check_sumcheck(
    claimed: "_Claimed", named: "Artifact | Bundle", srs: Path | None
) -> tuple["Comparison", ...]:
    from avow.circuits.artifact import Artifact
    from avow.circuits.powers import read_powers
    from avow.circuits.sumcheck.artifact import load
    from avow.circuits.sumcheck.recheck import Subject, recheck
    from avow.prover.native.curve import NativeCurve
    from avow.verifier.systems.sumcheck.key import parse_key

    if isinstance(named, Artifact):
        loaded = load(named)
        key, points, tau_g2 = loaded.key, loaded.powers, loaded.key.tau_g2
    else:
        key = parse_key(named.material)
    if srs is not None or not isinstance(named, Artifact):
        powers = read_powers(_needed(srs))
        points, tau_g2 = powers.first(key.logrows), powers.tau_g2
    record, curve = _record(named), NativeCurve()
    subject = Subject(claimed.model, claimed.record, record, key, points, tau_g2)
    return recheck(subject, curve, _report)


def _report(line: str) -> None:
    click.echo(f"  {line}", err=True)
