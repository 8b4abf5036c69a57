"""Provers who lie and then carry on, so that every check but the last hopeless one is met."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from avow.verifier.argument.proof import HALF, R
from avow.verifier.argument.transcript import Label
from avow.verifier.relation.publics import publics
from avow.verifier.relation.relation import Lookup, Table
from avow.verifier.relation.views import eq
from avow.verifier.systems.sumcheck.equations import bilinear_at, identities_at
from avow.verifier.systems.sumcheck.layers import leaves_at
from avow.verifier.systems.sumcheck.values import Values, Work
from tests.soundness.reference import Field, Prover, eq_table, horner, value_at


def root_of(error: Callable[[int], int]) -> int | None:
    """Where a function that is linear in one number is zero, if it is linear and is so anywhere."""
    at = [error(x) % R for x in range(3)]
    slope = (at[1] - at[0]) % R
    if slope == 0 or (at[2] - 2 * at[1] + at[0]) % R:
        return None
    return -at[0] * pow(slope, -1, R) % R


@dataclass(frozen=True)
class Plan:
    """How to lie.

    `rounds` says in which rounds of a sumcheck a polynomial is bent so that the running claim is
    met: none, the first, the last, or each. `read` is the place among the reads, `factor` among
    the factors, from which on a value is sought that passes the check at once; None for none.
    `value`, `last` and `fold` say the same of the stack's value, of the last fold's coefficients
    and of the values of the other folds.
    `helpers` names the cells where sums of helper columns are made to match: "lookup", "table",
    "dead lookup", "dead table", or ""; with layers the numerators there, or "padding" behind them.
    `node` is the place among a layer's four numbers, `leaf` among the leaves' reads, from which on
    values are sought that pass the check at once.
    """

    name: str
    rounds: str = ""
    read: int | None = None
    factor: int | None = None
    value: bool = False
    last: int | None = None
    fold: int | None = None
    helpers: str = ""
    node: int | None = None
    leaf: int | None = None


PLANS = (
    Plan("plain"),
    Plan("first rounds bent", rounds="first"),
    Plan("last rounds bent", rounds="last"),
    Plan("all rounds bent", rounds="each"),
    Plan("first read, to the end", "first", 0, 0, True, 0, 0, "", 0, 0),
    Plan("middle read, to the end", "last", 35, 1, True, 1, 3, "", 1, 15),
    Plan("last read, to the end", "each", -1, -1, True, -1, -2, "", 3, -1),
    Plan("read alone", read=20),
    Plan("value alone", value=True),
    Plan("last fold alone", value=True, last=2),
    Plan("fold alone", fold=1),
    Plan("lookups' helpers fitted", "first", 10, 0, True, 0, 5, "lookup", 0, 3),
    Plan("tables' helpers fitted", "first", 50, 0, True, 1, 6, "table", 1, 0),
    Plan("dead helpers of lookups fitted", "each", 60, 1, True, 2, 7, "dead lookup", 2, 7),
    Plan("dead helpers of tables fitted", "last", 45, 2, True, 3, 2, "dead table", 3, 1),
    Plan("padding fitted", "first", 5, 0, True, 1, 4, "padding", 2, 20),
    Plan("nodes alone", node=2),
    Plan("leaves alone", leaf=4),
)


def in_turn(turn: int, every: int) -> tuple[Plan, ...]:
    """The plain plan and every so-manieth of the others, by turns; all of them in a campaign."""
    if os.environ.get("AVOW_TEST_CAMPAIGN") == "1":
        return PLANS
    return (PLANS[0], *PLANS[1 + turn % every :: every])


class Adversary(Prover):
    """Lies according to a plan; with nothing to hide it is honest to the byte."""

    plan = Plan("plain")

    def round(self, label: Label, number: int, claim: int, values: list[int]) -> list[int]:
        """Bend g so that g(0) + g(1) is the claim."""
        count = {
            Label.IDENTITIES: self.frame.variables,
            Label.BILINEAR: self.frame.summed,
            Label.REDUCTION: self.frame.stack.logsize,
        }[label]
        bent = {"first": number == 0, "last": number == count - 1, "each": True, "": False}
        off = (claim - values[0] - values[1]) % R
        if off and bent[self.plan.rounds]:
            if self.plan.rounds == "each":
                # A constant is added to all values; otherwise only g(0) changes.
                values = [value + off * HALF for value in values]
            else:
                values = [values[0] + off, *values[1:]]
        return [values[0], *values[2:]]

    def say(self, label: Label, values: list[int]) -> list[int]:
        """Seek one value that passes the check that comes next."""
        match label:
            case Label.NODES if self.plan.node is not None:
                return self.fit(values, self.plan.node, self.nodes_error)
            case Label.LEAVES if self.plan.leaf is not None:
                # Multiplicities are in p alone, all others in q alone.
                for number in range(2):
                    error = partial(self.leaves_error, number)
                    values = self.fit(values, self.plan.leaf, error)
                return values
            case Label.READS if self.plan.read is not None:
                return self.fit(values, self.plan.read, self.identities_error)
            case Label.FACTORS if self.plan.factor is not None:
                return self.fit(values, self.plan.factor, self.bilinear_error)
            case Label.STACK if self.plan.value and self.form:
                return [self.claim * pow(self.form, -1, R)]
            case Label.LAST if self.plan.last is not None:
                return self.fit(values, self.plan.last, self.claim_error)
            case Label.FOLD_VALUES if self.plan.fold is not None:
                return self.fit(values, self.plan.fold, self.folds_error)
        return values

    def fit(
        self, values: list[int], start: int, error: Callable[[Sequence[int]], int]
    ) -> list[int]:
        """The values with one changed, from that place on, so that there is no error."""
        values = [value % R for value in values]
        if error(values) % R == 0:
            return values
        for step in range(len(values)):
            at = (start + step) % len(values)
            found = root_of(lambda x, at=at: error([*values[:at], x, *values[at + 1 :]]))
            if found is not None:
                return [*values[:at], found, *values[at + 1 :]]
        return values

    def known(self) -> dict[int, Sequence[int]]:
        """What the verifier will take the public columns to be."""
        return dict(publics(self.relation, (*self.inputs[0], *self.outputs[0])))

    def nodes_error(self, values: Sequence[int]) -> int:
        """By how much a layer's last check fails."""
        return (
            self.node_sum(np.ones(1, object), [np.array([v], object) for v in values]) - self.claim
        )

    def leaves_error(self, number: int, values: Sequence[int]) -> int:
        """By how much p (0) or q (1) of the leaves fails."""
        sent = dict(zip(self.frame.leaves(), values, strict=True))
        at_t = Values(self.known(), sent, self.t, Work())
        return leaves_at(self.frame, at_t, self.alpha, self.lam)[number] - self.claims[number]

    def identities_error(self, values: Sequence[int]) -> int:
        """By how much the identities' last check fails."""
        sent = dict(zip(self.spots, values, strict=True))
        at_r = Values(self.known(), sent, self.point, Work())
        weight = eq(tuple(self.rho), self.r)
        found = identities_at(self.frame, at_r, self.alpha, self.lam, self.gamma, weight)
        return found - self.claim

    def bilinear_error(self, values: Sequence[int]) -> int:
        """By how much the bilinear sumcheck's last check fails."""
        sent = dict(zip(self.frame.factors(), values, strict=True))
        at_s = Values(self.known(), sent, self.point, Work())
        return bilinear_at(self.frame, at_s, self.theta) - self.claim

    def claim_error(self, values: Sequence[int]) -> int:
        """By how much the last fold misses the claimed value."""
        return value_at(np.array(values, object), self.left) - self.value

    def folds_error(self, values: Sequence[int]) -> int:
        """By how much the last one that is not in clear misses the last fold."""
        end = len(self.z) - self.frame.stack.logrows + len(self.left)
        weights = eq_table(self.z[end : end + 3])
        found = 0
        for node, value in zip(self.nodes[:8], values[-9:-1], strict=True):
            found += value * horner([int(weight) for weight in weights], pow(node, -1, R))
        return found * pow(8, -1, R) - horner(self.last, self.nodes[8])

    def make_helpers(self) -> None:
        """With sums that match, if that is the plan."""
        self.fitting = bool(self.plan.helpers) and not self.relation.layered
        super().make_helpers()

    def commit(self, vectors: Sequence[Sequence[int]]) -> list[int]:
        """Before the helpers are committed they are changed."""
        if self.fitting:
            self.fitting = False
            self.fit_helpers()
            vectors = self.rows(2)
        return super().commit(vectors)

    fitting = False

    def make_leaves(self) -> tuple[Field, Field]:
        """With numerators whose sum is zero, if that is the plan."""
        p, q = super().make_leaves()
        if not self.plan.helpers or (q == 0).any():
            return p, q
        total = sum(int(a) * pow(int(b), -1, R) for a, b in zip(p, q, strict=True) if a) % R
        cells = self.places()
        if total and len(cells):
            p[cells[0]] = (p[cells[0]] - total * q[cells[0]]) % R
        return p, q

    def places(self) -> Field:
        """The leaves that the plan names."""
        dead, where = self.plan.helpers.startswith("dead"), self.plan.helpers.split()[-1]
        named = np.full(2**self.frame.layers, where == "padding")
        for group, start in zip(self.relation.groups, self.frame.blocks, strict=True):
            live = self.cells(group.live) != 0
            own = isinstance(group, Table) is (where == "table") and where != "padding"
            named[start : start + len(live)] = own & (live != dead)
        return np.flatnonzero(named).astype(object)

    def fit_helpers(self) -> None:
        """Change one cell for each table whose sum is not zero."""
        relation = self.relation
        for number, table in enumerate(relation.tables):
            own = [
                at
                for at, lookup in enumerate(relation.lookups, len(relation.tables))
                if lookup.table == number
            ]
            total = sum(int(self.helpers[at].sum()) for at in own)
            total = (total - int(self.helpers[number].sum())) % R
            if not total:
                continue
            dead, where = self.plan.helpers.startswith("dead"), self.plan.helpers.split()[-1]
            places: list[tuple[int, Table | Lookup]] = [(number, table)]
            if where == "lookup":
                places = [(at, relation.lookups[at - len(relation.tables)]) for at in own]
            for at, group in places:
                live = self.cells(group.live)
                cells = np.flatnonzero(live == 0) if dead else np.flatnonzero(live)
                if len(cells):
                    column: Field = self.helpers[at].copy()
                    sign = 1 if where == "table" else -1
                    column[cells[0]] = (column[cells[0]] + sign * total) % R
                    self.helpers[at] = column
                    break
