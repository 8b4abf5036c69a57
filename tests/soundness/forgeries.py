"""Wrong columns that a cheating prover may commit, and which equations each of them breaks."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from avow.verifier.argument.proof import R
from avow.verifier.errors import VerificationError
from avow.verifier.program.program import output_specs
from avow.verifier.relation.relation import Relation
from avow.verifier.relation.views import bits
from tests.relation.evaluation import Cells, Run, pad
from tests.soundness.programs import samples
from tests.soundness.reference import Prover
from tests.soundness.workbench import ROOT, TAU, Case, Integers, Samples, counted

Lie = Callable[[Integers], Integers]


@dataclass(frozen=True)
class Broken:
    """The equations that columns do not satisfy, by number."""

    lookups: frozenset[int]
    products: frozenset[int]
    bilinears: frozenset[int]
    samples: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.lookups or self.products or self.bilinears or self.samples)


@dataclass(frozen=True)
class Forgery:
    """Columns and the outputs that are claimed with them.

    Multiplicities are counted when the relation is known; then `touch` may change any cell.
    """

    name: str
    case: Case
    inputs: Samples
    outputs: Samples
    cells: list[Cells]
    touch: Callable[[Run], None] = field(default=lambda run: None)

    def under(self, lookups: str) -> "Forgery":
        """The same with lookups proven in that way."""
        return replace(self, case=self.case.under(lookups))

    def run(self, relation: Relation | None = None) -> Run:
        """The columns, with the multiplicities that fit best."""
        relation = relation or self.case.relation(len(self.inputs))
        run = counted(relation, self.cells)
        self.touch(run)
        return run

    def broken(self) -> Broken:
        """What is wrong with them: equations, and samples of a batch that are not as claimed."""
        run = self.run()
        wrong: set[int] = set()
        for place, number in enumerate(run.relation.ends if len(self.inputs) > 1 else ()):
            tensors = [
                (*given, *answered)[place]
                for given, answered in zip(self.inputs, self.outputs, strict=True)
            ]
            values = np.array([tensor.values for tensor in tensors], object)
            claimed = pad(values, run.relation.columns[number].lengths)
            different = (run.cells[number] - claimed) % R != 0
            # Places beyond the batch are nobody's.
            places = different.reshape(2 ** bits(len(tensors)), -1)[: len(tensors)]
            wrong.update(np.flatnonzero(places.any(axis=1)))
        return replace(broken(run), samples=frozenset(wrong))

    def prover(self, kind: type[Prover], relation: Relation | None = None) -> Prover:
        """A prover who goes through with it."""
        run = self.run(relation)
        return kind(self.case.key, TAU, run, ROOT, self.inputs, self.outputs)


def broken(run: Run) -> Broken:
    """Every equation that does not hold, dead cells included."""
    relation = run.relation
    tables = [set(run.rows(table)) for table in relation.tables]
    lookups = (
        number
        for number, lookup in enumerate(relation.lookups)
        if set(run.rows(lookup)) - tables[lookup.table]
    )
    products = []
    for number, product in enumerate(relation.products):
        total = run.value(product.rest)
        if product.factors:
            left, right = product.factors
            total = total + run.value(left) * run.value(right)
        if (total % R).any():
            products.append(number)
    bilinears = (
        number
        for number, bilinear in enumerate(relation.bilinears)
        if ((run.bilinear(bilinear) - run.cells[bilinear.result]) % R).any()
    )
    return Broken(frozenset(lookups), frozenset(products), frozenset(bilinears))


def without(relation: Relation, wrong: Broken) -> Relation:
    """The relation without some of its equations: what a verifier who forgot them would check."""

    def kept(items: list, numbers: frozenset[int]) -> list:  # type: ignore[type-arg]
        return [item for number, item in enumerate(items) if number not in numbers]

    return Relation(
        relation.batch,
        relation.columns,
        relation.tables,
        kept(relation.lookups, wrong.lookups),
        kept(relation.products, wrong.products),
        kept(relation.bilinears, wrong.bilinears),
        relation.ends,
        relation.layered,
    )


def of_trace(name: str, case: Case, inputs: Samples, trace: Sequence[Integers]) -> Forgery | None:
    """The forgery whose tensors these are; None if its outputs are not even in their ranges."""
    try:
        outputs = case.outputs(trace)
        specs = output_specs(case.program, case.key.bounds())
        for sample in outputs:
            for spec, tensor in zip(specs, sample, strict=True):
                spec.check(tensor)
    except VerificationError:
        return None
    return Forgery(name, case, inputs, outputs, case.run(trace).cells)


def honest_forgery(case: Case, inputs: Samples) -> Forgery:
    """Nothing forged: the control of every test."""
    found = of_trace("honest", case, inputs, case.trace(inputs))
    assert found is not None
    return found


def lies(shape: tuple[int, ...]) -> Iterator[tuple[str, Lie]]:
    """Ways to change a result of that shape, the batch first."""
    size = int(np.prod(shape))

    def added(at: int, by: int) -> Lie:
        def lie(values: Integers) -> Integers:
            values.reshape(-1)[at] += by
            return values

        return lie

    for at in (0, size - 1, size // 2):
        for by in (1, -1, 2, -4):
            yield f"cell {at} plus {by}", added(at, by)
    for axis, length in enumerate(shape):
        if length > 1:
            where = "the samples" if axis == 0 else f"axis {axis - 1}"
            yield f"{where} shifted", lambda values, axis=axis: np.roll(values, 1, axis)
            yield f"{where} reversed", lambda values, axis=axis: np.flip(values, axis).copy()
    yield "all zero", np.zeros_like
    yield "all one", np.ones_like
    yield "negated", lambda values: -values


def wrong_results(
    case: Case, names: dict[str, int], seed: int, batch: int, most: int, kind: str = ""
) -> Iterator[Forgery]:
    """For every operation up to `most` wrong results, everything after it computed from them.

    Of a `kind` are those whose lie has that in its name.
    """
    inputs = samples(case.program, seed, batch)
    honest = case.trace(inputs)
    for name, number in names.items():
        found = 0
        for what, lie in lies(honest[number].shape):
            if number < len(case.program.inputs) or found == most:
                break
            if kind not in what:
                continue
            try:
                with np.errstate(divide="raise"):
                    trace = case.trace(inputs, {number: lie})
            except (IndexError, FloatingPointError):
                # No row of a table, or a division by 0: what comes after has no result at all.
                continue
            if np.array_equal(trace[number], honest[number]):
                continue
            forgery = of_trace(f"{name}: {what}", case, inputs, trace)
            if forgery and forgery.outputs != case.outputs(honest):
                found += 1
                yield forgery


def claimed(case: Case, inputs: Samples, sample: int, number: int, at: int, by: int) -> Forgery:
    """The honest columns, and one element of an output changed."""
    forgery = honest_forgery(case, inputs)
    tensors = list(forgery.outputs[sample])
    values = list(tensors[number].values)
    values[at] += by
    tensors[number] = replace(tensors[number], values=tuple(values))
    outputs = [*forgery.outputs[:sample], tuple(tensors), *forgery.outputs[sample + 1 :]]
    relation = case.relation(len(inputs))
    tensor = case.program.outputs[number].tensor
    cells = list(forgery.cells)
    for column, item in enumerate(relation.columns):
        source = item.source
        if item.kind.value == "public" and getattr(source, "tensor", None) == tensor:
            arrays = [np.array(each[number].values) for each in outputs]
            cells[column] = pad(np.stack(arrays), item.lengths)
    name = f"output {number} of sample {sample}: cell {at} plus {by}"
    return Forgery(name, case, inputs, outputs, cells)
