"""Bundles in a bucket of an S3-compatible store (extra `s3`)."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from avow.prover.errors import ConfigurationError, NotReady, TryAgain
from avow.prover.stores.address import VARIABLE, Bucket
from avow.prover.stores.drafts import Drafts, refused
from avow.prover.stores.store import SUFFIX, CheckedObjects, StoredAlready, StoredFile
from avow.verifier.bundle import MEDIA_TYPE

try:
    import boto3
    from botocore.config import Config as ClientConfig
    from botocore.exceptions import BotoCoreError, ClientError
except ModuleNotFoundError as error:
    raise ConfigurationError(f"{VARIABLE}: s3:// needs the extra avow[s3]") from error

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
# PreconditionFailed: it is there; ConditionalRequestConflict: somebody else stores it right now.
_THERE = frozenset({"PreconditionFailed", "412"})
_ADDRESS = re.compile(r"\"?\bhttps?://\S+", re.IGNORECASE)
_CONNECT_SECONDS, _READ_SECONDS, _ATTEMPTS = 10, 60, 4


class S3Store:
    """Bundles as objects of a bucket; see `BundleStore`. Drafts lie in a folder of this machine.

    An upload is atomic by the store's own rule: an object is there as a whole or not at all. It
    carries its SHA-256, which the store compares with what arrived, and the condition that no
    object of this name exists. A store that does not know that condition is still asked first.
    """

    def __init__(self, client: Any, bucket: Bucket, drafts: Path) -> None:
        self._client = client
        self._bucket = bucket
        self._drafts = Drafts(drafts)
        self._checked = CheckedObjects()

    def draft(self, data: bytes) -> Path:
        """Writes unpublished bytes to a file of this machine."""
        return self._drafts.write(data)

    def publish(self, draft: Path, statement: bytes) -> StoredFile:
        """Uploads a checked draft and removes it."""
        try:
            data = draft.read_bytes()
        except OSError as error:
            raise refused(error) from error
        digest = hashlib.sha256(data).digest()
        wanted = StoredFile(f"{statement.hex()}{SUFFIX}", digest, len(data))
        there = self.find(statement)
        if there is None and not self._put(wanted, data):
            there = self.find(statement)
            if there is None:
                raise TryAgain(f"the bundle store refused {wanted.name}, which it does not have")
        if there is not None and there != wanted:
            raise StoredAlready(there)
        draft.unlink(missing_ok=True)
        return wanted

    def find(self, statement: bytes) -> StoredFile | None:
        """The bundle of a statement; its digest is that of the bytes as they are now."""
        name = f"{statement.hex()}{SUFFIX}"
        with _answering():
            found = self._get(name)
        if found is None:
            return None
        data, _ = found
        return StoredFile(name, hashlib.sha256(data).digest(), len(data))

    def read(self, name: str, sha256: bytes, span: range | None = None) -> bytes:
        """As `BundleStore.read`; a checked object is known by its entity tag."""
        try:
            with _answering():
                return self._read(name, sha256, span)
        except TryAgain as error:
            raise NotReady(f"the stored bundle {name} cannot be read: {error}") from error

    def free(self) -> int:
        """Bytes that the disk under the drafts has left."""
        return self._drafts.free()

    def sweep(self, now: float | None = None) -> int:
        """Deletes drafts that a crash left a day ago or more; returns how many."""
        return self._drafts.sweep(now)

    def _read(self, name: str, sha256: bytes, span: range | None) -> bytes:
        if span is not None:
            about = self._client.head_object(**self._object(name))
            tag = about["ETag"]

            def part(wanted: range) -> bytes:
                if not wanted:
                    return b""
                between = f"bytes={wanted.start}-{wanted.stop - 1}"
                # Another content since the look would have another tag, and is refused.
                answer = self._client.get_object(**self._object(name), Range=between, IfMatch=tag)
                return bytes(answer["Body"].read())

            def whole() -> bytes:
                answer = self._client.get_object(**self._object(name), IfMatch=tag)
                return bytes(answer["Body"].read())

            return self._checked.read(name, sha256, span, tag, whole, part)
        found = self._get(name)
        if found is None:
            raise NotReady(f"the stored bundle {name} cannot be read: the bucket does not have it")
        data, tag = found
        return self._checked.read(name, sha256, None, tag, lambda: data, lambda _: data)

    def _get(self, name: str) -> tuple[bytes, str] | None:
        try:
            answer = self._client.get_object(**self._object(name))
            return answer["Body"].read(), answer["ETag"]
        except ClientError as error:
            if _code(error) in _MISSING:
                return None
            raise

    def _put(self, wanted: StoredFile, data: bytes) -> bool:
        """Whether it was stored; False when something is there already."""
        with _answering():
            try:
                self._client.put_object(
                    **self._object(wanted.name),
                    Body=data,
                    ContentType=MEDIA_TYPE,
                    IfNoneMatch="*",
                    ChecksumSHA256=base64.b64encode(wanted.sha256).decode("ascii"),
                )
            except ClientError as error:
                if _code(error) in _THERE:
                    return False
                raise
        return True

    def _object(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket.name, "Key": f"{self._bucket.prefix}{name}"}


def open_bucket(bucket: Bucket, drafts: Path) -> S3Store:
    """The store in a bucket, with credentials from the environment or boto3's other sources."""
    settings = ClientConfig(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
        s3={"addressing_style": "path" if bucket.path_style else "auto"},
        # Checksums of their own kinds are not known to every compatible store.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        client = boto3.client(
            "s3",
            endpoint_url=bucket.endpoint,
            # Compatible stores do not care, but a signature needs one.
            region_name=bucket.region or ("us-east-1" if bucket.endpoint else None),
            config=settings,
        )
    except (BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"{VARIABLE}: {_line(error)}") from error
    return S3Store(client, bucket, drafts)


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise TryAgain(f"the bundle store refused: {_line(error)}") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _line(error: Exception) -> str:
    # Where the bucket is is nothing for those to whom this is told.
    text = _ADDRESS.sub("its address", str(error))
    return " ".join(text.split())[:200] or type(error).__name__
