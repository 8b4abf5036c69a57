"""The courier: sends the messages of the outbox until they arrive or are given up."""

from __future__ import annotations

import logging
import secrets
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import anyio
import httpx
from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar
from sqlalchemy import delete, func, select, update
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
# Messages under way: of one process, to one host, for one owner's webhooks.
_AT_ONCE = 64
_PER_HOST = 4
_PER_OWNER = 32
_ROUND_SECONDS = 1.0
_GONE = 410
_limiter: RunVar[CapacityLimiter] = RunVar("avow.prover.webhooks.courier.limiter")


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is due, with the webhook it goes to, and whose shares it takes of."""

    id: str
    webhook_id: str
    url: str
    secret: str
    body: str
    attempts: int
    shares: tuple[str, ...] = ()


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
        self._under_way: Counter[str] = Counter()
        self._returned = anyio.Event()

    async def run(self) -> None:
        """Sends for ever, until it is cancelled."""
        async with self._client() as client, anyio.create_task_group() as group:
            while True:
                try:
                    letters = await self._take()
                except DatabaseUnavailable as error:
                    _LOG.error("webhooks: %s", error)
                    letters = []
                for letter in letters:
                    group.start_soon(self._carry, client, letter)
                if not letters:
                    with anyio.move_on_after(_ROUND_SECONDS):
                        await self._returned.wait()

    async def once(self) -> int:
        """Sends what is due now, as much as may be sent at once; how many messages were tried."""
        tried = 0
        async with self._client() as client, anyio.create_task_group() as group:
            while letters := await self._take():
                tried += len(letters)
                for letter in letters:
                    group.start_soon(self._carry, client, letter)
        return tried

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            # No proxy and no redirect decides where a message goes.
            trust_env=False,
            follow_redirects=False,
            timeout=_SECONDS,
            verify=self._verify,
            # A connection is known by its address: kept, it would take the message for another
            # name there without a look at that name's certificate.
            limits=httpx.Limits(max_connections=_AT_ONCE, max_keepalive_connections=0),
        )

    async def _take(self) -> list[Letter]:
        """Claims what may be sent beside what is under way, and counts it as such."""
        letters = await to_thread.run_sync(self._claim)
        for letter in letters:
            self._under_way.update(letter.shares)
        return letters

    async def _carry(self, client: httpx.AsyncClient, letter: Letter) -> None:
        try:
            await self._deliver(client, letter)
        finally:
            self._under_way.subtract(letter.shares)
            self._under_way += Counter()
            self._returned.set()
            self._returned = anyio.Event()

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
        # In threads of its own: the event loop has a few for everybody's look-ups, and who is
        # slow to answer them would hold up all others.
        found = await to_thread.run_sync(
            look_up, target.host, target.port, abandon_on_cancel=True, limiter=_threads()
        )
        return choose(found, self._allow_private)

    def _claim(self) -> list[Letter]:
        """The oldest message of each webhook that has its turn.

        Who is slow keeps no place that belongs to others: there are only so many for one host, and
        for one owner.
        """
        under_way = Counter(self._under_way)
        now = self._clock()
        due = (DeliveryRow.due_at <= now, DeliveryRow.claimed_until <= now)
        with self._database.read() as session:
            turns = session.execute(
                select(WebhookRow.id, WebhookRow.url, WebhookRow.owner)
                .join(DeliveryRow, DeliveryRow.webhook_id == WebhookRow.id)
                .where(*due)
                .group_by(WebhookRow.id, WebhookRow.url, WebhookRow.owner)
                .order_by(func.min(DeliveryRow.due_at), WebhookRow.id)
            ).all()
        letters = []
        for hook_id, url, owner in turns:
            shares = _shares(url, owner)
            if any(under_way[share] >= most for share, most in shares.items()):
                continue
            letter = self._claim_one(hook_id, tuple(shares), now)
            if letter is not None:
                letters.append(letter)
                under_way.update(letter.shares)
        if letters:
            self._forget_old(now)
        return letters

    def _claim_one(self, hook_id: str, shares: tuple[str, ...], now: int) -> Letter | None:
        due = (
            DeliveryRow.webhook_id == hook_id,
            DeliveryRow.due_at <= now,
            DeliveryRow.claimed_until <= now,
        )
        with self._database.write() as session:
            hook = session.get(WebhookRow, hook_id)
            if hook is None or hook.disabled_at is not None:
                ended = {"due_at": None, "dead_at": now, "error": "the webhook was removed"}
                session.execute(update(DeliveryRow).where(*due).values(ended))
                return None
            oldest = select(DeliveryRow).where(*due).order_by(DeliveryRow.due_at, DeliveryRow.id)
            row = session.scalars(oldest.limit(1)).first()
            if row is None:
                return None
            done = session.execute(
                update(DeliveryRow)
                .where(DeliveryRow.id == row.id, DeliveryRow.claimed_until == row.claimed_until)
                .values(claimed_until=now + _CLAIM_MS)
                .execution_options(synchronize_session=False)
            )
            if changed(done) != 1:
                return None
            return Letter(row.id, hook.id, hook.url, hook.secret, row.body, row.attempts, shares)

    def _forget_old(self, now: int) -> None:
        with self._database.write() as session:
            session.execute(
                delete(DeliveryRow).where(
                    DeliveryRow.due_at.is_(None), DeliveryRow.created_at < now - _KEEP_MS
                )
            )

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


def look_up(host: str, port: int) -> list[str]:
    """The addresses of a host; raises OSError, or ValueError for what can be no host."""
    return [str(item[4][0]) for item in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _threads() -> CapacityLimiter:
    # A limiter belongs to one event loop.
    try:
        return _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(_AT_ONCE)
        _limiter.set(limiter)
        return limiter


def _shares(url: str, owner: str) -> dict[str, int]:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        # It cannot be sent; that is told when it is tried.
        host = ""
    return {"all": _AT_ONCE, f"host:{host}": _PER_HOST, f"owner:{owner}": _PER_OWNER}


def _pause_ms(attempts: int) -> int:
    # Spread, so that a receiver that was away is not met by everything at once.
    usual = PAUSES[attempts - 1] * 1000
    return usual + secrets.randbelow(max(1, usual // 10))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
