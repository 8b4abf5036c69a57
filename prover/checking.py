"""Runs in the process of a self-check: the verifier on all bundles of one proof.

Usage: `python -m avow.prover.checking LIST`, a file of JSON: [[bundle, policy], ...], both paths.
One line of JSON on stdout, for each bundle ["accepted", the verdict's assurance] or ["refused",
what is wrong with it].
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from avow.verifier.errors import VerificationError
from avow.verifier.limits import LIMITS
from avow.verifier.policy import Policy, parse_policy
from avow.verifier.verify import verify_together


def main(arguments: Sequence[str]) -> int:
    """The verdicts; a status other than 0 says nothing about any bundle."""
    (name,) = arguments
    wanted = json.loads(Path(name).read_text("utf-8"))
    # Before anything could be final: that is not what is asked here.
    found = verify_together([_read(Path(bundle), Path(policy)) for bundle, policy in wanted], 0)
    said = [
        ["refused", f"{one.step}: {one.message}"]
        if isinstance(one, VerificationError)
        else ["accepted", one.assurance.value]
        for one in found
    ]
    print(json.dumps(said))
    return 0


def _read(bundle: Path, policy: Path) -> tuple[bytes, Policy]:
    with bundle.open("rb") as stream:
        data = stream.read(LIMITS.bundle_bytes + 1)
    return data, parse_policy(policy.read_bytes())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
