"""A planter's hours and words: in order, in their epoch, and the same after a restart."""

from avow.prover.planting.hours import Almanac, secret_of
from avow.verifier.chain.signer import development_signer
from avow.verifier.chain.watch_records import WatchParameters
from avow.verifier.keccak import keccak256

PARAMETERS = WatchParameters()
EPOCHS = range(1_000, 1_200)


def almanac(secret: bytes = keccak256(b"a secret"), share: int = 2_500) -> Almanac:
    return Almanac(secret, PARAMETERS, share)


def test_the_hours_of_an_epoch_lie_in_it_and_in_order() -> None:
    found = almanac()
    for epoch in EPOCHS:
        hours, times = found.hours(epoch), PARAMETERS.times(epoch)
        third = PARAMETERS.epoch // 3
        assert times.begins <= hours.request < times.begins + third <= hours.word
        assert hours.word < times.begins + 2 * third <= hours.deliver <= times.ends
        assert hours.deliver < hours.lock_by
    # No epoch's say anything of another's.
    assert len({found.hours(one).word % PARAMETERS.epoch for one in EPOCHS}) > 50


def test_another_planter_has_other_hours_and_words() -> None:
    one, other = almanac(), almanac(keccak256(b"another secret"))
    assert one.hours(1_000) != other.hours(1_000)
    assert one.empty_word(1_000) != other.empty_word(1_000)
    assert almanac().hours(1_000) == one.hours(1_000)
    assert len({one.empty_word(epoch) for epoch in EPOCHS}) == len(EPOCHS)
    claim = keccak256(b"a claim")
    assert len({one.salt(claim), one.refutation_salt(claim), other.salt(claim)}) == 3


def test_so_many_epochs_have_a_plant() -> None:
    assert not any(almanac(share=0).plants(epoch) for epoch in EPOCHS)
    assert all(almanac(share=10_000).plants(epoch) for epoch in EPOCHS)
    assert 20 < sum(almanac().plants(epoch) for epoch in EPOCHS) < 80


def test_a_secret_is_of_one_key_chain_and_watch() -> None:
    signer, other = development_signer(1), development_signer(2)
    watch = b"\x01" * 20
    found = {
        secret_of(signer, 1, watch),
        secret_of(other, 1, watch),
        secret_of(signer, 2, watch),
        secret_of(signer, 1, b"\x02" * 20),
    }
    assert len(found) == 4
    assert secret_of(signer, 1, watch) in found
