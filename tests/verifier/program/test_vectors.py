"""The committed programs give the committed answers."""

import base64
import json

from avow.verifier.fields import to_hex
from avow.verifier.program.blob import Blob
from avow.verifier.program.program import parse_program, run
from avow.verifier.tensor import parse_tensor
from tests.programs.builder import KINDS
from tests.vectors.generate_programs import COUNT, PATH


def test_committed_programs_give_committed_answers() -> None:
    vectors = json.loads(PATH.read_text())
    assert len(vectors) == COUNT
    used = set()
    for vector in vectors:
        program = parse_program(vector["program"].encode())
        assert to_hex(program.digest()) == vector["digest"]
        blobs = [
            Blob(ref.element_type, ref.shape, base64.b64decode(data))
            for ref, data in zip(program.blobs, vector["blobs"], strict=True)
        ]
        answers = run(program, blobs, [parse_tensor(item) for item in vector["inputs"]])
        assert [answer.to_json() for answer in answers] == vector["outputs"]
        used |= {item["op"] for item in json.loads(vector["program"])["operations"]}
    assert used == set(KINDS)
