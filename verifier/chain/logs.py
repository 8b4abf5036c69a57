"""All logs of a contract over any number of blocks, in queries that nodes answer."""

from collections.abc import Iterator, Sequence

from avow.verifier.chain.client import Chain, Log, Topic
from avow.verifier.chain.errors import RpcRefused

# Nodes refuse wider queries; where one refuses even this, the range is halved.
_BLOCKS_PER_QUERY = 2_000


def read_logs(
    chain: Chain, address: bytes, first: int, last: int, topics: Sequence[Topic] = ()
) -> Iterator[Log]:
    """A contract's logs in the blocks `first` to `last`, oldest first."""
    width = _BLOCKS_PER_QUERY
    while first <= last:
        end = min(last, first + width - 1)
        try:
            logs = chain.logs(address, first, end, topics)
        except RpcRefused:
            if end == first:
                raise
            width = max(1, (end - first + 1) // 2)
            continue
        yield from logs
        first = end + 1
