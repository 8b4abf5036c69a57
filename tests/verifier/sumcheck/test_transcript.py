"""The transcript's bytes, and the inventory of a whole proof."""

import json
from pathlib import Path

import pytest

from avow.verifier.argument.proof import R
from avow.verifier.argument.transcript import Label, Transcript
from avow.verifier.fields import to_hex
from avow.verifier.keccak import keccak256
from tests.vectors.generate_sumcheck import BATCH, LOGROWS, PATH, vector
from tests.verifier.sumcheck.example import small_case


def test_the_state_is_a_chain_of_hashes() -> None:
    transcript = Transcript()
    transcript.absorb(Label.WITNESS, [1, 2**256 - 1])
    words = (1).to_bytes(32, "big") + b"\xff" * 32
    state = keccak256(bytes(32) + b"\x00\x03" + b"\x00\x00\x00\x02" + words)
    drawn = keccak256(state + b"\x01\x20")
    assert transcript.challenge(Label.ALPHA) == int.from_bytes(drawn[1:], "big")
    again = keccak256(drawn + b"\x01\x21")
    assert transcript.challenge(Label.LAMBDA) == int.from_bytes(again[1:], "big")


@pytest.mark.parametrize(
    ("label", "words"),
    [(Label.WITNESS, [1, 3]), (Label.HELPERS, [1, 2]), (Label.WITNESS, [1]), (Label.WITNESS, [])],
)
def test_label_count_and_words_all_matter(label: Label, words: list[int]) -> None:
    first, second = Transcript(), Transcript()
    first.absorb(Label.WITNESS, [1, 2])
    second.absorb(label, words)
    assert first.challenge(Label.ALPHA) != second.challenge(Label.ALPHA)


def test_a_word_cannot_move_into_the_next_message() -> None:
    first, second = Transcript(), Transcript()
    first.absorb(Label.READS, [1])
    first.absorb(Label.READS, [2])
    second.absorb(Label.READS, [1, 2])
    assert first.challenge(Label.ETA) != second.challenge(Label.ETA)


def test_challenges_are_canonical_scalars() -> None:
    transcript = Transcript()
    assert all(transcript.challenge(Label.ROUND) < 2**248 < R for _ in range(50))


def test_labels_are_distinct_words_and_draws() -> None:
    assert len({label.value for label in Label}) == len(Label)
    assert all((label < 32) == (label <= Label.LEAVES) for label in Label)


def test_the_committed_inventory_is_that_of_the_verifier() -> None:
    committed = json.loads(Path(PATH).read_text())
    assert committed == json.loads(json.dumps(vector()))
    assert json.loads(BATCH.read_text()) == json.loads(json.dumps(vector(3)))
    assert committed["proof_keccak"] == to_hex(keccak256(small_case(logrows=LOGROWS).proof))


def test_the_inventory_uses_every_label_and_replays() -> None:
    files = [json.loads(path.read_text())["transcript"] for path in (PATH, BATCH)]
    found = {entry["label"] for entries in files for entry in entries}
    # Those of layers are in sumcheck-transcript.json, which soundness tests replay.
    layers = {Label.LAYERS, Label.NODES, Label.LEAVES, Label.MU}
    assert found == {label.name for label in Label if label not in layers}
    transcript = Transcript()
    for entry in files[0]:
        label = Label[entry["label"]]
        if "words" in entry:
            words = bytes.fromhex(entry["words"][2:])
            parts = [words[at : at + 32] for at in range(0, len(words), 32)]
            transcript.absorb(label, [int.from_bytes(part, "big") for part in parts])
        else:
            assert to_hex(transcript.challenge(label).to_bytes(32, "big")) == entry["challenge"]


def test_nothing_is_sent_after_the_last_challenge_that_depends_on_it() -> None:
    # All but the last quotient is absorbed before a challenge that follows.
    entries = json.loads(Path(PATH).read_text())["transcript"]
    after = [entry["label"] for entry in entries[-2:]]
    assert after == ["ZETA", "QUOTIENT"]
    order = [entry["label"] for entry in entries if entry["label"] != "ROUND"]
    unique = [label for at, label in enumerate(order) if at == 0 or order[at - 1] != label]
    assert unique == [
        "STATEMENT", "PUBLIC", "WITNESS", "ALPHA", "LAMBDA", "HELPERS", "RHO", "GAMMA",
        "IDENTITIES", "READS", "THETA", "BILINEAR", "FACTORS", "ETA", "REDUCTION", "STACK",
        "FOLDS", "LAST", "BETA", "FOLD_VALUES", "BATCH", "QUOTIENT", "ZETA", "QUOTIENT",
    ]  # fmt: skip
