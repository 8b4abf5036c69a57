"""Whether a proof convinces: that a key's program, run on these inputs, gives these outputs."""

from avow.verifier.curves import read_point
from avow.verifier.errors import VerificationError
from avow.verifier.program.program import output_specs
from avow.verifier.relation.publics import Samples, publics
from avow.verifier.relation.views import Point, View, eq, eq_table, size
from avow.verifier.srs import srs_digest
from avow.verifier.systems.sumcheck.equations import bilinear_at, bilinear_claim, identities_at
from avow.verifier.systems.sumcheck.frame import Frame, Positions, Spot, frame
from avow.verifier.systems.sumcheck.key import Key
from avow.verifier.systems.sumcheck.opening import check_opening
from avow.verifier.systems.sumcheck.proof import Dialogue, R, combine
from avow.verifier.systems.sumcheck.transcript import STATEMENT_TAG, Label
from avow.verifier.systems.sumcheck.values import Values, Work


def check_proof(key: Key, root: bytes, inputs: Samples, outputs: Samples, proof: bytes) -> None:
    """Establish that the program gives outputs[k] for inputs[k], in a proof bound to `root`.

    Everything that the prover sends is absorbed before the next challenge is drawn, and every
    claim is about a point drawn after the rows were absorbed. Raises `VerificationError`.
    """
    eq_table.cache_clear()  # Tables of another proof's points are of no use to this one.

    # 0. Statement: tensors within their specifications, and everything that the proof is about.
    schemas = (key.program.inputs, output_specs(key.program, key.bounds()))
    for specs, samples in zip(schemas, (inputs, outputs), strict=True):
        if len(samples) != len(inputs) or any(len(sample) != len(specs) for sample in samples):
            raise VerificationError("tensors", "a sample lacks inputs or outputs")
        for sample in samples:
            for spec, tensor in zip(specs, sample, strict=True):
                spec.check(tensor)
    relation = key.relation(len(inputs))
    places = frame(relation, key.logrows)
    matrices = places.stack.matrices
    if len(key.rows) != matrices[0].rows:
        raise VerificationError("key", f"{matrices[0].rows} rows expected, got {len(key.rows)}")
    known = publics(relation, key.program, inputs, outputs)
    dialogue = Dialogue(proof)
    transcript = dialogue.transcript
    names = (STATEMENT_TAG, root, key.program.digest(), key.digest(), srs_digest(key.tau_g2))
    words = [int.from_bytes(name, "big") for name in names]
    transcript.absorb(Label.STATEMENT, [*words, len(inputs), key.logrows, key.width])
    for given, answered in zip(inputs, outputs, strict=True):
        digests = [tensor.digest() for tensor in (*given, *answered)]
        transcript.absorb(Label.PUBLIC, [int.from_bytes(digest, "big") for digest in digests])

    # 1. Witness: fixed before the challenges of the lookups.
    witness = dialogue.points(Label.WITNESS, matrices[1].rows)
    alpha = transcript.challenge(Label.ALPHA)
    fingerprint = transcript.challenge(Label.LAMBDA)

    # 2. Helper columns: fixed before the identities are weighted.
    helpers = dialogue.points(Label.HELPERS, matrices[2].rows)
    rho = tuple(transcript.challenge(Label.RHO) for _ in range(places.variables))
    gamma = transcript.challenge(Label.GAMMA)

    # 3. Identities and lookups: they sum to zero, which ends in evaluations at r.
    claim, r = dialogue.rounds(Label.IDENTITIES, 0, places.variables, 3)
    reads = places.reads()
    sent = dialogue.scalars(Label.READS, len(reads))
    work = Work()
    at_r = Values(known, dict(zip(reads, sent, strict=True)), r, work)
    if claim != identities_at(places, at_r, alpha, fingerprint, gamma, eq(rho, r)):
        raise VerificationError("proof", "the identities do not hold")

    # 4. Bilinear sums: from the results at r to their factors at points of r and s.
    challenges, factors = r, places.factors()
    if relation.bilinears:
        theta = transcript.challenge(Label.THETA)
        claim = bilinear_claim(places, at_r, theta)
        claim, s = dialogue.rounds(Label.BILINEAR, claim, places.summed, places.degree)
        challenges += s
        more = dialogue.scalars(Label.FACTORS, len(factors))
        at_s = Values(known, dict(zip(factors, more, strict=True)), challenges, work)
        if claim != bilinear_at(places, at_s, theta):
            raise VerificationError("proof", "the linear operations do not hold")
        sent += more

    # 5. Public columns: `Values` evaluated them wherever they are read.

    # 6. Reduction: all claims become one about the whole stack, at z.
    eta = transcript.challenge(Label.ETA)
    claim, z = dialogue.rounds(Label.REDUCTION, combine(sent, eta), places.stack.logsize, 2)
    (value,) = dialogue.scalars(Label.STACK, 1)
    forms = _forms(places, [*reads, *factors], challenges, z, work)
    if claim != value * combine(forms, eta) % R:
        raise VerificationError("proof", "the evaluations are not those of the committed columns")

    # 7. Opening: the committed rows, the key's among them, have that value.
    constants = [read_point(row, "a row of the key") for row in key.rows]
    rows = [
        (matrix.first_row + number, point)
        for matrix, points in zip(matrices, (constants, witness, helpers), strict=True)
        for number, point in enumerate(points)
    ]
    check_opening(dialogue, rows, z, key.logrows, value, key.tau_g2)


def _forms(places: Frame, spots: list[Spot], challenges: Point, z: Point, work: Work) -> list[int]:
    """L~(z) of every claim that the stack times L is the value sent.

    L is zero outside of its column, so what else a row holds cannot count.
    """
    known: dict[tuple[View, Positions], int] = {}
    forms = []
    for read, positions in spots:
        view, variables = read.view, size(read.view.ins)
        split = len(z) - variables
        if (view, positions) not in known:
            work.spend(view, 0)
            point = tuple(challenges[at] for at in positions)
            known[view, positions] = view.coefficient(point, z[split:])
        block = places.starts[read.column] >> variables
        corner = tuple(block >> shift & 1 for shift in reversed(range(split)))
        forms.append(known[view, positions] * eq(corner, z[:split]) % R)
    return forms
