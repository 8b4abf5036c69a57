"""Chunks of a committed tensor or blob, shown together with what leads them to its root."""

from collections.abc import Mapping

from avow.verifier.merkle import leaf
from avow.verifier.program.operations import Shape
from avow.verifier.program.semantics import Index, index_at
from avow.verifier.trace.layout import CHUNK, Layout
from avow.verifier.trace.octets import Octets, malformed
from avow.verifier.trace.tree import fold


class Opening:
    """Some chunks of a tensor, and the root that they lead to; a tensor's elements by index."""

    def __init__(self, layout: Layout, chunks: Mapping[int, bytes], root: bytes) -> None:
        self.layout = layout
        self.root = root
        self._chunks = chunks

    @property
    def shape(self) -> Shape:
        """The shape of the whole tensor."""
        return self.layout.shape

    def read(self, index: Index) -> int:
        """The element at an index inside the shape; refuses one that is not shown."""
        width = self.layout.width
        chunk, start = divmod(self.layout.place(index) * width, CHUNK)
        if chunk not in self._chunks:
            raise malformed(f"chunk {chunk} is read and not shown")
        return int.from_bytes(self._chunks[chunk][start : start + width], "big", signed=True)

    def at(self, position: int) -> int:
        """The element at a row-major position; refuses one outside: no table has such a row."""
        if not 0 <= position < self.layout.count:
            raise malformed(f"position {position} lies outside {self.layout.count} constants")
        return self.read(index_at(position, self.shape))


def read_opening(octets: Octets, layout: Layout) -> Opening | None:
    """Read an opening of a tensor of this layout; None where no chunk is shown.

    u16 ranges || (u32 first chunk || u16 chunks) of each || chunks || siblings. Ranges increase
    and do not touch; the tensor's last chunk ends where the tensor does.
    """
    ranges = [(octets.unsigned(4), octets.unsigned(2)) for _ in range(octets.unsigned(2))]
    places: list[int] = []
    for first, count in ranges:
        if count == 0 or (places and first <= places[-1] + 1) or first + count > layout.chunks:
            raise malformed(f"chunks [{first}, {first + count}) of {layout.chunks} out of order")
        places += range(first, first + count)
    if not places:
        return None
    chunks = {at: octets.take(min(CHUNK, layout.size - at * CHUNK)) for at in places}
    leaves = {at: leaf(data.ljust(CHUNK, b"\0")) for at, data in chunks.items()}
    return Opening(layout, chunks, fold(leaves, layout.depth, octets.word))
