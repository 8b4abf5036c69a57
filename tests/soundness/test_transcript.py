"""Everything is absorbed before the next challenge is drawn, in the order that is written down.

The inventory in `tests/vectors/sumcheck-transcript.json` has every absorb and every challenge of
one honest proof; `python -m tests.soundness.test_transcript` writes it anew.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from avow.prover.native import _core
from avow.verifier.argument.transcript import Label, Transcript
from avow.verifier.keccak import keccak256
from tests.soundness.checking import check_all
from tests.soundness.conftest import ARGUMENTS, SIZES, Honest, honest
from tests.soundness.inventory import Entry, absorbed, drawn, listen
from tests.soundness.manifest import SECTIONS, manifest
from tests.soundness.workbench import quicken

VECTORS = Path(__file__).parent.parent / "vectors" / "sumcheck-transcript.json"

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(scope="module")
def vectors() -> dict[str, list[Entry]]:
    """The inventory of the proofs of one sample, and of three that are checked together."""
    return json.loads(VECTORS.read_text())


def check(one: Honest) -> None:
    """Let the verifier go through the honest proof."""
    prover = one.prover
    check_all(one.case.key, prover.root, prover.inputs, prover.outputs, one.proof)


@pytest.mark.parametrize("batch", ["one", "three"])
def test_the_verifier_keeps_to_the_inventory(
    batch: str,
    argument: str,
    vectors: dict[str, list[Entry]],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    diaries = listen(monkeypatch)
    check(request.getfixturevalue(batch))
    (diary,) = diaries
    assert diary.entries == vectors[f"{batch}, {argument}"]


def test_the_native_transcript_gives_the_same_challenges(one: Honest) -> None:
    words = statement_and_messages(one)
    python, native = Transcript(), _core.Transcript()
    for label, data in words:
        if data is None:
            assert python.challenge(label) == native.challenge(label)
        else:
            values = [int.from_bytes(data[k : k + 32], "big") for k in range(0, len(data), 32)]
            python.absorb(label, values)
            native.absorb(label, data)


def test_the_native_transcript_gives_the_known_answers(
    one: Honest, argument: str, vectors: dict[str, list[Entry]]
) -> None:
    native, entries = _core.Transcript(), []
    for label, data in statement_and_messages(one):
        if data is None:
            entries.append(drawn(label, native.challenge(label)))
        else:
            native.absorb(label, data)
            entries.append(absorbed(label, data))
    assert entries == vectors[f"one, {argument}"]


def statement_and_messages(one: Honest) -> Iterator[tuple[Label, bytes | None]]:
    """The words of every absorb, None for a challenge: from the proof's bytes and the protocol.

    An account of the order of its own, that shares nothing with prover or verifier.
    """
    key, prover = one.case.key, one.prover
    program = key.program
    statement = [
        keccak256(b"avow.sumcheck.v1"),
        prover.root,
        program.digest(),
        key.digest(),
        srs(key.tau_g2),
        *((n).to_bytes(32, "big") for n in (1, key.logrows, key.width)),
    ]
    yield Label.STATEMENT, b"".join(statement)
    tensors = (*prover.inputs[0], *prover.outputs[0])
    yield Label.PUBLIC, b"".join(tensor.digest() for tensor in tensors)
    elements = manifest(prover.frame)
    sections = {
        section: [element.of(one.proof) for element in elements if element.section == section]
        for section in SECTIONS
    }

    def whole(section: str) -> bytes:
        return b"".join(sections[section])

    def rounds(label: Label, section: str, degree: int) -> Iterator[tuple[Label, bytes | None]]:
        parts = sections[section]
        for at in range(0, len(parts), degree):
            yield label, b"".join(parts[at : at + degree])
            yield Label.ROUND, None

    yield Label.WITNESS, whole("witness")
    yield Label.ALPHA, None
    yield Label.LAMBDA, None
    yield Label.HELPERS, whole("helpers")
    nodes = sections["nodes"]
    slopes = iter(sections["layers"])
    for layer in range(len(nodes) // 4):
        if layer:
            yield Label.MU, None
        for _ in range(layer):
            yield Label.LAYERS, next(slopes) + next(slopes)
            yield Label.ROUND, None
        yield Label.NODES, b"".join(nodes[4 * layer : 4 * layer + 4])
        yield Label.ROUND, None
    if nodes:
        yield Label.LEAVES, whole("leaves")
    yield from ((Label.RHO, None) for _ in range(len(sections["identities"]) // 3))
    yield Label.GAMMA, None
    yield from rounds(Label.IDENTITIES, "identities", 3)
    yield Label.READS, whole("reads")
    yield Label.THETA, None
    yield from rounds(Label.BILINEAR, "bilinear", 3)
    yield Label.FACTORS, whole("factors")
    yield Label.ETA, None
    yield from rounds(Label.REDUCTION, "reduction", 2)
    yield Label.STACK, whole("stack")
    yield Label.FOLDS, whole("folds")
    yield Label.LAST, whole("last fold")
    yield Label.BETA, None
    yield Label.FOLD_VALUES, whole("fold values")
    yield Label.BATCH, None
    first, second = sections["quotients"]
    yield Label.QUOTIENT, first
    yield Label.ZETA, None
    yield Label.QUOTIENT, second


def srs(tau_g2: tuple[int, int, int, int]) -> bytes:
    """The digest of the string, from its definition."""
    generator = (
        0x198E9393920D483A7260BFB731FB5D25F1AA493335A9E71297E485B7AEF312C2,
        0x1800DEEF121F1E76426A00665E5C4479674322D4F75EDADD46DEBD5CD992F6ED,
        0x090689D0585FF075EC9E99AD690C3395BC4B313370B38EF355ACDADCD122975B,
        0x12C85EA5DB8C6DEB4AAB71808DCB408FE3D1E7690C43D37B4CE6CC0166FA7DAA,
    )
    x0, x1, y0, y1 = tau_g2
    words = [1, 2, *generator, x1, x0, y1, y0]
    tag = keccak256(b"avow.srs.bn254.v1")
    return keccak256(tag + b"".join(word.to_bytes(32, "big") for word in words))


def test_every_byte_of_the_proof_is_absorbed(
    one: Honest, argument: str, vectors: dict[str, list[Entry]]
) -> None:
    words = sum(entry.get("words", 0) for entry in vectors[f"one, {argument}"])
    tensors = len(one.prover.inputs[0]) + len(one.prover.outputs[0])
    assert 32 * (words - 8 - tensors) == len(one.proof)


def test_no_challenge_is_drawn_before_what_it_must_depend_on(
    vectors: dict[str, list[Entry]],
) -> None:
    for which, entries in vectors.items():
        layered = which.endswith("layered")
        names = [entry.get("absorb") or entry["draw"] for entry in entries]
        # What was absorbed last when a challenge is drawn.
        last, before = "", {}
        for entry, name in zip(entries, names, strict=True):
            if "absorb" in entry:
                last = name
            else:
                before.setdefault(name, set()).add(last)
        alone = {"KAPPA": {"WITNESS"}, "INNER": {"WITNESS"}, "DELTA": {"OPENINGS"}}
        assert before == ({} if "PUBLIC" in names else alone) | {
            "ALPHA": {"WITNESS"},
            "LAMBDA": {"WITNESS"},
            "RHO": {"LEAVES" if layered else "HELPERS"},
            "GAMMA": {"LEAVES" if layered else "HELPERS"},
            "ROUND": {"IDENTITIES", "BILINEAR", "REDUCTION"}
            | ({"LAYERS", "NODES"} if layered else set()),
            **({"MU": {"NODES"}} if layered else {}),
            "THETA": {"READS"},
            "ETA": {"FACTORS"},
            "BETA": {"LAST"},
            "BATCH": {"FOLD_VALUES"},
            "ZETA": {"QUOTIENT"},
        }
        values = [entry["value"] for entry in entries if "draw" in entry]
        assert len(set(values)) == len(values)


def test_a_missing_or_moved_absorb_changes_all_later_challenges(one: Honest) -> None:
    words = list(statement_and_messages(one))
    honest_values = challenges(words)
    absorbs = [at for at, (_, data) in enumerate(words) if data is not None][:-1]
    for at in absorbs:
        label, data = words[at]
        later = sum(data is None for _, data in words[at:])
        emptied = [(label, b"" if data else bytes(32))]
        for other in ([], emptied, [(Label(label % 17 + 1), data)]):
            changed = challenges([*words[:at], *other, *words[at + 1 :]])
            assert not set(changed[-later:]) & set(honest_values[-later:])
    for at, following in pairwise(absorbs):
        if following == at + 1:
            swapped = [*words[:at], words[following], words[at], *words[following + 1 :]]
            assert challenges(swapped)[-1] != honest_values[-1]


def challenges(words: list[tuple[Label, bytes | None]]) -> list[int]:
    """All challenges of a conversation."""
    native, values = _core.Transcript(), []
    for label, data in words:
        if data is None:
            values.append(native.challenge(label))
        else:
            native.absorb(label, data)
    return values


def test_words_cannot_move_from_one_absorb_to_the_next() -> None:
    pairs = [
        ([1, 2], [3]),
        ([1], [2, 3]),
        ([], [1, 2, 3]),
        ([1, 2, 3], []),
    ]
    found = set()
    for first, second in pairs:
        transcript = Transcript()
        transcript.absorb(Label.READS, first)
        transcript.absorb(Label.READS, second)
        found.add(transcript.challenge(Label.ETA))
    transcript = Transcript()
    transcript.absorb(Label.READS, [1, 2, 3])
    found.add(transcript.challenge(Label.ETA))
    assert len(found) == len(pairs) + 1


def main() -> None:
    """Write the inventory."""
    monkeypatch = pytest.MonkeyPatch()
    quicken(monkeypatch)
    diaries = listen(monkeypatch)
    names = [(name, lookups) for lookups in ARGUMENTS for name in SIZES]
    for name, lookups in names:
        check(honest(*SIZES[name], lookups))
    entries = {
        f"{name}, {lookups}": diary.entries
        for (name, lookups), diary in zip(names, diaries, strict=True)
    }
    VECTORS.write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
