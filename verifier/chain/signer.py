"""Who signs: a key from a keystore file or the environment, never shown and never logged."""

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from eth_account import Account
from eth_account.hdaccount import key_from_seed, seed_from_mnemonic
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount

from avow.verifier.chain.anvil import CHAIN_ID as DEVELOPMENT_CHAIN
from avow.verifier.chain.errors import SignerRefused

# The phrase that anvil, hardhat and ganache all print: whoever reads it owns these accounts.
_DEVELOPMENT_PHRASE = "test test test test test test test test test test test junk"
_DEVELOPMENT_KEYS = 20
_KEY = re.compile(r"(?:0x)?[0-9a-fA-F]{64}")
_KEYSTORE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Signer:
    """An account that can sign; `address` has 20 bytes."""

    address: bytes
    account: LocalAccount = field(repr=False)

    @property
    def shown(self) -> str:
        """The checksummed address."""
        return str(self.account.address)

    @property
    def is_development_key(self) -> bool:
        """Whether the key is one that everybody knows."""
        return self.address in _development_addresses()

    def sign_digest(self, digest: bytes) -> bytes:
        """The EIP-191 signature under a 32-byte digest: r || s || v, 65 bytes."""
        return bytes(self.account.sign_message(encode_defunct(digest)).signature)

    def check(self, chain_id: int) -> None:
        """Refuses a key that everybody knows on any chain but the development one."""
        if chain_id != DEVELOPMENT_CHAIN and self.is_development_key:
            raise SignerRefused(
                f"{self.shown} is a public development key: expected one of your own on chain "
                f"{chain_id} (development keys serve on chain {DEVELOPMENT_CHAIN} only)"
            )


def development_signer(index: int) -> Signer:
    """anvil's account number `index`, 0 to 19; anvil funds the first ten."""
    if not 0 <= index < _DEVELOPMENT_KEYS:
        raise SignerRefused(f"development account {index}: expected 0 to {_DEVELOPMENT_KEYS - 1}")
    return _development_signer(index)


def from_private_key(text: str) -> Signer:
    """A signer from 32 bytes of hexadecimal; the text never appears in an error."""
    if not _KEY.fullmatch(text.strip()):
        raise SignerRefused(
            f"private key: expected 64 hexadecimal digits, got {len(text.strip())} characters"
        )
    try:
        return _signer(Account.from_key(text.strip()))
    except Exception:
        # Whatever the library says could quote the key, so its text is left out.
        raise SignerRefused("private key: not a valid secp256k1 key") from None


def from_keystore(path: Path, password: str) -> Signer:
    """A signer from an encrypted keystore file (Web3 secret storage, version 3)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SignerRefused(f"keystore {path}: {error.strerror}") from error
    if len(data) > _KEYSTORE_BYTES:
        raise SignerRefused(f"keystore {path}: expected a small JSON file, got {len(data)} bytes")
    try:
        parsed = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SignerRefused(f"keystore {path}: expected JSON, it is none") from error
    if not isinstance(parsed, dict) or parsed.get("version") != 3:
        raise SignerRefused(f"keystore {path}: expected Web3 secret storage of version 3")
    try:
        key = Account.decrypt(parsed, password)
    except ValueError as error:
        if "MAC" in str(error):
            raise SignerRefused(f"keystore {path}: wrong password") from None
        raise SignerRefused(f"keystore {path}: damaged or of an unknown kind") from None
    except (KeyError, TypeError, AttributeError, NotImplementedError):
        raise SignerRefused(f"keystore {path}: damaged or of an unknown kind") from None
    return _signer(Account.from_key(key))


def read_password(path: Path) -> str:
    """The first line of a password file, without its line end."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise SignerRefused(f"password file {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SignerRefused(f"password file {path}: expected UTF-8 text") from None
    return text.split("\n", 1)[0].rstrip("\r")


def write_keystore(path: Path, key: str, password: str) -> Signer:
    """Encrypts a key into a new keystore file that only its owner can read."""
    signer = from_private_key(key)
    encrypted = json.dumps(Account.encrypt(bytes(signer.account.key), password)).encode("ascii")
    try:
        path.touch(mode=0o600, exist_ok=False)
        try:
            path.write_bytes(encrypted)
        except OSError:
            # Half a keystore opens nothing, and is in the way of a whole one.
            path.unlink()
            raise
    except OSError as error:
        raise SignerRefused(f"keystore {path}: {error.strerror}") from error
    return signer


def _signer(account: LocalAccount) -> Signer:
    return Signer(bytes.fromhex(account.address[2:]), account)


# One by one, since deriving a key in plain Python takes milliseconds.
@cache
def _development_signer(index: int) -> Signer:
    key = key_from_seed(_development_seed(), f"m/44'/60'/0'/0/{index}")
    return _signer(Account.from_key(key))


@cache
def _development_seed() -> bytes:
    return bytes(seed_from_mnemonic(_DEVELOPMENT_PHRASE, ""))


@cache
def _development_addresses() -> frozenset[bytes]:
    return frozenset(_development_signer(index).address for index in range(_DEVELOPMENT_KEYS))
