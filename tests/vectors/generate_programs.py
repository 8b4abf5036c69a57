"""Writes programs.json: small programs with inputs and the answers they must give.

Run `python -m tests.vectors.generate_programs` after a deliberate change of meaning.
"""

import json
from pathlib import Path
from random import Random

from avow.verifier.fields import to_base64, to_hex
from avow.verifier.program.program import run
from tests.programs.builder import random_inputs, random_program

PATH = Path(__file__).with_name("programs.json")
COUNT = 24


def vectors() -> list[dict[str, object]]:
    """The vectors as JSON values; together they use every operation."""
    found = []
    for seed in range(COUNT):
        program, blobs = random_program(seed, operations=8)
        inputs = random_inputs(program, Random(seed))
        found.append(
            {
                "program": program.encode().decode(),
                "digest": to_hex(program.digest()),
                "blobs": [to_base64(blob.data) for blob in blobs],
                "inputs": [tensor.to_json() for tensor in inputs],
                "outputs": [tensor.to_json() for tensor in run(program, blobs, inputs)],
            }
        )
    return found


if __name__ == "__main__":
    PATH.write_text(json.dumps(vectors(), indent=1) + "\n")
