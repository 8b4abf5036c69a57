"""Files of this room: digests of large ones, and writing that leaves a whole file or none."""

import hashlib
import json
from pathlib import Path
from typing import Any

from avow.circuits.errors import CircuitError
from avow.models.errors import ModelError
from avow.models.files import write_whole

_CHUNK = 2**20


def sha256_file(path: Path) -> bytes:
    """SHA-256 of a regular file of any size; raises `CircuitError`."""
    digest = hashlib.sha256()
    try:
        if not path.is_file():
            raise CircuitError(f"expected a file at {path}, found none")
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise CircuitError(f"cannot read {path}: {error.strerror}") from error
    return digest.digest()


def read_file(path: Path, limit: int) -> bytes:
    """All bytes of a regular file of at most `limit` bytes; raises `CircuitError`."""
    try:
        if not path.is_file():
            raise CircuitError(f"expected a file at {path}, found none")
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise CircuitError(f"cannot read {path}: {error.strerror}") from error
    if len(data) > limit:
        raise CircuitError(f"{path} has more than the {limit} bytes that are read")
    return data


def write_file(path: Path, data: bytes) -> None:
    """Write all of `data` or change nothing; raises `CircuitError` when the disk refuses."""
    try:
        write_whole(path, data)
    except ModelError as error:
        raise CircuitError(str(error)) from error


def make_folder(path: Path) -> Path:
    """The folder, made where it is missing; raises `CircuitError`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CircuitError(f"cannot make the folder {path}: {error.strerror}") from error
    return path


def read_json(path: Path, limit: int = 2**22) -> dict[str, Any]:
    """A JSON object of our own making; raises `CircuitError` when it is damaged."""
    try:
        value = json.loads(read_file(path, limit))
    except (ValueError, RecursionError) as error:
        raise CircuitError(f"{path} is damaged: it holds no JSON") from error
    if not isinstance(value, dict):
        raise CircuitError(f"{path} is damaged: expected an object")
    return value


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write an object with sorted keys, readable."""
    write_file(path, (json.dumps(value, sort_keys=True, indent=2) + "\n").encode("utf-8"))
