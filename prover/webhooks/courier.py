"""The courier: sends the messages of the outbox until they arrive or are given up."""

from __future__ import annotations

import logging
import secrets
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio
import httpx
from anyio import to_thread
from sqlalchemy import delete, select, update
from standardwebhooks import Webhook as Signer

from avow.prover.database import Database
from avow.prover.errors import DatabaseUnavailable, RequestRefused
from avow.prover.history import changed
from avow.prover.webhooks.addresses import Target, choose, parse_target
from avow.prover.webhooks.tables import DeliveryRow, WebhookRow

_LOG = logging.getLogger("avow.prover")
# Seconds after each failed attempt, as the specification suggests; then the message is dead.
PAUSES = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
_SECONDS = 15.0
_CLAIM_MS = 60_000
_KEEP_MS = 7 * 24 * 3600 * 1000
_AT_ONCE = 8
_ROUND_SECONDS = 1.0
_GONE = 410


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is due, with the webhook it goes to."""

    id: str
    webhook_id: str
    url: str
    secret: str
    body: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came back: an HTTP status, or why there is none."""

    status: int | None
    error: str = ""

    @property
    def arrived(self) -> bool:
        """Whether the receiver took the message."""
        return self.status is not None and 200 <= self.status < 300


class Courier:
    """Sends what is due; any number of processes may do so on one database.

    A message that arrived in the moment its sender died is sent again under its id: at least once.
    """

    def __init__(
        self,
        database: Database,
        clock: Callable[[], int],
        allow_private: bool = False,
        verify: bool | ssl.SSLContext = True,
    ) -> None:
        self._database = database
        self._clock = clock
        self._allow_private = allow_private
        self._verify = verify

    async def run(self) -> None:
        """Sends for ever, until it is cancelled."""
        while True:
            try:
                while await self.once():
                    pass
            except DatabaseUnavailable as error:
                _LOG.error("webhooks: %s", error)
            await anyio.sleep(_ROUND_SECONDS)

    async def once(self) -> int:
        """Sends what is due now, a few messages at once; how many were tried."""
        letters = await to_thread.run_sync(self._claim)
        if not letters:
            return 0
        # No proxy and no redirect decides where a message goes.
        async with httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=_SECONDS, verify=self._verify
        ) as client:
            async with anyio.create_task_group() as group:
                for letter in letters:
                    group.start_soon(self._deliver, client, letter)
        return len(letters)

    async def _deliver(self, client: httpx.AsyncClient, letter: Letter) -> None:
        try:
            with anyio.fail_after(_SECONDS):
                receipt = await self._send(client, letter)
        except TimeoutError:
            receipt = Receipt(None, f"no answer within {_SECONDS:g} s")
        # A name that no host can have is a ValueError of the socket's or of TLS.
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            receipt = Receipt(None, _one_line(error))
        except RequestRefused as error:
            receipt = Receipt(None, str(error))
        try:
            await to_thread.run_sync(self._note, letter, receipt)
        except DatabaseUnavailable as error:
            # Raised, it would end every delivery of this process. The claim runs out, and the
            # message is sent again under its id.
            _LOG.error("webhooks: %s: what became of %s is not noted", error, letter.id)

    async def _send(self, client: httpx.AsyncClient, letter: Letter) -> Receipt:
        target = parse_target(letter.url, self._allow_private)
        address = await self._resolve(target)
        if address is None:
            return Receipt(None, f"{target.host} has no public address")
        scheme = "https" if target.secure else "http"
        literal = f"[{address}]" if ":" in address else address
        at = datetime.fromtimestamp(self._clock() // 1000, UTC)
        headers = {
            "Host": target.authority,
            "Content-Type": "application/json",
            "User-Agent": "avow-webhooks/1",
            "webhook-id": letter.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": Signer(letter.secret).sign(letter.id, at, letter.body),
        }
        # To the very address that was looked at: a second look-up could give another one.
        request = client.build_request(
            "POST",
            f"{scheme}://{literal}:{target.port}{target.path}",
            content=letter.body.encode(),
            headers=headers,
            extensions={"sni_hostname": target.host} if target.secure else {},
        )
        answer = await client.send(request, stream=True)
        # What the receiver says beyond the status is of no interest, however long it is.
        await answer.aclose()
        return Receipt(answer.status_code)

    async def _resolve(self, target: Target) -> str | None:
        found = await anyio.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        return choose([str(item[4][0]) for item in found], self._allow_private)

    def _claim(self) -> list[Letter]:
        now = self._clock()
        due = (DeliveryRow.due_at <= now, DeliveryRow.claimed_until <= now)
        with self._database.read() as session:
            if session.scalars(select(DeliveryRow.id).where(*due).limit(1)).first() is None:
                return []
        letters = []
        with self._database.write() as session:
            query = select(DeliveryRow, WebhookRow).join(
                WebhookRow, WebhookRow.id == DeliveryRow.webhook_id
            )
            oldest = query.where(*due).order_by(DeliveryRow.due_at).limit(_AT_ONCE)
            for row, hook in session.execute(oldest).all():
                if hook.disabled_at is not None:
                    row.due_at, row.dead_at, row.error = None, now, "the webhook was removed"
                    continue
                done = session.execute(
                    update(DeliveryRow)
                    .where(DeliveryRow.id == row.id, DeliveryRow.claimed_until == row.claimed_until)
                    .values(claimed_until=now + _CLAIM_MS)
                    .execution_options(synchronize_session=False)
                )
                if changed(done) == 1:
                    letters.append(
                        Letter(row.id, hook.id, hook.url, hook.secret, row.body, row.attempts)
                    )
            session.execute(
                delete(DeliveryRow).where(
                    DeliveryRow.due_at.is_(None), DeliveryRow.created_at < now - _KEEP_MS
                )
            )
        return letters

    def _note(self, letter: Letter, receipt: Receipt) -> None:
        now, attempts = self._clock(), letter.attempts + 1
        with self._database.write() as session:
            row = session.get(DeliveryRow, letter.id, with_for_update=True)
            if row is None or row.due_at is None:
                return
            row.attempts, row.status, row.error = attempts, receipt.status, receipt.error[:200]
            row.claimed_until = 0
            if receipt.arrived:
                row.due_at, row.delivered_at = None, now
            elif receipt.status == _GONE or attempts > len(PAUSES):
                row.due_at, row.dead_at = None, now
            else:
                row.due_at = now + _pause_ms(attempts)
            if receipt.status == _GONE:
                # How a receiver says that it wants no more.
                hook = session.get(WebhookRow, letter.webhook_id)
                if hook is not None and hook.disabled_at is None:
                    hook.disabled_at = now


def _pause_ms(attempts: int) -> int:
    # Spread, so that a receiver that was away is not met by everything at once.
    usual = PAUSES[attempts - 1] * 1000
    return usual + secrets.randbelow(max(1, usual // 10))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
