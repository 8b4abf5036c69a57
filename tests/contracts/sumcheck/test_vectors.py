"""The committed vectors of Python and the native prover, through the contract."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from avow.circuits.sumcheck.blob import blob
from avow.verifier.fields import parse_hex
from avow.verifier.keccak import keccak256
from avow.verifier.systems.sumcheck.key import parse_key
from avow.verifier.tensor import Tensor, parse_tensor
from tests.contracts.node import Refused
from tests.contracts.sumcheck.desk import Desk, Sample, data_of
from tests.contracts.sumcheck.test_single import established
from tests.vectors.generate_sumcheck import BATCH, PATH


def read(path: Path) -> dict[str, Any]:
    """A vector."""
    return dict(json.loads(path.read_text(encoding="utf-8")))


def tensors(samples: list[Any]) -> list[list[Tensor]]:
    """Each sample's tensors."""
    return [[parse_tensor(one) for one in sample] for sample in samples]


def state(transcript: list[dict[str, str]]) -> bytes:
    """The transcript's state behind all entries, from nothing but what they say."""
    found = bytes(32)
    for entry in transcript:
        code = bytes([int(entry["code"])])
        if "words" in entry:
            words = bytes.fromhex(entry["words"][2:])
            count = (len(words) // 32).to_bytes(4, "big")
            found = keccak256(found + b"\0" + code + count + words)
        else:
            found = keccak256(found + b"\1" + code)
            assert found[1:] == bytes.fromhex(entry["challenge"][2:])[1:]
    return found


def test_the_vector_of_one_run(desk: Desk) -> None:
    vector = read(PATH)
    key, root = parse_key(vector["key"]), parse_hex(vector["root"], 32, "root")
    ((inputs,), (outputs,)) = tensors(vector["inputs"]), tensors(vector["outputs"])
    proof = b64decode(vector["proof"])
    arguments = (blob(key), root, data_of(inputs), data_of(outputs))
    assert desk.verify(*arguments, proof) == established(key, inputs, outputs)
    marked, _ = desk.trace(*arguments, proof)
    assert marked[-1] == state(vector["transcript"])
    for at in range(0, len(proof), 32):
        changed = proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :]
        with pytest.raises(Refused):
            desk.verify(*arguments, changed)


def test_the_vector_of_three_runs(desk: Desk) -> None:
    vector = read(BATCH)
    key, root = parse_key(vector["key"]), parse_hex(vector["root"], 32, "root")
    inputs, outputs = tensors(vector["inputs"]), tensors(vector["outputs"])
    proof = b64decode(vector["proof"])
    samples: list[Sample] = [
        (at, data_of(x), data_of(y), parse_hex(opening, 64, "opening"))
        for at, (x, y, opening) in enumerate(zip(inputs, outputs, vector["openings"], strict=True))
    ]
    code = blob(key, 3)
    wanted = [established(key, x, y) for x, y in zip(inputs, outputs, strict=True)]
    assert desk.verify_batch(code, root, samples, proof) == wanted
    assert desk.verify_batch(code, root, samples[1:2], proof) == wanted[1:2]
    for at in range(0, len(proof), 32):
        changed = proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :]
        with pytest.raises(Refused):
            desk.verify_batch(code, root, samples, changed)
    index, x, y, _ = samples[0]
    with pytest.raises(Refused):
        desk.verify_batch(code, root, [(index, x, y, samples[1][3])], proof)
