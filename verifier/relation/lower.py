"""From a program to its relation: which columns are committed and which equations they obey.

Tensors are expressions over views of columns. A column is committed only where an operation is
not linear with a public structure; all else is rewritten, and costs the prover no commitment.

What is established. Inputs are public. Take the operations in order: if the live cells of the
operands are determined, so are those of the result, because at a live cell every equation reads
live cells only, and the equations of each operation leave one result at most (`linear`,
`lookups`). So a key, whoever made it, allows at most one answer to an input; and the key of a
program allows the program's answer, so no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from avow.verifier.program import operations as op
from avow.verifier.program.intervals import Interval
from avow.verifier.program.program import Program
from avow.verifier.relation import linear, lookups
from avow.verifier.relation.reindex import reindex
from avow.verifier.relation.relation import Expression, Relation
from avow.verifier.relation.sheet import Remap, Sheet, axes_of, repeated

# An expression of more terms than this is committed as a column of its own.
MAX_TERMS = 16


def lower(
    program: Program,
    bounds: Sequence[Interval],
    gathers: Mapping[int, tuple[int, ...]],
    width: int,
    batch: int,
) -> Relation:
    """Return the relation that a proof of `batch` runs of the program establishes.

    `bounds` holds an interval for every tensor, `gathers` the elements of every blob that a
    `gather` names, `width` is the number of bits of the range table.
    """
    sheet = Sheet(Relation(batch), width)
    lookups.range_table(sheet)
    lowering = _Lowering(program, bounds, gathers, program.shapes(), sheet)
    for number, spec in enumerate(program.inputs):
        lowering.tensors.append(sheet.end(spec.shape, number))
    for step in program.steps:
        lowering.add(step.operation)
    for output in program.outputs:
        # A column of its own, so that every output has one place in the statement. In a batch
        # it may be the result's: then there is nothing left to equate.
        end = sheet.end(lowering.shapes[output.tensor], output.tensor)
        answer = sheet.arrange(lowering.tensors[output.tensor], end.layout)
        sheet.zero(sheet.combine([(1, answer), (-1, end)]))
    return sheet.relation


@dataclass(slots=True)
class _Lowering:
    program: Program
    bounds: Sequence[Interval]
    gathers: Mapping[int, tuple[int, ...]]
    shapes: Sequence[op.Shape]
    sheet: Sheet
    tensors: list[Expression] = field(default_factory=list)

    def add(self, operation: op.Operation) -> None:
        """Lower the next operation; its result is an expression of few terms."""
        number, sheet = len(self.tensors), self.sheet
        lowered = self._lower(operation, number)
        if len(lowered.terms) > MAX_TERMS:
            committed = sheet.result(lowered.layout, number)
            sheet.zero(sheet.combine([(1, lowered), (-1, committed)]))
            lowered = committed
        self.tensors.append(lowered)

    def _lower(self, operation: op.Operation, number: int) -> Expression:
        sheet, blobs, after = self.sheet, self.program.blobs, self.bounds[number]
        of = [self.tensors[at] for at in operation.of]
        before = [self.bounds[at] for at in operation.of]
        shapes = [self.shapes[at] for at in operation.of]
        match operation:
            case op.Constant(blob=blob):
                return self._constant(blob, self.shapes[number])
            case op.Dense():
                return linear.dense(sheet, operation, of[0], self.shapes[number][-1], number)
            case op.Convolution(weight=weight):
                places = self.shapes[number][2:]
                return linear.convolution(
                    sheet, operation, of[0], blobs[weight].shape, places, number
                )
            case op.Contract():
                return linear.contract(sheet, of[0], of[1], number)
            case op.Multiply():
                y = sheet.result(of[0].layout, number)
                sheet.product(of[0], sheet.arrange(of[1], of[0].layout), sheet.combine([(-1, y)]))
                return y
            case op.Affine(coefficients=coefficients, constant=constant):
                return sheet.combine(list(zip(coefficients, of, strict=True)), constant)
            case op.Sum(axes=axes):
                kept = [0, *(axis + 1 for axis in range(len(shapes[0])) if axis not in axes)]
                summed = [axis + 1 for axis in axes]
                return sheet.remap(of[0], [Remap(axis) for axis in kept], summed)
            case op.Rescale():
                return lookups.rescale(sheet, operation, of[0], before[0], after, number)
            case op.Divide():
                return lookups.divide(sheet, of[0], of[1], before[1], after, number)
            case op.Maximum():
                b = sheet.arrange(of[1], of[0].layout)
                lows = (before[0].low, before[1].low)
                return lookups.maximum(sheet, of[0], b, lows, after.high, number)
            case op.Table(blob=blob):
                return lookups.table(sheet, operation, of[0], blobs[blob].count, number)
            case op.LookupRow(blob=blob):
                rows, width = blobs[blob].shape
                return lookups.lookup_row(sheet, operation, of[0], (rows, width), number)
            case op.Gather(indices=indices):
                return reindex(sheet, operation, of, shapes, self.gathers[indices])
            case _:
                return reindex(sheet, operation, of, shapes, ())

    def _constant(self, blob: int, shape: op.Shape) -> Expression:
        rest = self.sheet.plain(shape)[1:]
        column = self.sheet.key(rest, blob)
        batch = self.sheet.relation.batch
        remaps = [
            Remap(None, axes_of((batch,)), repeated(batch)),
            *(Remap(k) for k in range(len(rest))),
        ]
        return self.sheet.remap(column, remaps)
