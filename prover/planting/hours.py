"""When a planter does what, and with which words: all of it follows from its key."""

from __future__ import annotations

from dataclasses import dataclass

from avow.verifier.chain.signer import Signer
from avow.verifier.chain.watch_records import WatchParameters
from avow.verifier.keccak import keccak256, tag

_SECRET = tag("avow.planter.secret.v1")


@dataclass(frozen=True, slots=True)
class Hours:
    """The parts of a plant in its epoch, Unix seconds, in order: the order is placed, until
    `lock_by` it can be locked; a word is planted; the answer is delivered, and claimed at once."""

    request: int
    word: int
    deliver: int
    lock_by: int


class Almanac:
    """Hours, words and choices of one planter; nobody without its key can foresee them.

    One word is planted in every epoch, so that who sees it learns nothing: in most there is
    nothing behind it. A restart finds all of it again.
    """

    def __init__(self, secret: bytes, parameters: WatchParameters, share_bps: int) -> None:
        """`secret`: 32 bytes; `share_bps`: in how many of 10,000 epochs something is planted."""
        self._secret = secret
        self._parameters = parameters
        self._share = share_bps

    def plants(self, epoch: int) -> bool:
        """Whether there is a plant in an epoch."""
        return self.draw("plants", _word(epoch), 10_000) < self._share

    def hours(self, epoch: int) -> Hours:
        """The hours of an epoch: each anywhere in its own third."""
        third, begins = self._parameters.epoch // 3, self._parameters.times(epoch).begins
        request, word, deliver = (
            begins + at * third + self.draw(name, _word(epoch), third)
            for at, name in enumerate(("request", "word", "deliver"))
        )
        lock_by = deliver + 60 + self.draw("lock", _word(epoch), 600)
        return Hours(request, word, deliver, lock_by)

    def empty_word(self, epoch: int) -> bytes:
        """What is planted in an epoch without a plant. 32 bytes."""
        return self._hash("nothing", _word(epoch))

    def salt(self, claim_id: bytes) -> bytes:
        """What hides a planted claim. 32 bytes."""
        return self._hash("salt", claim_id)

    def refutation_salt(self, claim_id: bytes) -> bytes:
        """What hides the commitment to its refutation. 32 bytes."""
        return self._hash("refutation", claim_id)

    def draw(self, name: str, of: bytes, below: int) -> int:
        """A choice from 0, less than `below`; the same for the same words."""
        return int.from_bytes(self._hash(name, of), "big") % below

    def _hash(self, name: str, of: bytes) -> bytes:
        return keccak256(self._secret + keccak256(name.encode("ascii")) + of)


def secret_of(signer: Signer, chain_id: int, watch: bytes) -> bytes:
    """The secret of a planter of the watch at that address; a signature that is never sent."""
    place = chain_id.to_bytes(32, "big") + watch.rjust(32, b"\0")
    return keccak256(signer.sign_digest(keccak256(_SECRET + place)))


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")
