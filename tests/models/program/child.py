"""Run as a program, under an emulated processor: checks itself, then prints digests of answers.

Arguments: seeds of random programs. Prints the processor's extensions, how many programs the
self-check ran, and one line for each seed: the seed and a digest of all outputs.
"""

import hashlib
import sys
from collections.abc import Sequence
from random import Random

from numpy._core._multiarray_umath import __cpu_features__

from avow.models.program.blobs import Integers
from avow.models.program.fast import FastExecutor
from avow.models.program.selfcheck import self_check
from tests.models.program.arrays import batch_inputs
from tests.programs.builder import random_program

BATCH = 3


def digest(outputs: Sequence[Integers]) -> str:
    """What two processors must agree on."""
    return hashlib.sha256(b"".join(output.tobytes() for output in outputs)).hexdigest()


def main() -> None:
    """Print what the module promises."""
    print(*(name for name, there in __cpu_features__.items() if there))
    print("checked", self_check())
    for seed in map(int, sys.argv[1:]):
        program, blobs = random_program(seed)
        inputs, _ = batch_inputs(program, Random(seed), BATCH)
        print(seed, digest(FastExecutor(program, blobs, 1).run(inputs)))


if __name__ == "__main__":
    main()
