"""Making refutations: from a run as it was committed to, the bytes that show one wrong element."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np

from avow.prover.errors import Refused
from avow.prover.trace import load, store_blob
from avow.prover.trees import ChunkTree, Shown
from avow.verifier.commitment import Scheme
from avow.verifier.program.blob import Blob
from avow.verifier.program.operations import Shape
from avow.verifier.program.program import Program
from avow.verifier.program.semantics import Index, element, index_at, position
from avow.verifier.tensor import Tensor, TensorSpec
from avow.verifier.trace.commitment import trace_tree
from avow.verifier.trace.descriptor import Given, blob_fields
from avow.verifier.trace.inputs import input_root, rooted_digest
from avow.verifier.trace.key import ProgramKey
from avow.verifier.trace.layout import CHUNK, Layout
from avow.verifier.trace.octets import malformed
from avow.verifier.trace.refutation import Kind
from avow.verifier.trace.tree import Nodes

_MOST_CHUNKS = 2**16 - 1


@dataclass(frozen=True, slots=True)
class Place:
    """An element that is wrong: what kind of wrong, the tensor's number, the row-major place.

    `output` is the number of the program's output, for that kind only.
    """

    kind: Kind
    tensor: int
    element: int
    output: int = 0


class _Recorded:
    """A stored tensor that remembers which of its chunks were read."""

    def __init__(self, layout: Layout, data: bytes) -> None:
        self.layout = layout
        self.data = data
        self.chunks: set[int] = set()

    @property
    def shape(self) -> Shape:
        return self.layout.shape

    def read(self, index: Index) -> int:
        width = self.layout.width
        start = self.layout.place(index) * width
        self.chunks.add(start // CHUNK)
        return int.from_bytes(self.data[start : start + width], "big", signed=True)

    def at(self, position: int) -> int:
        if not 0 <= position < self.layout.count:
            raise malformed(f"position {position} lies outside {self.layout.count} constants")
        return self.read(index_at(position, self.shape))


def encode_opening(layout: Layout, data: bytes, tree: Nodes, chunks: Iterable[int]) -> bytes:
    """Show these chunks of a tensor: the bytes that `verifier.trace.opening` reads."""
    places = sorted(chunks)
    ranges: list[list[int]] = []
    for at in places:
        if ranges and at == sum(ranges[-1]):
            ranges[-1][1] += 1
        else:
            ranges.append([at, 1])
    if len(ranges) > _MOST_CHUNKS or any(count > _MOST_CHUNKS for _, count in ranges):
        raise Refused(f"{len(places)} chunks in {len(ranges)} ranges are too many to show")
    return b"".join(
        [
            len(ranges).to_bytes(2, "big"),
            *(first.to_bytes(4, "big") + count.to_bytes(2, "big") for first, count in ranges),
            *(data[at * CHUNK : (at + 1) * CHUNK] for at in places),
            *(tree.siblings(places) if places else ()),
        ]
    )


class Refuter:
    """A committed run of a program, any of whose elements it can show to a referee.

    `statement` is the statement's leaf, `tensors` are the committed ones, inputs first, in
    storage order, `roots` theirs where they are known. Nothing here says that an element is
    wrong: `verifier.trace.refutation` does.
    """

    def __init__(
        self,
        program: Program,
        blobs: Sequence[Blob],
        key: ProgramKey,
        statement: bytes,
        tensors: Sequence[bytes],
        roots: Sequence[bytes] | None = None,
    ) -> None:
        self._program = program
        self._blobs = tuple(blobs)
        self._key = key
        self.tensors: tuple[bytes, ...] = tuple(tensors)
        known: Sequence[bytes | None] = [None] * len(tensors) if roots is None else roots
        self.trees: list[Nodes] = [
            ChunkTree(data, root) for data, root in zip(tensors, known, strict=True)
        ]
        self.trace: Nodes = trace_tree(statement, [tree.root for tree in self.trees])

    @property
    def root(self) -> bytes:
        """The root of the trace."""
        return self.trace.root

    @property
    def program(self) -> Program:
        """What was run."""
        return self._program

    @property
    def layouts(self) -> list[Layout]:
        """How each tensor is stored, inputs first."""
        return [descriptor.result for descriptor in self._key.descriptors]

    def with_shown(
        self,
        tensor: int,
        chunk: int,
        data: bytes,
        nodes: Mapping[tuple[int, int], bytes],
        trace: Mapping[tuple[int, int], bytes],
    ) -> Refuter:
        """From one's own run: that of another who has shown a chunk and the way to it.

        `nodes` are of the tensor's tree and `trace` of the trace's, as for `Shown`. The chunk and
        the tensor must be the first that differ.
        """
        tensors, start = list(self.tensors), chunk * CHUNK
        if len(data) != len(tensors[tensor][start : start + CHUNK]):
            raise Refused(f"chunk {chunk} of tensor {tensor} cannot have {len(data)} bytes")
        before, after = tensors[tensor][:start], tensors[tensor][start + len(data) :]
        tensors[tensor] = before + data + after
        other = self.with_root(tensor, nodes, trace)
        other.tensors = tuple(tensors)
        return other

    def with_root(
        self,
        tensor: int,
        nodes: Mapping[tuple[int, int], bytes],
        trace: Mapping[tuple[int, int], bytes],
    ) -> Refuter:
        """From one's own run: that of another who has shown a tensor's root and no chunk of it.

        `nodes`, the root among them, and `trace` as for `with_shown`. Chunks cannot be opened.
        """
        other = copy(self)
        other.trees = list(self.trees)
        other.trees[tensor] = Shown(self.trees[tensor], nodes)
        other.trace = Shown(self.trace, trace)
        return other

    def refute(
        self, place: Place, stated: Sequence[Tensor] = (), scheme: Scheme = Scheme.PUBLIC
    ) -> bytes:
        """The refutation of the element at a place.

        `stated` are the statement's inputs or outputs, for those kinds, `scheme` how its inputs
        are committed to. Raises `VerificationError` where the element has no meaning for the
        committed operands.
        """
        if place.kind is Kind.OPERATION:
            head, openings, siblings = self.parts(place)
            return head + b"".join(openings) + siblings
        if place.kind is Kind.INPUT and scheme is Scheme.PUBLIC_TREE:
            return self.refute_by_root(place.tensor, place.element, stated)
        number = place.tensor if place.kind is Kind.INPUT else place.output
        others = (tensor.digest() for at, tensor in enumerate(stated) if at != number)
        return b"".join(
            [
                self._head(place),
                self._open(place.tensor, self._element_chunks(place)),
                *self.trace.siblings([place.tensor]),
                *([bytes([number])] if place.kind is Kind.OUTPUT else []),
                *others,
                stated[number].data(),
            ]
        )

    def refute_by_root(self, tensor: int, element: int, stated: Sequence[Tensor]) -> bytes:
        """What compares an input's root with the stated one, and shows an element if they agree."""
        roots = [input_root(one) for one in stated]
        own = self.trees[tensor].root
        chunks: list[int] = []
        place = Place(Kind.INPUT_BY_ROOT, tensor, element)
        if own == roots[tensor]:
            # Then it can only be wrong by lying outside its range.
            chunks = self._element_chunks(place)
        return b"".join(
            [
                self._head(place),
                self._open(tensor, chunks),
                *([] if chunks else [own]),
                *self.trace.siblings([tensor]),
                *(
                    rooted_digest(one.element_type, one.shape, root)
                    for at, (one, root) in enumerate(zip(stated, roots, strict=True))
                    if at != tensor
                ),
                roots[tensor],
            ]
        )

    def _head(self, place: Place) -> bytes:
        return b"".join(
            [
                bytes([place.kind]),
                self.place(place.tensor),
                place.element.to_bytes(4, "big"),
            ]
        )

    def place(self, tensor: int) -> bytes:
        """What shows a tensor's descriptor to be one of the key's."""
        return self._key.place(tensor)

    def _open(self, tensor: int, chunks: Iterable[int]) -> bytes:
        layout = self._key.descriptors[tensor].result
        return encode_opening(layout, self.tensors[tensor], self.trees[tensor], chunks)

    def _element_chunks(self, place: Place) -> list[int]:
        layout = self._key.descriptors[place.tensor].result
        return [layout.place(index_at(place.element, layout.shape)) * layout.width // CHUNK]

    def parts(self, place: Place) -> tuple[bytes, list[bytes], bytes]:
        """An operation's refutation in three: what comes first, the openings, the trace's siblings.

        The openings are of the result, of every operand and of every blob.
        """
        descriptor = self._key.descriptors[place.tensor]
        operation = descriptor.maker
        if isinstance(operation, Given):
            raise Refused(f"tensor {place.tensor} is an input, made by no operation")
        step = self._program.steps[place.tensor - len(self._program.inputs)]
        operands = [
            _Recorded(layout, self.tensors[tensor])
            for tensor, layout in zip(descriptor.of, descriptor.operands, strict=True)
        ]
        numbers = [getattr(step.operation, name) for name in blob_fields(type(operation))]
        blobs = [
            _Recorded(committed.layout, store_blob(committed.layout, self._blobs[number]))
            for number, committed in zip(numbers, descriptor.blobs, strict=True)
        ]
        index = index_at(place.element, descriptor.result.shape)
        shapes = [layout.shape for layout in descriptor.operands]
        element(operation, index, shapes, lambda n, at: operands[n].read(at), blobs)
        read = {place.tensor}
        read |= {n for n, one in zip(descriptor.of, operands, strict=True) if one.chunks}
        openings = [
            self._open(place.tensor, self._element_chunks(place)),
            *(
                self._open(number, one.chunks)
                for number, one in zip(descriptor.of, operands, strict=True)
            ),
            *(_open_blob(one) for one in blobs),
        ]
        return self._head(place), openings, b"".join(self.trace.siblings(read))


def _open_blob(blob: _Recorded) -> bytes:
    return encode_opening(blob.layout, blob.data, ChunkTree(blob.data), blob.chunks)


def first_wrong(
    program: Program,
    layouts: Sequence[Layout],
    own: Sequence[bytes],
    committed: Sequence[bytes],
    outputs: Sequence[Tensor],
) -> Place | None:
    """Where a committed run first differs from one's own run of the same input; None nowhere.

    Both are all tensors in storage order, inputs first; `outputs` are the statement's. The
    element found refutes: what it is made from is right. Outputs are looked at last.
    """
    for tensor, (mine, theirs, layout) in enumerate(zip(own, committed, layouts, strict=True)):
        if len(mine) != len(theirs):
            raise Refused(f"tensor {tensor} needs {len(mine)} bytes, got {len(theirs)}")
        if mine != theirs:
            a, b = (load(layout, data).reshape(-1) for data in (mine, theirs))
            kind = Kind.INPUT if tensor < len(program.inputs) else Kind.OPERATION
            return Place(kind, tensor, int(np.flatnonzero(a != b)[0]))
    return wrong_output(program, layouts, own, outputs)


def wrong_output(
    program: Program, layouts: Sequence[Layout], own: Sequence[bytes], outputs: Sequence[Tensor]
) -> Place | None:
    """The first element of the stated outputs that one's own run does not give; None nowhere."""
    for number, (output, stated) in enumerate(zip(program.outputs, outputs, strict=True)):
        right = load(layouts[output.tensor], own[output.tensor]).reshape(-1)
        wrong = np.flatnonzero(right != np.array(stated.values))
        if wrong.size:
            return Place(Kind.OUTPUT, output.tensor, int(wrong[0]), number)
    return None


def wrong_input(inputs: Sequence[Tensor], specs: Sequence[TensorSpec]) -> Place | None:
    """The first element of the stated inputs outside its range: no run begins with it."""
    for number, (stated, spec) in enumerate(zip(inputs, specs, strict=True)):
        values = np.array(stated.values)
        wrong = np.flatnonzero((values < spec.minimum) | (values > spec.maximum))
        if wrong.size:
            return Place(Kind.INPUT, number, int(wrong[0]))
    return None


def wrong_in_chunk(layout: Layout, chunk: int, own: bytes, shown: bytes) -> int | None:
    """The row-major place of an element of one chunk that differs; None where none does.

    `own` and `shown` are the chunk's bytes, as many.
    """
    kind = f">i{layout.width}"
    wrong = np.flatnonzero(np.frombuffer(own, kind) != np.frombuffer(shown, kind))
    if not wrong.size:
        return None
    stored = chunk * CHUNK // layout.width + int(wrong[0])
    axes = zip(layout.strides, layout.shape, strict=True)
    return position(tuple(stored // stride % length for stride, length in axes), layout.shape)
