"""One honest and one forged proof of a random program, from a seed: what samples and campaigns do.

A round raises `Hole` where the system fails: an honest proof refused, a forged one believed, or
two provers who do not say the same.
"""

from dataclasses import dataclass
from functools import cache
from random import Random

from avow.prover.native import _core
from avow.prover.systems.sumcheck.prepared import prepare
from avow.prover.systems.sumcheck.prove import prove
from avow.verifier.argument.proof import R
from avow.verifier.errors import VerificationError
from avow.verifier.program.program import run
from avow.verifier.relation.relation import Kind, Multiplicity
from avow.verifier.systems.sumcheck.frame import frame
from avow.verifier.systems.sumcheck.key import COMMITTED, LAYERED
from tests.programs.builder import random_inputs, random_program
from tests.relation.evaluation import is_live
from tests.soundness.adversary import Adversary, Plan
from tests.soundness.checking import check_all
from tests.soundness.forgeries import Forgery, honest_forgery, wrong_results
from tests.soundness.reference import Prover
from tests.soundness.workbench import ROOT, TAU, Case, Samples, make_case

BATCHES = (1, 1, 2, 3, 5, 7)
# Larger stacks are left to the native prover.
SMALL = 12


class Hole(Exception):
    """The proof system does not do what it promises."""


@dataclass(frozen=True)
class Round:
    """What a round did."""

    width: int
    logrows: int
    batch: int
    operations: int
    bytes: int
    compared: bool
    forged: str = ""


@cache
def powers(logrows: int) -> bytes:
    """The first 2^logrows powers of the known secret, as the native core reads points."""
    scalars = b"".join(pow(TAU, k, R).to_bytes(32, "little") for k in range(2**logrows))
    return _core.multiples(scalars)


def random_case(rng: Random, seed: int, batch: int, widest: int) -> Case:
    """The key of a random program at random parameters, of no more rows than are checked."""
    program, blobs = random_program(seed, rng.choice((1, 3, 6, 12)))
    width = rng.randint(1, widest)
    logrows = rng.randint(5, max(6, width))
    lookups = LAYERED if seed % 2 else COMMITTED
    while True:
        case = make_case(program, blobs, width, logrows, lookups)
        try:
            frame(case.relation(batch), logrows)
        except VerificationError:
            logrows += 1
        else:
            return case


def random_plan(rng: Random) -> Plan:
    """Any way to lie."""
    return Plan(
        "random",
        rng.choice(("", "first", "last", "each")),
        rng.choice((None, rng.randrange(1000))),
        rng.choice((None, rng.randrange(1000))),
        rng.random() < 0.7,
        rng.choice((None, rng.randrange(4))),
        rng.choice((None, rng.randrange(1000))),
        rng.choice(("", "", "lookup", "table", "dead lookup", "dead table", "padding")),
        rng.choice((None, rng.randrange(4))),
        rng.choice((None, rng.randrange(1000))),
    )


def accepted(case: Case, prover: Prover, proof: bytes) -> bool:
    """What the verifier says of it."""
    try:
        check_all(case.key, ROOT, prover.inputs, prover.outputs, proof)
    except VerificationError:
        return False
    return True


def honest_round(seed: int, widest: int = 12) -> Round:
    """Prove a random program natively; it verifies, and says what the definition says."""
    rng = Random(seed)
    batch = rng.choice(BATCHES)
    case = random_case(rng, seed, batch, widest)
    inputs: Samples = [tuple(random_inputs(case.program, rng)) for _ in range(batch)]
    shape = frame(case.relation(batch), case.key.logrows)
    prepared = prepare(case.program, case.blobs, case.key, powers(shape.stack.logrows), batch)
    proved = prove(prepared, ROOT, inputs)
    for sample, answer in zip(inputs, proved.outputs, strict=True):
        if run(case.program, case.blobs, sample) != answer:
            raise Hole(f"seed {seed}: the prover's answer is not the program's")
    try:
        check_all(case.key, ROOT, inputs, proved.outputs, proved.proof, proved.openings)
    except VerificationError as error:
        raise Hole(f"seed {seed}: an honest proof is refused: {error}") from error
    compared = shape.stack.logsize <= SMALL
    if compared and case.prover(inputs).prove() != proved.proof:
        raise Hole(f"seed {seed}: the two provers differ")
    damaged = bytearray(proved.proof)
    damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    try:
        check_all(case.key, ROOT, inputs, proved.outputs, bytes(damaged), proved.openings)
    except VerificationError:
        pass
    else:
        raise Hole(f"seed {seed}: a damaged proof is accepted")
    return Round(
        case.key.width,
        case.key.logrows,
        batch,
        len(case.program.steps),
        len(proved.proof),
        compared,
    )


def forged_round(seed: int) -> Round:
    """Forge a run of a random program: believed exactly if it satisfies every equation."""
    rng = Random(seed)
    batch = rng.choice(BATCHES[:4])
    case = random_case(rng, seed, batch, 4)
    if frame(case.relation(batch), case.key.logrows).stack.logsize > SMALL:
        case, batch = make_case(case.program, case.blobs, 3, 5, case.key.lookups), 1
    forgery = random_forgery(case, rng, seed, batch)
    wrong = forgery.broken()
    plan = random_plan(rng)
    prover = forgery.prover(type("Planned", (Adversary,), {"plan": plan}))
    proof = prover.prove()
    if accepted(case, prover, proof) is bool(wrong):
        raise Hole(f"seed {seed}: {forgery.name}, {plan}, breaks {wrong}")
    return Round(
        case.key.width,
        case.key.logrows,
        batch,
        len(case.program.steps),
        len(proof),
        False,
        "an equation broken" if wrong else forgery.name,
    )


def random_forgery(case: Case, rng: Random, seed: int, batch: int) -> Forgery:
    """A wrong result of some operation, or any value in any cell that a prover commits."""
    if rng.random() < 0.4:
        numbers = list(range(len(case.program.inputs), len(case.program.shapes())))
        at = rng.choice(numbers)
        found = list(wrong_results(case, {f"tensor {at}": at}, seed, batch, 3))
        if found:
            return rng.choice(found)
    inputs: Samples = [tuple(random_inputs(case.program, rng)) for _ in range(batch)]
    forgery = honest_forgery(case, inputs)
    relation = case.relation(batch)
    columns = [
        at
        for at, column in enumerate(relation.columns)
        if column.kind is Kind.WITNESS and not isinstance(column.source, Multiplicity)
    ]
    if not columns:
        return forgery
    cells, live = list(forgery.cells), False
    for _ in range(rng.choice((1, 1, 2, 3))):
        number = rng.choice(columns)
        cell = rng.randrange(len(cells[number]))
        cells[number] = cells[number].copy()
        cells[number][cell] = (int(cells[number][cell]) + random_change(rng)) % R
        live |= is_live(relation.columns[number].lengths)[cell]
    name = "live cells that nothing reads" if live else "dead cells"
    return Forgery(name, case, inputs, forgery.outputs, cells)


def random_change(rng: Random) -> int:
    """By how much a cell is wrong."""
    power = 2 ** rng.randint(0, 20)
    return rng.choice((1, -1, power, -power, pow(power + 1, -1, R), rng.randrange(1, R)))
