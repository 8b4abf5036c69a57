"""`avow compile` and `avow model check` for sumcheck: what they print, make and refuse."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from avow.prover.nodes.contracts import to_register
from avow.verifier.chain.errors import ArtifactRefused
from avow.verifier.policy import Policy
from avow.verifier.verify import verify
from tests.api.test_compile_commands import Avow, Said, refused
from tests.api.test_compile_commands import avow as avow
from tests.circuits.sumcheck.small import HOME, bundle, compiled, inputs
from tests.circuits.test_srs import HERMEZ
from tests.integration.picture_model import picture

pytestmark = pytest.mark.usefixtures("avow_home")


def good(said: Said) -> str:
    """What a command printed that ended well."""
    assert said.status == 0, said
    return said.out


def test_sumcheck_is_what_a_model_is_compiled_for(avow_home: Path, avow: Avow) -> None:
    said = avow("compile", "digits-mlp", "--unsafe-srs")
    out = good(said)
    digest = out.split()[0]
    assert "for sumcheck/v1, input public, weights fixed" in said.err
    assert "UNSAFE SRS" in said.err
    assert "first proof: " in said.err
    assert "UNSAFE: generated on this machine" in out
    assert "400 held-out rows" in out
    folder = avow_home / "artifacts" / digest[2:]
    assert (folder / "key.json").is_file()

    again = avow("compile", "digits-mlp", "--unsafe-srs", "--system", "sumcheck/v1", "--json")
    value = json.loads(good(again))
    assert value["digest"] == digest
    assert "artifact: kept" in again.err
    assert "first proof" not in again.err
    assert value["record"]["system"] == "sumcheck/v1"
    assert set(value["predicted"]["seconds"]) >= {"commit", "opening"}
    assert value["predicted"]["memory_bytes"] == value["record"]["proving_memory_bytes"]

    for subject in (digest, digest[2:12], str(folder), f"{folder}/record.json"):
        checked = good(avow("model", "check", "digits-mlp", subject))
        assert f"CHECKED: record {digest}" in checked
        assert "NOT CHECKED fidelity" in checked
    found = json.loads(good(avow("model", "check", "digits-mlp", digest, "--json")))
    assert found["checked"] is True
    assert all(one["recorded"] == one["found"] for one in found["comparisons"])

    # Anyone can: the files alone, in no store.
    files = {name: f"models/zoo/{name}/model.onnx" for name in ("digits-mlp", "tumour-risk")}
    elsewhere = avow_home.parent / "elsewhere"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVOW_HOME", str(elsewhere))
        assert f"CHECKED: record {digest}" in good(
            avow("model", "check", files["digits-mlp"], str(folder))
        )
        other = avow("model", "check", files["tumour-risk"], str(folder))
        assert other.status == 1
        assert "DIFFERS     ONNX SHA-256" in other.out
        assert "CHECKED: record" not in other.out
        refused(avow("model", "check", "nowhere/model.onnx", str(folder)), "nowhere/model.onnx")
    assert not elsewhere.exists()

    other = avow("model", "check", "tumour-risk", digest)
    assert other.status == 1
    assert "DIFFERS     program" in other.out
    assert "CHECKED: record" not in other.out

    key = folder / "key.json"
    key.write_bytes(key.read_bytes()[:-1])
    refused(avow("model", "check", "digits-mlp", digest), "key.json was altered")
    good(avow("compile", "digits-mlp", "--unsafe-srs"))
    good(avow("model", "check", "digits-mlp", digest))


def test_no_contract_is_said_to_check_what_reads_a_picture(avow_home: Path, avow: Avow) -> None:
    """Its input could be shown to none, also of the lookups that contracts check."""
    (avow_home / "models").mkdir(parents=True)
    name = picture().digest.hex()
    shutil.copytree(HOME / "models" / name, avow_home / "models" / name)
    gas = ("compile", "picture", "--unsafe-srs", "--bits", "8", "--optimize", "gas", "--batch", "1")
    assert "\n  on chain     no contract can check it; avow plan says why\n" in good(avow(*gas))
    made = json.loads(good(avow(*gas, "--json")))
    assert made["predicted"]["gas"] is None and "evm_codehash" not in made["record"]
    with pytest.raises(ArtifactRefused, match="would have to be shown all of its inputs"):
        to_register(avow_home / "artifacts" / made["digest"][2:], (), 10_000_000)


def test_a_ceremony_s_string_is_taken_as_it_is(avow: Avow, tmp_path: Path) -> None:
    sha256 = hashlib.sha256(HERMEZ.read_bytes()).hexdigest()
    srs = ("--srs", str(HERMEZ), "--srs-digest")
    refused(avow("compile", "digits-mlp", *srs[:2]), "--srs-digest is missing", sha256)
    refused(avow("compile", "digits-mlp", *srs, "ab" * 32), "is another file", sha256)
    refused(avow("compile", "lenet5", *srs, sha256), "2^5 powers is too short")
    out = good(avow("compile", "digits-mlp", *srs, sha256))
    assert "pinned by its owner" in out

    # Whoever holds a bundle finds its key by the ONNX file, the bundle and the string.
    path = tmp_path / "answer.avow.json"
    path.write_bytes(bundle(compiled(), inputs()).encode())
    refused(avow("model", "check", "digits-mlp", str(path)), "--srs")
    said = avow("model", "check", "digits-mlp", str(path), "--srs", str(HERMEZ))
    # The bundle's key was made with a longer row than this string has powers.
    refused(said, "needs an SRS of 2^8 powers")
    own = Path(compiled().artifact.folder).parents[1] / "srs"
    checked = avow("model", "check", "digits-mlp", str(path), "--srs", str(own))
    assert "CHECKED: record" in good(checked)
    assert "NOT CHECKED contracts for batches" in checked.out
    verify(path.read_bytes(), Policy(unsafe_allow_unsafe_srs=True))


def test_a_record_that_names_another_contract_is_not_checked(avow: Avow, tmp_path: Path) -> None:
    """An owner who would have the chain check by other data than the key's."""
    own = Path(compiled().artifact.folder).parents[1] / "srs"
    honest, path = bundle(compiled(), inputs()), tmp_path / "answer.avow.json"
    for code_hash, status in ((bytes(32), 1), (None, 0)):
        record = replace(honest.system, evm_codehash=code_hash)
        path.write_bytes(replace(honest, system=record).encode())
        said = avow("model", "check", "digits-mlp", str(path), "--srs", str(own))
        assert said.status == status, said
        assert ("CHECKED: record" in said.out) is (status == 0)
    assert "NOT CHECKED contracts: the record names none" in said.out
    path.write_bytes(replace(honest, system=replace(record, evm_codehash=bytes(32))).encode())
    said = avow("model", "check", "digits-mlp", str(path), "--srs", str(own))
    assert f"DIFFERS     contract's codehash  recorded 0x{'00' * 32}, found 0x" in said.out


def test_what_means_nothing_to_a_system_is_refused(avow: Avow) -> None:
    unsafe = ("compile", "digits-mlp", "--unsafe-srs")
    refused(avow(*unsafe, "--input-scale", "9"), "--input-scale means nothing to --system sumcheck")
    refused(avow(*unsafe, "--no-evm"), "--no-evm means nothing")
    refused(avow(*unsafe, "--target", "accuracy"), "--target means nothing")
    refused(avow(*unsafe, "--seconds", "5"), "--seconds means nothing")
    refused(
        avow(*unsafe, "--system", "ezkl", "--bits", "8"), "--bits means nothing to --system ezkl"
    )
    refused(
        avow(*unsafe, "--system", "groth16"), "expected --system sumcheck, ezkl, optimistic or tee"
    )
    refused(avow(*unsafe, "--system", "sumcheck", "--input", "private"), "sumcheck hides nothing")
    refused(avow(*unsafe, "--system", "sumcheck", "--weights", "hashed"), "sumcheck hides nothing")
    refused(avow(*unsafe, "--bits", "9"), "'8', '12', '16'")
    refused(avow("compile", "digits-mlp"), "an SRS is needed")
    refused(avow("compile", "nothing", "--unsafe-srs"), "no model 'nothing'")
    # 64 MiB is the least that may be asked for, and more than this model needs.
    little = ("--memory", "64", "--lookups", "committed")
    refused(avow("compile", "lenet5", "--unsafe-srs", *little), "predicted to need")


def test_hiding_still_means_ezkl(avow: Avow) -> None:
    said = avow("compile", "digits-mlp", "--unsafe-srs", "--input", "private", "--bits", "8")
    refused(said, "--bits means nothing to --system ezkl")
