"""Whether a proof convinces: that a key's program, run on these inputs, gives these outputs."""

from collections.abc import Sequence
from dataclasses import dataclass

from avow.verifier.argument.batch import openings, spread
from avow.verifier.argument.opening import PairingCheck, check_pairing, opening
from avow.verifier.argument.proof import Dialogue, R, combine
from avow.verifier.argument.transcript import STATEMENT_TAG, Label
from avow.verifier.bn254 import POINT_BYTES
from avow.verifier.curves import read_point
from avow.verifier.errors import VerificationError
from avow.verifier.program.program import output_specs
from avow.verifier.relation.publics import publics, summary
from avow.verifier.relation.relation import Kind
from avow.verifier.relation.views import Point, View, bits, corner, eq, eq_table, size
from avow.verifier.srs import srs_digest
from avow.verifier.systems.sumcheck.equations import bilinear_at, bilinear_claim, identities_at
from avow.verifier.systems.sumcheck.frame import Frame, Positions, Spot, frame
from avow.verifier.systems.sumcheck.key import Key
from avow.verifier.systems.sumcheck.layers import fold_layers, leaves_at
from avow.verifier.systems.sumcheck.values import Values, Work
from avow.verifier.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of a batch: its tensors, its place, and what opens the shared polynomial there."""

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]
    index: int = 0
    opening: bytes = b""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Inputs, then outputs."""
        return (*self.inputs, *self.outputs)


def check_proof(
    key: Key,
    root: bytes,
    batch: int,
    samples: Sequence[Sample],
    proof: bytes,
    pairing: PairingCheck = check_pairing,
) -> None:
    """Establish that the program gives each sample's outputs for its inputs, in a proof of `batch`
    runs bound to `root`. Of a batch any samples can be checked, without the others.

    `root` binds the tensors: a batch's prover must not choose them after it. Everything that the
    prover sends is absorbed before the next challenge is drawn, and every claim is about a point
    drawn after the rows were absorbed. Raises `VerificationError`.
    """
    eq_table.cache_clear()  # Tables of another proof's points are of no use to this one.

    # 0. Statement: tensors within their specifications, and everything that the proof is about.
    specs = (key.program.inputs, output_specs(key.program, key.bounds()))
    for sample in samples:
        if tuple(map(len, (sample.inputs, sample.outputs))) != tuple(map(len, specs)):
            raise VerificationError("tensors", "a sample lacks inputs or outputs")
        for spec, tensor in zip((*specs[0], *specs[1]), sample.tensors, strict=True):
            spec.check(tensor)
        if len(sample.opening) != (POINT_BYTES if batch > 1 else 0):
            raise VerificationError("parse", "an opening belongs to every sample of a batch")
        if batch > 1 and not 0 <= sample.index < batch:
            raise VerificationError("proof", f"a batch of {batch} has no sample {sample.index}")
    if not samples or len(samples) > batch:
        raise VerificationError("proof", f"{len(samples)} samples of {batch} are to be checked")
    relation = key.relation(batch)
    places = frame(relation, key.logrows)
    matrices = places.stack.matrices
    if len(key.rows) != matrices[0].rows:
        raise VerificationError("key", f"{matrices[0].rows} rows expected, got {len(key.rows)}")
    known = publics(relation, samples[0].tensors)
    dialogue = Dialogue(proof)
    transcript = dialogue.transcript
    names = (STATEMENT_TAG, root, key.program.digest(), key.digest(), srs_digest(key.tau_g2))
    words = [int.from_bytes(name, "big") for name in names]
    columns = places.stack.logrows
    transcript.absorb(Label.STATEMENT, [*words, batch, columns, key.width])
    if batch == 1:
        digests = [int.from_bytes(tensor.digest(), "big") for tensor in samples[0].tensors]
        transcript.absorb(Label.PUBLIC, digests)

    # 1. Witness: fixed before the challenges of the lookups.
    witness = dialogue.points(Label.WITNESS, matrices[1].rows)
    alpha = transcript.challenge(Label.ALPHA)
    fingerprint = transcript.challenge(Label.LAMBDA)

    # 2. Helper columns, E behind them: fixed before the identities are weighted. Or layers.
    kappa, inner = 0, Point()
    if batch > 1:
        kappa = transcript.challenge(Label.KAPPA)
        inner = tuple(transcript.challenge(Label.INNER) for _ in range(places.inner))
    helpers = dialogue.points(Label.HELPERS, matrices[2].rows)
    work, leaves, sent, t = Work(), places.leaves(), list[int](), Point()
    if relation.layered:
        p, q, t = fold_layers(dialogue, places.layers)
        sent = dialogue.scalars(Label.LEAVES, len(leaves))
        at_t = Values(known, dict(zip(leaves, sent, strict=True)), t, work)
        if (p, q) != leaves_at(places, at_t, alpha, fingerprint):
            raise VerificationError("proof", "the fractions are not those of the lookups")
    rho = tuple(transcript.challenge(Label.RHO) for _ in range(places.variables))
    gamma = transcript.challenge(Label.GAMMA)

    # 3. Identities: they sum to zero, which ends in evaluations at r.
    claim, r = dialogue.rounds(Label.IDENTITIES, 0, places.variables, 3)
    reads = places.reads()
    found = dialogue.scalars(Label.READS, len(reads))
    at_r = Values(known, dict(zip(reads, found, strict=True)), t + r, work)
    if claim != identities_at(places, at_r, alpha, fingerprint, gamma, eq(rho, r)):
        raise VerificationError("proof", "the identities do not hold")

    # 4. Bilinear sums: from the results at r to their factors at points of r and s.
    challenges, factors, sent = t + r, places.factors(), sent + found
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
    forms = _forms(places, [*leaves, *reads, *factors], challenges, z, work)
    if batch > 1:  # One more claim, of value 0: E's values are the tensors' own.
        head = rho[: bits(batch)]
        ends = _forms(places, places.ends(), (*challenges, *head, *inner), z, work)
        row = matrices[2].first_row + matrices[2].rows - 1
        forms.append(combine(ends, kappa) - corner(row, z[:-columns]) * spread(head, z))
    if claim != value * combine(forms, eta) % R:
        raise VerificationError("proof", "the evaluations are not those of the committed columns")

    # 7. Opening: the committed rows, the key's among them, have that value.
    constants = [read_point(row, "a row of the key") for row in key.rows]
    rows = [
        (matrix.first_row + number, point)
        for matrix, points in zip(matrices, (constants, witness, helpers), strict=True)
        for number, point in enumerate(points)
    ]
    equation = opening(dialogue, rows, z, columns, value)
    if batch > 1:
        claims = [
            (
                one.index,
                summary(relation, one.tensors, kappa, inner),
                read_point(one.opening, "an opening"),
            )
            for one in samples
        ]
        equation = openings(transcript, helpers[-1], bits(batch), claims, equation)
    pairing(equation, key.tau_g2)


def _forms(places: Frame, spots: list[Spot], challenges: Point, z: Point, work: Work) -> list[int]:
    """L~(z) of every claim that the stack times L is the value sent.

    L is zero outside of its column, so what else a row holds cannot count. The key's rows are the
    first entries of the stack's: its columns have their places among those.
    """
    stack, columns = places.stack, places.relation.columns
    start, end = len(z) - stack.logrows, len(z) - stack.key_logrows
    first = corner(0, z[start:end])
    known: dict[tuple[View, bool, Positions], int] = {}
    forms = []
    for read, positions in spots:
        in_key = read.column < len(columns) and columns[read.column].kind is Kind.KEY
        view, at = read.view, (*z[:start], *z[end:]) if in_key else z
        split = len(at) - size(view.ins)
        if (view, in_key, positions) not in known:
            work.spend(view, 0)
            point = tuple(challenges[at] for at in positions)
            known[view, in_key, positions] = view.coefficient(point, at[split:])
        block = places.starts[read.column] >> size(view.ins)
        place = corner(block, at[:split]) * (first if in_key else 1)
        forms.append(known[view, in_key, positions] * place % R)
    return forms
