"""Compiling: reproducible, resumable, measured by the circuit itself, and checked by a proof."""

import json
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from avow.circuits.artifact import load_artifact
from avow.circuits.errors import CircuitError, LimitExceeded
from avow.circuits.ezkl.artifact import EzklArtifact
from avow.circuits.ezkl.child import Limits
from avow.circuits.ezkl.compile import compile_model
from avow.circuits.ezkl.files import EVM, PK, SOLIDITY, VK
from avow.circuits.ezkl.settings import Target, Wishes
from avow.circuits.ezkl.witness import Circuit, Proved
from avow.circuits.lock import LOCK
from avow.circuits.srs import inspect
from avow.circuits.srs_choice import PinnedSrs
from avow.verifier.policy import Policy
from avow.verifier.systems.ezkl.settings import parse_settings
from avow.verifier.verify import verify
from tests.circuits.tiny import (
    FIXED,
    HIDDEN,
    PUBLIC,
    SPACE,
    case,
    compiled,
    options,
    source,
)

SOLC = Path(__file__).parents[2] / "contracts" / "solc"
STEPS = ("settings", "srs", "circuit", "keys", "fidelity", "first proof")


class Log(list[tuple[str, str]]):
    """A report that remembers, and can stop the compilation after a step."""

    def __init__(self, stop: str = "") -> None:
        super().__init__()
        self.stop = stop

    def __call__(self, step: str, what: str) -> None:
        self.append((step, what))
        if step == self.stop:
            raise KeyboardInterrupt


@cache
def measured() -> EzklArtifact:
    """With an EVM verifier, and measured on as many rows as a fidelity needs."""
    with_evm = options(HIDDEN, solc=SOLC)
    return compile_model(source(held_out=256), with_evm, SPACE / "measured", Log())


@cache
def pinned() -> EzklArtifact:
    """Without held-out rows, under a string that nothing says was made here."""
    srs = SPACE / "ceremony.srs"
    shutil.copyfile(compiled().srs.path, srs)
    choice = PinnedSrs(srs, inspect(srs).sha256)
    return compile_model(source(held_out=0), options(srs=choice), SPACE / "pinned", Log())


def test_the_record_says_what_was_compiled() -> None:
    artifact = compiled()
    record = artifact.record
    settings = parse_settings(artifact.settings())
    assert record.system == "ezkl/v1"
    assert record.model == artifact.model.digest()
    assert record.srs is not None
    assert not record.srs.safe
    assert record.fidelity.rows == 8
    assert not record.fidelity.sufficient
    assert record.constraints == json.loads(artifact.settings())["num_rows"]
    assert record.evm_codehash is None
    assert [spec.name for spec in record.outputs] == ["scores", "total"]
    assert [spec.scale for spec in record.outputs] == list(settings.output_scales)
    pk = artifact.path(PK).stat().st_size
    assert pk < record.proving_memory_bytes < 20 * pk


def test_the_prediction_of_memory_is_near_what_a_proof_took() -> None:
    predicted, used = compiled().record.proving_memory_bytes, case().proved.peak_rss_bytes
    assert 0.7 < predicted / used < 1.5


def test_compiling_twice_gives_the_same_key_and_record(tmp_path: Path) -> None:
    """Another folder, another process, the same SRS: byte for byte the same verifying key."""
    first = compiled()
    log = Log()
    second = compile_model(source(), options(), tmp_path, log)
    assert [step for step, _ in log] == list(STEPS)
    assert second.vk() == first.vk()
    assert second.path(PK).read_bytes() == first.path(PK).read_bytes()
    assert second.record == first.record
    assert second.folder.name == first.folder.name


def test_a_stopped_compilation_goes_on_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        compile_model(source(), options(), tmp_path, Log(stop="keys"))
    log = Log()
    artifact = compile_model(source(), options(), tmp_path, log)
    assert dict(log) == dict.fromkeys(STEPS, "done") | dict.fromkeys(STEPS[:4], "kept")
    assert artifact.record == compiled().record

    # Finished: nothing is done again, and what was made is checked.
    log = Log()
    assert compile_model(source(), options(), tmp_path, log).record == artifact.record
    assert log == [("artifact", "kept")]

    # Damaged afterwards: made anew, in the same place.
    (artifact.folder / VK).write_bytes(b"damaged")
    log = Log()
    again = compile_model(source(), options(), tmp_path, log)
    assert ("keys", "done") in log
    assert load_artifact(again.folder).record == artifact.record
    lock, made, *left = sorted(path.name for path in tmp_path.iterdir())
    assert lock == LOCK and made.startswith(".made-")
    assert left == [artifact.folder.name]


def test_a_damaged_file_of_a_stopped_compilation_is_made_again(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        compile_model(source(), options(), tmp_path, Log(stop="keys"))
    (build,) = tmp_path.glob(".building-*")
    data = bytearray((build / PK).read_bytes())
    data[len(data) // 2] ^= 1
    (build / PK).write_bytes(data)
    (build / "settings.json").write_bytes(b"{}")
    log = Log()
    artifact = compile_model(source(), options(), tmp_path, log)
    assert ("keys", "done") in log
    assert ("settings", "done") in log
    assert artifact.record == compiled().record


def test_force_does_every_step_again(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        compile_model(source(), options(), tmp_path, Log(stop="circuit"))
    log = Log(stop="circuit")
    with pytest.raises(KeyboardInterrupt):
        compile_model(source(), options(force=True), tmp_path, log)
    assert {what for _, what in log} == {"done"}


def test_a_corrupt_proving_key_is_caught_by_the_first_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ezkl proves with a damaged key and says nothing; the verifier's half refuses the result."""
    import avow.circuits.ezkl.selfcheck as selfcheck

    honest = selfcheck.prove
    with pytest.raises(KeyboardInterrupt):
        compile_model(source(), options(), tmp_path, Log(stop="fidelity"))
    corrupt = tmp_path / "corrupt.key"
    (build,) = tmp_path.glob(".building-*")
    data = bytearray((build / PK).read_bytes())
    # A word of a fixed column's polynomial, far behind the verifying key at the start.
    at = len(data) // 2
    data[at : at + 8] = bytes(8 * [1])
    corrupt.write_bytes(data)

    def with_corrupt_key(circuit: Circuit, *rest: Any) -> Proved:
        return honest(replace(circuit, pk=corrupt), *rest)

    monkeypatch.setattr(selfcheck, "prove", with_corrupt_key)
    with pytest.raises(CircuitError, match="first proof was refused: ezkl refuses"):
        compile_model(source(), options(), tmp_path, Log())
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith((".", "corrupt"))]


def test_fidelity_is_measured_on_the_circuit_s_own_outputs() -> None:
    fidelity = measured().record.fidelity
    assert fidelity.rows == 256
    assert fidelity.sufficient
    assert 0.98 < float(fidelity.agreement) <= 1
    # Ten fractional bits: rounding shows, and stays small.
    assert 0 < float(fidelity.mean_error) < float(fidelity.max_error) < 0.2


def test_without_held_out_rows_fidelity_is_insufficient() -> None:
    fidelity = pinned().record.fidelity
    assert fidelity.rows == 0
    assert not fidelity.sufficient


def test_a_pinned_srs_makes_the_record_claim_safety_and_the_policy_decides() -> None:
    artifact = pinned()
    assert artifact.record.srs is not None
    assert artifact.record.srs.safe
    # The same key and program as with the string that is known to be made here.
    assert artifact.record.key == compiled().record.key
    bundle = replace(case().bundle, system=artifact.record).encode()
    with pytest.raises(Exception, match="SRS is unsafe"):
        verify(bundle, Policy())
    verdict = verify(bundle, Policy(trusted_srs=(artifact.record.srs.digest,)))
    assert verdict.srs_safe


def test_an_srs_that_is_too_small_is_refused(tmp_path: Path) -> None:
    small = Path(__file__).parents[1] / "vectors" / "srs" / "hermez-05.srs"
    choice = PinnedSrs(small, inspect(small).sha256)
    with pytest.raises(CircuitError, match=r"needs an SRS of 2\^11 powers"):
        compile_model(source(), options(srs=choice), tmp_path, Log())


def test_scales_that_cannot_hold_the_input_are_refused(tmp_path: Path) -> None:
    wishes = Wishes(PUBLIC, FIXED, Target.RESOURCES, 5)
    with pytest.raises(CircuitError, match=r"scale must lie in \[6, 24\]"):
        compile_model(source(), replace(options(), wishes=wishes), tmp_path, Log())


def test_limits_hold_for_compiling(tmp_path: Path) -> None:
    small = replace(options(), limits=Limits(60, 16 * 2**20))
    with pytest.raises(LimitExceeded, match="may use"):
        compile_model(source(), small, tmp_path, Log())
    short = replace(options(), limits=Limits(0.01, 2**31))
    with pytest.raises(LimitExceeded, match="did not end within"):
        compile_model(source(), short, tmp_path, Log())


def test_two_compilations_of_the_same_thing_do_not_mix(tmp_path: Path) -> None:
    class Nested(Log):
        def __call__(self, step: str, what: str) -> None:
            compile_model(source(), options(), tmp_path, Log())

    with pytest.raises(CircuitError, match="another process is compiling"):
        compile_model(source(), options(), tmp_path, Nested())


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(CircuitError, match="cannot make the folder"):
        compile_model(source(), options(), blocked / "artifacts", Log())


def test_the_evm_verifier_is_compiled_and_its_hash_pinned() -> None:
    artifact = measured()
    value = json.loads(artifact.path(EVM).read_text())
    assert artifact.record.evm_codehash is not None
    assert value["codehash"] == "0x" + artifact.record.evm_codehash.hex()
    assert [item["name"] for item in value["abi"] if item["type"] == "function"] == ["verifyProof"]
    assert value["runtime_bytes"] < 24_576
    assert b"contract Halo2Verifier" in artifact.path(SOLIDITY).read_bytes()
    # Pinning the contract changes the record, not what is proven.
    assert artifact.record.key == compiled(HIDDEN).record.key
