"""A validator's seeds and duties: the same after a restart, and nobody else's."""

from dataclasses import replace

import pytest

from avow.prover.disputes.duty import Attest, CommitVerdicts, Duty, Found, RevealSeed
from avow.prover.disputes.seeds import Seeds, SeedsUnknown, secret_of
from avow.verifier.chain.signer import development_signer
from avow.verifier.chain.watch_records import (
    NEVER,
    StoredValidator,
    VerdictTree,
    Watching,
    WatchParameters,
    verdict_leaf,
)
from avow.verifier.keccak import keccak256
from avow.verifier.trace.refutation import TracedClaim

PARAMETERS = WatchParameters(duty_bps=10_000)
SECRET = keccak256(b"a secret")
ACCOUNT = b"\x11" * 20
JOINED = 1_000
LENGTH = 40


def seeds() -> Seeds:
    return Seeds(SECRET, LENGTH)


def joined(drawn: int = JOINED, revealed: int = JOINED) -> StoredValidator:
    """A validator that joined in `JOINED` with an anchor drawn in the epoch `drawn`."""
    chain = seeds()
    anchored = StoredValidator(10**20, JOINED + 1, NEVER, JOINED, JOINED, chain.anchor(drawn))
    if revealed == JOINED:
        return anchored
    return replace(anchored, revealed=revealed, seed=chain.seed(anchored, revealed))


def found(number: int, epoch: int = JOINED + 1) -> Found:
    word = keccak256(bytes([number]))
    traced = TracedClaim(word, word, keccak256(word), word, word, word)
    return Found(traced, epoch, b"refutation %d" % number)


def climb(leaf: bytes, path: list[bytes]) -> bytes:
    """As OpenZeppelin's MerkleProof does."""
    for sibling in path:
        leaf = keccak256(leaf + sibling if leaf < sibling else sibling + leaf)
    return leaf


def test_each_seed_is_the_hash_of_the_next() -> None:
    validator = joined()
    before = validator.seed
    for epoch in range(JOINED + 1, JOINED + LENGTH + 1):
        seed = seeds().seed(validator, epoch)
        assert keccak256(seed) == before
        before = seed
    with pytest.raises(SeedsUnknown, match="join again"):
        seeds().seed(validator, JOINED + LENGTH + 1)


def test_a_restart_finds_its_seeds_wherever_it_stopped() -> None:
    expected = seeds().seed(joined(), JOINED + 9)
    assert seeds().seed(joined(revealed=JOINED + 5), JOINED + 9) == expected
    # The transaction that joined was mined an epoch after its anchor was drawn.
    late = joined(drawn=JOINED - 1)
    assert keccak256(seeds().seed(late, JOINED + 1)) == late.seed
    assert seeds().seed(late, JOINED + 1) != seeds().seed(joined(), JOINED + 1)


def test_seeds_of_another_key_are_not_taken_for_ones_own() -> None:
    with pytest.raises(SeedsUnknown, match="others than this key's"):
        Seeds(keccak256(b"another secret"), LENGTH).seed(joined(), JOINED + 1)


def test_secrets_differ_with_account_chain_and_watch() -> None:
    one, other = development_signer(0), development_signer(1)
    secrets = {
        secret_of(one, 1, ACCOUNT),
        secret_of(other, 1, ACCOUNT),
        secret_of(one, 2, ACCOUNT),
        secret_of(one, 1, b"\x22" * 20),
    }
    assert len(secrets) == 4
    assert secret_of(one, 1, ACCOUNT) in secrets


@pytest.mark.parametrize("count", range(1, 10))
def test_every_verdict_stands_under_the_root(count: int) -> None:
    leaves = [keccak256(bytes([number])) for number in range(count)]
    tree = VerdictTree(leaves)
    for number, leaf in enumerate(leaves):
        assert climb(leaf, tree.path(number)) == tree.root
        if count > 1:
            assert climb(keccak256(leaf), tree.path(number)) != tree.root


def test_no_tree_is_over_nothing() -> None:
    with pytest.raises(ValueError, match="at least one"):
        VerdictTree([])


def test_an_answer_leads_to_what_was_committed() -> None:
    duty, all_found = Duty(ACCOUNT, seeds(), PARAMETERS), [found(number) for number in range(5)]
    root = duty.root(JOINED + 1, all_found)
    assert root == duty.root(JOINED + 1, all_found[::-1])
    leaves = duty.leaves(all_found)
    for one in all_found:
        answer = duty.answer(one, leaves)
        assert answer is not None and answer.found == one
        parts = (ACCOUNT, JOINED + 1, one.claim_id, one.refutation, answer.salt)
        assert climb(verdict_leaf(*parts), list(answer.path)) == root
    assert duty.answer(found(9), leaves) is None
    # Another account's verdicts of the same claims are other leaves.
    assert Duty(b"\x33" * 20, seeds(), PARAMETERS).root(JOINED + 1, all_found) != root


def test_who_found_nothing_commits_to_a_word_of_its_own() -> None:
    duty = Duty(ACCOUNT, seeds(), PARAMETERS)
    words = {duty.root(JOINED + 1, []), duty.root(JOINED + 2, [])}
    words.add(Duty(ACCOUNT, Seeds(SECRET[::-1], LENGTH), PARAMETERS).root(JOINED + 1, []))
    assert len(words) == 3


def test_duties_are_of_epochs_and_models_that_are_served() -> None:
    duty, claim_id = Duty(ACCOUNT, seeds(), PARAMETERS), found(0).claim_id
    validator, model = joined(), Watching(JOINED + 2, JOINED + 4)
    expected = [False, False, True, True, True, False]
    epochs = range(JOINED, JOINED + 6)
    assert [duty.has(validator, model, claim_id, epoch) for epoch in epochs] == expected
    left = replace(validator, last_epoch=JOINED + 3)
    expected[4] = False
    assert [duty.has(left, model, claim_id, epoch) for epoch in epochs] == expected
    assert not duty.has(validator, Watching(0, 0), claim_id, JOINED + 2)


def test_a_share_of_claims_is_ones_duty_and_another_share_anothers() -> None:
    rare = replace(PARAMETERS, duty_bps=2_500)
    watching = Watching(JOINED + 1, NEVER)
    claim_ids = [keccak256(number.to_bytes(2, "big")) for number in range(800)]
    mine = Duty(ACCOUNT, seeds(), rare)
    duties = [one for one in claim_ids if mine.has(joined(), watching, one, JOINED + 1)]
    later = [one for one in claim_ids if mine.has(joined(), watching, one, JOINED + 2)]
    assert 140 < len(duties) < 260
    assert 20 < len(set(duties) & set(later)) < 90


def test_one_transaction_an_epoch_is_enough() -> None:
    duty = Duty(ACCOUNT, seeds(), PARAMETERS)
    validator, committed, kinds = joined(), bytes(32), []
    for epoch in range(JOINED + 1, JOINED + 6):
        times = PARAMETERS.times(epoch)
        assert duty.due(validator, committed, [], times.ends) is None
        move = duty.due(validator, bytes(32), [], times.ends + 1)
        kinds.append(type(move))
        commit = move.commit if isinstance(move, Attest) else move
        assert isinstance(commit, CommitVerdicts) and commit.epoch == epoch
        if isinstance(move, Attest):
            # In time, and not before its verdicts were fixed.
            of = PARAMETERS.times(move.reveal.epoch)
            assert of.verdicts_by < times.ends + 1 <= of.reveals_by
            validator = replace(validator, revealed=move.reveal.epoch, seed=move.reveal.seed)
        committed = commit.root
        assert duty.due(validator, committed, [], times.verdicts_by) is None
    assert kinds == [CommitVerdicts, Attest, Attest, Attest, Attest]


def test_what_is_found_late_is_committed_to_again() -> None:
    duty, epoch = Duty(ACCOUNT, seeds(), PARAMETERS), JOINED + 1
    times = PARAMETERS.times(epoch)
    committed = duty.root(epoch, [])
    move = duty.due(joined(), committed, [found(1)], times.verdicts_by)
    assert move == CommitVerdicts(epoch, duty.root(epoch, [found(1)]))
    assert duty.due(joined(), committed, [found(1)], times.verdicts_by + 1) is None


def test_who_left_or_was_away_reveals_what_it_owes() -> None:
    duty = Duty(ACCOUNT, seeds(), PARAMETERS)
    left = replace(joined(), last_epoch=JOINED + 1)
    move = duty.due(left, bytes(32), [], PARAMETERS.times(JOINED + 2).ends + 1)
    assert isinstance(move, RevealSeed) and move.epoch == JOINED + 1
    known = replace(left, revealed=JOINED + 1, seed=move.seed)
    assert duty.due(known, bytes(32), [], PARAMETERS.times(JOINED + 9).ends + 1) is None
    away = Duty(ACCOUNT, Seeds(SECRET, 400), PARAMETERS)
    chain = Seeds(SECRET, 400)
    long = replace(joined(), seed=chain.anchor(JOINED))
    move = away.due(long, bytes(32), [], PARAMETERS.times(JOINED + 200).verdicts_by + 1)
    assert isinstance(move, RevealSeed) and move.epoch == JOINED + 64
