"""Lookups without helper columns: one sum of fractions, folded layer by layer (GKR).

A cell of a lookup is the leaf live / (alpha + fingerprint), a row of a table minus its multiplicity
over the same, and 0 / 1 follows them. A node adds up two: p0 q1 + p1 q0 over q0 q1.
"""

from collections.abc import Sequence

from avow.verifier.argument.proof import Dialogue, R, combine
from avow.verifier.argument.transcript import Label
from avow.verifier.errors import VerificationError
from avow.verifier.relation.relation import Table
from avow.verifier.relation.views import Point, corner
from avow.verifier.systems.sumcheck.frame import Frame
from avow.verifier.systems.sumcheck.values import Values


def fold_layers(dialogue: Dialogue, layers: int) -> tuple[int, int, Point]:
    """From a sum of 0, no denominator being 0, to what p and q of the leaves are at a point.

    A claim of layer k is p + mu q at a point of k variables. Its sumcheck begins with the last one
    and leaves out eq of what is bound: a round's polynomial g has (1 - t) g(0) + t g(1) as its
    claim, so that g(1) - g(0) and the leading coefficient say all.
    """
    transcript = dialogue.transcript
    point: Point = ()
    p = q = mu = claim = 0
    for layer in range(layers):
        drawn: Point = ()
        if layer:
            mu = transcript.challenge(Label.MU)
            claim = p + mu * q
        for t in reversed(point):
            slope, top = dialogue.scalars(Label.LAYERS, 2)
            x = transcript.challenge(Label.ROUND)
            claim = (claim - t * slope + x * (slope - top + x * top)) % R
            drawn = (x, *drawn)
        p0, p1, q0, q1 = nodes = dialogue.scalars(Label.NODES, 4)
        if (node_sum(nodes, mu) - claim) % R or (not layer and not q0 * q1 % R):
            raise VerificationError("proof", "the lookups do not add up to zero")
        u = transcript.challenge(Label.ROUND)
        p, q, point = p0 + u * (p1 - p0), q0 + u * (q1 - q0), (*drawn, u)
    return p % R, q % R, point


def node_sum(nodes: Sequence[int], mu: int) -> int:
    """p + mu q of two fractions added up."""
    p0, p1, q0, q1 = nodes
    return p0 * q1 + p1 * q0 + mu * q0 * q1


def leaves_at(frame: Frame, values: Values, alpha: int, fingerprint: int) -> tuple[int, int]:
    """p and q of the leaves where the layers ended.

    The number of the table is part of the fingerprint: no row can stand for another table's. A
    multiplicity is cut to live rows first, since p is multilinear and live times it is not.
    """
    p, q, outside = 0, 0, 1
    groups = zip(frame.relation.groups, frame.blocks, strict=True)
    for table, (group, start) in enumerate(groups):
        variables = group.live.variables
        at, split = frame.end(variables), frame.layers - variables
        weight = corner(start >> variables, values.challenges[:split])
        if isinstance(group, Table):
            top = -values.read((frame.relation.count(group), at))
        else:
            table, top = group.table, values.of(group.live, at)
        row = [table, *(values.of(component, at) for component in group.components)]
        p += weight * top
        q += weight * (alpha + combine(row, fingerprint))
        outside -= weight
    return p % R, (q + outside) % R
