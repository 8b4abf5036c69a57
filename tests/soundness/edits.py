"""Forgeries cell by cell: any field element in any column, and the small programs they are of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from avow.verifier.argument.proof import R
from avow.verifier.program import operations as op
from avow.verifier.relation.relation import Digit, Excess, Kind, Relation, Remainder, Value
from avow.verifier.tensor import ElementType, Tensor
from tests.relation.evaluation import Run, pad
from tests.soundness.forgeries import Forgery, honest_forgery
from tests.soundness.programs import Sketch
from tests.soundness.workbench import Case, Samples, make_case

Cells = Mapping[int, int]
Digits = Callable[[int, Digit], int]


def fraction(top: int, bottom: int) -> int:
    """top / bottom in the field."""
    return top * pow(bottom, -1, R) % R


def inputs_of(case: Case, *values: Sequence[int]) -> Samples:
    """One sample."""
    specs = case.program.inputs
    return [
        tuple(
            Tensor(ElementType.INT8, spec.shape, tuple(given))
            for spec, given in zip(specs, values, strict=True)
        )
    ]


def number_of(relation: Relation, source: object) -> int:
    """The committed column with that source."""
    return next(
        number
        for number, column in enumerate(relation.columns)
        if column.source == source and column.kind is Kind.WITNESS
    )


def own_digit(value: int, digit: Digit) -> int:
    """The digit of an integer, -1 being all ones."""
    value = value - R if value > R // 2 else value
    return value >> digit.low & (2**digit.width - 1)


def top_digit(value: int, digit: Digit) -> int:
    """All of what stands above the lower digits."""
    value = value - R if value > R // 2 else value
    return value >> digit.low


def edit(
    case: Case,
    inputs: Samples,
    name: str,
    edits: Mapping[object, Cells],
    outputs: Mapping[int, Cells] | None = None,
    digits: Digits = own_digit,
) -> Forgery:
    """The honest columns with some cells replaced, the digits made anew, other outputs claimed.

    `edits` are by column source, `outputs` by output number.
    """
    honest = honest_forgery(case, inputs)
    relation = case.relation(len(inputs))
    cells = [column.copy() for column in honest.cells]
    for source, changed in edits.items():
        for at, value in changed.items():
            cells[number_of(relation, source)][at] = value % R
    claims = list(honest.outputs[0])
    for number, changed in (outputs or {}).items():
        values = list(claims[number].values)
        for at, value in changed.items():
            values[at] = value
        claims[number] = replace(claims[number], values=tuple(values))
        tensor = case.program.outputs[number].tensor
        for at, column in enumerate(relation.columns):
            if column.kind is Kind.PUBLIC and column.source == Value(tensor):
                cells[at] = pad(np.array(values), column.lengths)
    run = Run(relation, cells, R)
    for at, column in enumerate(relation.columns):
        if isinstance(column.source, Digit):
            whole = run.value(column.source.expression)
            cells[at] = np.array([digits(int(v), column.source) for v in whole], object)
    return Forgery(name, case, inputs, [tuple(claims)], cells)


# The programs. Tensors are numbered inputs first.


def rescaled(bits: int, low: int | None, high: int | None, factors: tuple[int, int]) -> Case:
    """y = a * rescale(x) + b * x; with b = 1 no answer is out of range because t is."""
    s = Sketch()
    x = s.input("x", (3,), -100, 100)
    t = s.add("t", op.Rescale((x,), bits, low, high))
    s.add("y", op.Affine((t, x), factors, 0), True)
    return make_case(s.program(), s.blobs, 3, 5)


def divided() -> Case:
    """q = floor(n / d), and q d."""
    s = Sketch()
    n, d = s.input("n", (3,), -50, 50), s.input("d", (3,), 1, 5)
    q = s.add("q", op.Divide((n, d)))
    s.add("product", op.Multiply((q, d)), True)
    return make_case(s.program(), s.blobs, 3, 5)


def greater() -> Case:
    """m = max(a, b)."""
    s = Sketch()
    a, b = s.input("a", (3,), -9, 9), s.input("b", (3,), -9, 9)
    s.add("m", op.Maximum((a, b)), True)
    return make_case(s.program(), s.blobs, 3, 5)


def two_tables() -> Case:
    """relu(t), and t + 5 by a table of its own: its rows are (t, t + 5) for t from -5."""
    s = Sketch()
    t = s.input("t", (2,), -5, 7)
    rows = range(-5, 8)
    s.add("relu", op.Table((t,), s.blob([max(v, 0) for v in rows], 13), -5), True)
    s.add("other", op.Table((t,), s.blob([v - 5 for v in rows], 13), -5), True)
    return make_case(s.program(), s.blobs, 3, 5)


def short_table() -> Case:
    """A table of five rows, so that three are padding, by (0, 0)."""
    s = Sketch()
    t = s.input("t", (2,), 0, 4)
    s.add("y", op.Table((t,), s.blob([7, -1, 2, 3, 4], 5), 0), True)
    return make_case(s.program(), s.blobs, 3, 5)


def contracted() -> Case:
    """Over an axis of length 3, both factors rescaled first."""
    s = Sketch()
    x, z = s.input("x", (1, 3), -9, 9), s.input("z", (3, 1), -9, 9)
    a, b = s.add("a", op.Rescale((x,), 1, None, None)), s.add("b", op.Rescale((z,), 1, None, None))
    s.add("y", op.Contract((a, b)), True)
    return make_case(s.program(), s.blobs, 3, 5)


def summed() -> Case:
    """A sum over an axis of length 3."""
    s = Sketch()
    x = s.input("x", (3,), -9, 9)
    s.add("y", op.Sum((s.add("t", op.Rescale((x,), 1, None, None)),), (0,)), True)
    return make_case(s.program(), s.blobs, 3, 5)


def dense(weights: Sequence[int] = (1, -2, 3, 4, 5, -6), bias: Sequence[int] = (7, -1)) -> Case:
    """Two outputs, three inputs, rescaled first."""
    s = Sketch()
    t = s.add("t", op.Rescale((s.input("x", (3,), -9, 9),), 1, None, None))
    s.add("y", op.Dense((t,), s.blob(list(weights), 2, 3), s.blob(list(bias), 2)), True)
    return make_case(s.program(), s.blobs, 3, 5)


def embedded() -> Case:
    """Two columns of four rows, at an index that is computed."""
    s = Sketch()
    t = s.add("t", op.Rescale((s.input("x", (1,), 0, 6),), 1, None, None))
    s.add("y", op.LookupRow((t,), s.blob([10, 11, 20, 21, 30, 31, 40, 41], 4, 2)), True)
    return make_case(s.program(), s.blobs, 3, 5)


# What may be wrong with them.


def cell_forgeries() -> list[Forgery]:
    """One forgery for each way in which a committed cell could be wrong."""
    found: list[Forgery] = []

    quarter = rescaled(2, None, None, (4, 0))
    given = inputs_of(quarter, [9, 5, -7])  # Remainders (x + 2) mod 4 are 3, 3, 3.
    found.append(
        edit(
            quarter,
            given,
            "a rescale is a fraction",
            {Value(1): {0: 2 + fraction(1, 4)}},
            {0: {0: 9}},
        )
    )
    found.append(
        edit(
            quarter,
            given,
            "a rescale is a fraction below",
            {Value(1): {2: -2 - fraction(1, 4)}},
            {0: {2: -9}},
        )
    )

    wide = rescaled(5, None, None, (1, 0))
    given = inputs_of(wide, [40, -33, 3])
    for name, digits in (("an inner limb", own_digit), ("a loose top limb", top_digit)):
        found.append(edit(wide, given, name, {Value(1): {0: 0}}, {0: {0: 0}}, digits))
    found.append(edit(wide, given, "a wrong remainder", {Value(1): {0: 2}}, {0: {0: 2}}))

    clamp = rescaled(1, -3, 4, (1, 1))
    given = inputs_of(clamp, [20, -20, 3])  # 10, -10 and 2, clamped to 4, -3 and 2.
    above, below = Excess(1, True), Excess(1, False)
    for name, edits, outputs in (
        ("a clamp passed", {Value(1): {0: 10}, above: {0: 0}}, {0: 30}),
        ("a clamp passed below", {Value(1): {1: -10}, below: {1: 0}}, {1: -30}),
        ("an excess inside the clamp", {Value(1): {0: 3}, above: {0: 7}}, {0: 23}),
        ("a negative excess below", {Value(1): {2: -3}, below: {2: -5}}, {2: 0}),
        ("a negative excess above", {Value(1): {2: 4}, above: {2: -2}}, {2: 7}),
        ("both bounds at once", {Value(1): {2: -3}, above: {2: 5}}, {2: 0}),
        ("clamped to the wrong side", {Value(1): {0: -3}, above: {0: 13}}, {0: 17}),
        (
            "an excess that is a fraction",
            {Value(1): {2: 3}, above: {2: fraction(-1, 2)}},
            {2: 6},
        ),
    ):
        found.append(edit(clamp, given, name, edits, {0: outputs}))

    division = divided()
    given = inputs_of(division, [17, -17, 20], [5, 5, 4])  # 3, -4 and 5, remainders 2, 3 and 0.
    rest = Remainder(2)
    for name, q, r in (
        ("a quotient too small", 2, 7),
        ("a quotient too large", 4, -3),
        ("a quotient that is a fraction", fraction(17, 5), 0),
        ("a quotient from far away", fraction(16, 5), 1),
    ):
        product = 17 - r
        found.append(
            edit(
                division,
                given,
                name,
                {Value(2): {0: q}, rest: {0: r}, Value(3): {0: product}},
                {0: {0: product}},
            )
        )

    maxima = greater()
    given = inputs_of(maxima, [5, -3, 0], [2, 4, 0])
    for name, value in (("the smaller one", 2), ("neither", 6), ("the sum", 7)):
        found.append(
            edit(maxima, given, f"a maximum: {name}", {Value(2): {0: value}}, {0: {0: value}})
        )

    tables = two_tables()
    given = inputs_of(tables, [5, -2])
    found.append(edit(tables, given, "another table's row", {Value(1): {0: 0}}, {0: {0: 0}}))

    short = short_table()
    given = inputs_of(short, [0, 3])
    found.append(edit(short, given, "a row made by padding", {Value(1): {0: 0}}, {0: {0: 0}}))
    found.append(edit(short, given, "another row's value", {Value(1): {0: 3}}, {0: {0: 3}}))

    sums = contracted()
    given = inputs_of(sums, [4, -2, 8], [2, 6, -4])
    found.append(
        edit(
            sums,
            given,
            "dead cells of both factors",
            {Value(2): {3: 1}, Value(3): {3: 5}, Value(4): {0: -4}},
            {0: {0: -4}},
        )
    )

    total = summed()
    given = inputs_of(total, [4, -2, 8])
    found.append(edit(total, given, "a dead cell of a sum", {Value(1): {3: 5}}, {0: {0: 10}}))

    rows = embedded()
    given = inputs_of(rows, [2])
    found.append(
        edit(
            rows,
            given,
            "an index that is a fraction",
            {Value(1): {0: 1 + fraction(1, 2)}, Value(2): {0: 21, 1: 30}},
            {0: {0: 21, 1: 30}},
        )
    )
    return found
