"""API keys: what a token opens, what is kept of it, and when it ends."""

import pytest

from avow.prover.access.keys import Scope, check, create, keys, revoke
from avow.prover.access.tables import ApiKeyRow
from avow.prover.errors import RequestRefused, UnknownKey
from tests.prover.tiny import Shop


def test_a_token_opens_what_it_was_made_for(any_shop: Shop) -> None:
    database = any_shop.database
    made, token = create(database, "ci", [Scope.READ, Scope.SUBMIT], 5)
    found = check(database, token, 6)
    assert found == made
    assert made.allows(Scope.READ) and made.allows(Scope.SUBMIT)
    assert not made.allows(Scope.VERIFY) and not made.allows(Scope.ADMIN)
    operator, _ = create(database, "operator", [Scope.ADMIN], 7)
    assert all(operator.allows(scope) for scope in Scope)
    assert keys(database) == [made, operator]


def test_nothing_of_the_secret_is_kept(any_shop: Shop) -> None:
    _, token = create(any_shop.database, "ci", [Scope.READ], 5)
    secret = token.rpartition("_")[2] if "_" not in token[22:] else token[22:]
    with any_shop.database.read() as session:
        (row,) = session.query(ApiKeyRow)
        kept = " ".join(str(value) for value in vars(row).values())
    assert len(secret) == 43 and secret not in kept and token not in kept


def test_what_is_not_the_token_opens_nothing(any_shop: Shop) -> None:
    database = any_shop.database
    made, token = create(database, "ci", [Scope.READ], 5)
    other, second = create(database, "other", [Scope.READ], 5)
    swapped = f"avow_{other.id}_{token[22:]}"
    flipped = token[:-2] + ("A" if token[-2] != "A" else "B") + token[-1]
    for wrong in (swapped, flipped, token + "A", token[:-1], token.upper(), "", "avow__", made.id):
        assert check(database, wrong, 6) is None
    assert check(database, second, 6) == other


def test_a_key_ends_when_it_shall(any_shop: Shop) -> None:
    database = any_shop.database
    _, token = create(database, "ci", [Scope.READ], 5, expires_at=100)
    assert check(database, token, 99) is not None
    assert check(database, token, 100) is None


def test_a_revoked_key_stays_revoked(any_shop: Shop) -> None:
    database = any_shop.database
    made, token = create(database, "ci", [Scope.READ], 5)
    assert revoke(database, made.id, 9).revoked_at == 9
    assert revoke(database, made.id, 10).revoked_at == 9
    assert check(database, token, 11) is None
    assert keys(database)[0].revoked_at == 9
    with pytest.raises(UnknownKey):
        revoke(database, "nobody", 12)


@pytest.mark.parametrize(
    ("name", "scopes"), [("", [Scope.READ]), ("a\nb", [Scope.READ]), ("ci", [])]
)
def test_keys_that_are_not_made(shop: Shop, name: str, scopes: list[Scope]) -> None:
    with pytest.raises(RequestRefused):
        create(shop.database, name, scopes, 5)
    assert keys(shop.database) == []
