"""Verdicts on delivered bundles; those that share a proof are verified together."""

from __future__ import annotations

from avow.prover.nodes.batches import MOST_ITEMS
from avow.prover.nodes.worklist import Delivery
from avow.verifier.bundle import parse_bundle
from avow.verifier.chain.seals import batch_of
from avow.verifier.errors import VerificationError
from avow.verifier.policy import Policy
from avow.verifier.verdict import Verdict
from avow.verifier.verify import verify, verify_together

_Wanted = tuple[Delivery, Policy]


class SharedProofs:
    """What a validator has still to verify in one step, and what it found in the step before."""

    def __init__(self) -> None:
        self._waiting: dict[bytes, dict[_Wanted, bytes]] = {}
        self._verdicts: dict[_Wanted, Verdict | VerificationError] = {}

    def verdict(self, delivery: Delivery, data: bytes, policy: Policy) -> Verdict | None:
        """What `verify` says of a bundle; None at first when others may share its proof.

        Then `check` verifies it, and the same question in the next step has an answer.
        """
        found = self._verdicts.get((delivery, policy))
        if isinstance(found, VerificationError):
            raise found
        if found is None:
            bundle = parse_bundle(data)
            if batch_of(bundle) == 1 or sum(map(len, self._waiting.values())) >= MOST_ITEMS:
                return verify(data, policy)
            root = bundle.path.root(bundle.statement.digest())
            self._waiting.setdefault(root, {})[delivery, policy] = data
        return found

    def check(self) -> bool:
        """Verifies what waits, each proof once; whether there was anything.

        The verdicts last until the next call: whoever does not ask in time asks anew.
        """
        self._verdicts.clear()
        groups, self._waiting = self._waiting, {}
        for group in groups.values():
            found = verify_together([(data, policy) for (_, policy), data in group.items()])
            self._verdicts.update(zip(group, found, strict=True))
        return bool(groups)
