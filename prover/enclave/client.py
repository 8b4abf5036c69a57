"""How a labourer asks its worker's enclave."""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Mapping
from typing import Any

from avow.prover.enclave.keeper import SOCKET
from avow.prover.errors import NotNow, Refused, TryAgain
from avow.prover.systems.system import Limits, Tick

_TICK_SECONDS = 0.2
_REPLY_BYTES = 512 * 2**20
# What a reply says where it has no answer, and what that means for the job.
_OUTCOMES = {"ended": NotNow, "refused": Refused, "later": TryAgain, "failed": TryAgain}


def ask(request: Mapping[str, Any], stage: str, limits: Limits, tick: Tick) -> dict[str, Any]:
    """The enclave's reply.

    Raises NotNow where there is no enclave or its session is over: then another may come, and the
    job waits for it. Raises Refused for what it refuses, TryAgain when it takes too long, fails,
    ends while it works or says "later", and whatever `tick` raises.
    """
    address = os.environ.get(SOCKET)
    if not address:
        raise NotNow("this worker has no enclave (AVOW_ENCLAVE); the job waits for one that has")
    deadline = time.monotonic() + limits.seconds
    tick(stage, None)
    line = json.dumps(request).encode("ascii") + b"\n"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(limits.seconds)
        try:
            connection.connect(address)
        except OSError as error:
            raise NotNow(f"the enclave does not answer: {error.strerror or error}") from error
        # From here on it counts: a request that ends one enclave would end the next one as well.
        try:
            connection.sendall(line)
            connection.settimeout(None)
            reply = _read(connection, stage, deadline, tick)
        except TimeoutError as error:
            raise TryAgain("the enclave took too long") from error
        except OSError as error:
            said = error.strerror or str(error)
            raise TryAgain(f"the enclave ended while it worked: {said}") from error
    for outcome, raised in _OUTCOMES.items():
        if outcome in reply:
            raise raised(str(reply[outcome]))
    return reply


def _read(connection: socket.socket, stage: str, deadline: float, tick: Tick) -> dict[str, Any]:
    data = bytearray()
    while not data.endswith(b"\n"):
        if not select.select([connection], [], [], _TICK_SECONDS)[0]:
            tick(stage, None)
            if time.monotonic() > deadline:
                raise TryAgain("the enclave took too long")
            continue
        part = connection.recv(2**20)
        if not part:
            raise TryAgain("the enclave ended while it worked")
        data += part
        if len(data) > _REPLY_BYTES:
            raise TryAgain("the enclave said too much")
    reply = json.loads(data)
    if not isinstance(reply, dict):
        raise TryAgain("the enclave said something else than a reply")
    return reply
