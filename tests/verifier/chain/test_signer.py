"""Keys: read without being shown, public ones refused where money is real."""

import json
import stat
from pathlib import Path

import pytest

from avow.verifier.chain.errors import SignerRefused
from avow.verifier.chain.signer import (
    Signer,
    development_signer,
    from_keystore,
    from_private_key,
    read_password,
    write_keystore,
)
from tests.full_disk import full_disk

KEY = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
ADDRESS = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A keystore with the password "correct"; scrypt is slow on purpose, so made once."""
    path = tmp_path_factory.mktemp("keys") / "key.json"
    write_keystore(path, KEY, "correct")
    return path


def refused(text: str, *arguments: object) -> str:
    """The one line with which a key is refused; it never repeats the key."""
    with pytest.raises(SignerRefused) as caught:
        from_private_key(text)
    said = str(caught.value)
    assert "\n" not in said
    assert text.strip() not in said or not text.strip()
    return said


def test_a_known_key_has_its_known_address() -> None:
    signer = from_private_key(KEY)
    assert signer.shown == ADDRESS
    assert signer.address == bytes.fromhex(ADDRESS[2:])
    assert from_private_key("0x" + KEY + "\n") == signer


@pytest.mark.parametrize(
    "text",
    ["", "0x", KEY[:-1], KEY + "0", "g" * 64, "0" * 64, "f" * 64, "0x" + "00" * 32, "é" * 64],
)
def test_a_bad_key_is_refused_without_being_repeated(text: str) -> None:
    assert refused(text).startswith("private key")


def test_neither_repr_nor_errors_show_the_key() -> None:
    signer = from_private_key(KEY)
    assert KEY not in repr(signer)
    with pytest.raises(SignerRefused) as caught:
        from_private_key(KEY[:-1] + "z")
    assert KEY[:-1] not in str(caught.value)


def test_a_keystore_gives_its_key_back(keystore: Path) -> None:
    assert from_keystore(keystore, "correct").shown == ADDRESS
    assert KEY not in keystore.read_text()
    assert stat.S_IMODE(keystore.stat().st_mode) == 0o600


def test_a_wrong_password_is_one_line(keystore: Path) -> None:
    with pytest.raises(SignerRefused, match=r"wrong password$"):
        from_keystore(keystore, "incorrect")


def test_a_keystore_is_never_overwritten(keystore: Path) -> None:
    before = keystore.read_bytes()
    with pytest.raises(SignerRefused, match="File exists"):
        write_keystore(keystore, KEY, "other")
    assert keystore.read_bytes() == before


def test_on_a_full_disk_no_half_of_a_keystore_stays(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(SignerRefused, match="File too large"):
        write_keystore(tmp_path / "key.json", KEY, "correct")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected JSON"),
        (b"[" * 60_000, "expected JSON"),
        (b"[]", "version 3"),
        (b'{"version":1}', "version 3"),
        (b'{"version":3}', "damaged"),
        (b'{"version":3,"crypto":7}', "damaged"),
        (b'{"version":3,"crypto":{"kdf":"rot13"}}', "damaged"),
        (b"\xff\xfe", "expected JSON"),
        (b" " * 70_000, "small JSON file"),
    ],
)
def test_a_damaged_keystore_is_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "key.json"
    path.write_bytes(content)
    with pytest.raises(SignerRefused, match=said) as caught:
        from_keystore(path, "correct")
    assert "\n" not in str(caught.value)


def test_every_field_of_a_keystore_matters(keystore: Path, tmp_path: Path) -> None:
    """Whatever is cut out of a keystore, the answer is a line and never another key."""
    value = json.loads(keystore.read_bytes())
    for key in value["crypto"]:
        changed = json.loads(keystore.read_bytes())
        del changed["crypto"][key]
        path = tmp_path / f"{key}.json"
        path.write_text(json.dumps(changed))
        try:
            # The cipher's name alone does not matter: there is only one.
            assert (key, from_keystore(path, "correct").shown) == ("cipher", ADDRESS)
        except SignerRefused as error:
            assert "damaged" in str(error) or "wrong password" in str(error)


def test_a_missing_keystore_is_named(tmp_path: Path) -> None:
    with pytest.raises(SignerRefused, match=r"none\.json: No such file"):
        from_keystore(tmp_path / "none.json", "")


@pytest.mark.parametrize(
    ("content", "password"),
    [(b"secret\n", "secret"), (b"secret\r\nmore", "secret"), (b" a b ", " a b "), (b"", "")],
)
def test_a_password_is_the_first_line(tmp_path: Path, content: bytes, password: str) -> None:
    path = tmp_path / "password"
    path.write_bytes(content)
    assert read_password(path) == password


def test_an_unreadable_password_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SignerRefused, match="No such file"):
        read_password(tmp_path / "none")
    path = tmp_path / "binary"
    path.write_bytes(b"\xff")
    with pytest.raises(SignerRefused, match="UTF-8"):
        read_password(path)


def test_the_development_keys_are_the_ones_that_anvil_prints() -> None:
    shown = [development_signer(index).shown for index in range(3)]
    assert shown == [
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
    ]
    with pytest.raises(SignerRefused):
        development_signer(20)


@pytest.mark.parametrize("index", range(20))
def test_a_development_key_is_refused_on_every_other_chain(index: int) -> None:
    signer = development_signer(index)
    again = from_private_key(bytes(signer.account.key).hex())
    for key in (signer, again):
        key.check(31337)
        for chain_id in (1, 10, 1337, 31338, 11155111):
            with pytest.raises(SignerRefused, match="public development key"):
                key.check(chain_id)


def test_ones_own_key_serves_everywhere() -> None:
    signer: Signer = from_private_key(KEY)
    assert not signer.is_development_key
    for chain_id in (1, 31337):
        signer.check(chain_id)
