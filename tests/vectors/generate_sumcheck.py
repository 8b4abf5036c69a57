"""Writes sumcheck-proof.json: a small key and proof, and all that the verifier absorbs and draws.

sumcheck-batch.json has the same of three samples, checked together, with what opens the shared
polynomial for each.

Run `python -m tests.vectors.generate_sumcheck` after a deliberate change of the protocol. Other
implementations replay it: state = keccak256(state || 0 || label || u32 count || words) for an
entry with words, keccak256(state || 1 || label) for one with a challenge, its last 31 bytes.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from avow.verifier.argument import proof
from avow.verifier.argument.transcript import Label, Transcript
from avow.verifier.fields import to_base64, to_hex
from avow.verifier.keccak import keccak256
from tests.soundness.checking import check_all
from tests.verifier.sumcheck.example import ROOT, Case, small_case

LOGROWS = 8  # Long enough for a fold that is committed.
PATH = Path(__file__).with_name("sumcheck-proof.json")
BATCH = Path(__file__).with_name("sumcheck-batch.json")


def inventory(case: Case) -> list[dict[str, object]]:
    """What the verifier absorbs and draws while it checks a proof."""
    entries: list[dict[str, object]] = []

    class Recording(Transcript):
        def absorb(self, label: Label, words: Sequence[int]) -> None:
            super().absorb(label, words)
            data = b"".join(word.to_bytes(32, "big") for word in words)
            entries.append({"label": label.name, "code": int(label), "words": to_hex(data)})

        def challenge(self, label: Label) -> int:
            drawn = super().challenge(label)
            challenge = to_hex(drawn.to_bytes(32, "big"))
            entries.append({"label": label.name, "code": int(label), "challenge": challenge})
            return drawn

    with patch.object(proof, "Transcript", Recording):
        check_all(case.key, ROOT, case.inputs, case.outputs, case.proof)
    return entries


def vector(batch: int = 1) -> dict[str, object]:
    """The vector as a JSON value."""
    case = small_case(batch, logrows=LOGROWS)
    return {
        "root": to_hex(ROOT),
        "key": case.key.to_json(),
        "inputs": [[tensor.to_json() for tensor in sample] for sample in case.inputs],
        "outputs": [[tensor.to_json() for tensor in sample] for sample in case.outputs],
        "proof": to_base64(case.proof),
        "openings": [to_hex(opening) for opening in case.proof.openings],
        "proof_keccak": to_hex(keccak256(case.proof)),
        "transcript": inventory(case),
    }


if __name__ == "__main__":
    PATH.write_text(json.dumps(vector(), indent=1) + "\n")
    BATCH.write_text(json.dumps(vector(3), indent=1) + "\n")
