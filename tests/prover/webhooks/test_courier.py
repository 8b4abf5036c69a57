"""Webhooks: signed, sent at least once under one id, given up in the end, and visible."""

import json
import socket
import ssl
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import anyio
import pytest
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook as Checker
from standardwebhooks.webhooks import WebhookVerificationError

from avow.prover.attempt import Outcome, attempt
from avow.prover.errors import DatabaseUnavailable, RequestRefused, TryAgain, UnknownWebhook
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.queue import now_ms
from avow.prover.systems.system import Tick
from avow.prover.webhooks import courier as courier_module
from avow.prover.webhooks import registry
from avow.prover.webhooks.courier import PAUSES, Courier
from avow.prover.webhooks.tables import WebhookRow
from tests.prover.tiny import Shop, request
from tests.prover.webhooks.receiver import Receiver


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the API uses."""
    return "asyncio"


pytestmark = pytest.mark.anyio


def hook(shop: Shop, url: str, *events: str) -> tuple[registry.Webhook, str]:
    """A registered webhook of the owner "ann", and its secret."""
    wish = registry.make_wish(url, events or None, True)
    return registry.register(shop.database, wish, "ann", shop.clock()), wish.secret


def cancelled(shop: Shop, owner: str = "ann") -> str:
    """A job that was submitted and cancelled."""
    job = shop.queue.submit(replace(request(), owner=owner))
    shop.queue.cancel(job.id)
    return job.id


def told(shop: Shop, found: registry.Webhook) -> list[registry.Delivery]:
    return registry.deliveries(shop.database, found.id, "ann", 100)


async def test_a_message_is_signed_and_arrives_once(any_shop: Shop) -> None:
    shop = any_shop
    shop.clock.now = now_ms()
    with Receiver() as receiver:
        found, secret = hook(shop, receiver.url)
        job = cancelled(shop)
        courier = Courier(shop.database, shop.clock, allow_private=True)
        assert await courier.once() == 1
        assert await courier.once() == 0
    (message,) = receiver.received
    assert message.path == "/hook?a=b"
    assert message.headers["host"] == f"127.0.0.1:{receiver.port}"
    value = Checker(secret).verify(message.body, message.headers)
    assert value["type"] == "job.cancelled"
    assert value["data"]["job_id"] == job and value["data"]["state"] == "cancelled"
    with pytest.raises(WebhookVerificationError):
        Checker(secret).verify(message.body + b" ", message.headers)
    (delivery,) = told(shop, found)
    assert (delivery.state, delivery.status, delivery.attempts) == ("delivered", 204, 1)
    assert delivery.id == message.headers["webhook-id"]


async def test_failures_are_tried_again_under_one_id_until_given_up(shop: Shop) -> None:
    with Receiver(answers=[500, 302, 404] + [503] * 20) as receiver:
        found, _ = hook(shop, receiver.url)
        cancelled(shop)
        courier = Courier(shop.database, shop.clock, allow_private=True)
        for attempt, pause in enumerate(PAUSES, start=1):
            assert await courier.once() == 1
            (delivery,) = told(shop, found)
            assert (delivery.state, delivery.attempts) == ("pending", attempt)
            assert delivery.due_at is not None
            assert pause <= (delivery.due_at - shop.clock()) / 1000 <= 1.1 * pause
            shop.clock.now = delivery.due_at - 1
            assert await courier.once() == 0
            shop.clock.now += 1
        assert await courier.once() == 1
        (dead,) = told(shop, found)
        assert (dead.state, dead.attempts, dead.status) == ("dead", len(PAUSES) + 1, 503)
        shop.clock.now += 10**10
        assert await courier.once() == 0
        assert len({item.headers["webhook-id"] for item in receiver.received}) == 1
        assert len(receiver.received) == len(PAUSES) + 1
        # No redirect was followed, and an operator may ask again.
        receiver.answers.clear()
        again = registry.resend(shop.database, found.id, dead.id, "ann", shop.clock())
        assert again.state == "pending"
        assert await courier.once() == 1
        assert told(shop, found)[0].state == "delivered"


async def test_a_sender_that_died_loses_nothing(shop: Shop) -> None:
    """It had claimed the message, and perhaps sent it; after its claim it is sent again."""
    with Receiver() as receiver:
        hook(shop, receiver.url)
        cancelled(shop)
        dying = Courier(shop.database, shop.clock, allow_private=True)
        (letter,) = dying._claim()
        other = Courier(shop.database, shop.clock, allow_private=True)
        assert await other.once() == 0
        shop.clock.now += 60_001
        assert await other.once() == 1
        assert receiver.received[0].headers["webhook-id"] == letter.id


async def test_a_database_that_goes_away_while_a_message_is_sent_ends_no_sender(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver() as receiver:
        found, _ = hook(shop, receiver.url)
        cancelled(shop)
        courier = Courier(shop.database, shop.clock, allow_private=True)

        def away(letter: object, receipt: object) -> None:
            raise DatabaseUnavailable("job database: database is locked")

        with monkeypatch.context() as patch:
            patch.setattr(courier, "_note", away)
            assert await courier.once() == 1
        assert told(shop, found)[0].state == "pending"
        # At least once: it goes out again when the claim has run out, under the same id.
        assert await courier.once() == 0
        shop.clock.now += 60_001
        assert await courier.once() == 1
    assert told(shop, found)[0].state == "delivered"
    assert len({item.headers["webhook-id"] for item in receiver.received}) == 1


async def test_an_address_that_no_socket_takes_is_a_failure_like_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, _ = hook(shop, "http://a..b/hook")
    cancelled(shop)

    def refusing(*_: object) -> None:
        raise UnicodeError("label empty or too long")

    monkeypatch.setattr(courier_module, "look_up", refusing)
    assert await Courier(shop.database, shop.clock, allow_private=True).once() == 1
    (delivery,) = told(shop, found)
    assert (delivery.state, delivery.error) == ("pending", "label empty or too long")


async def test_many_senders_send_each_message_once(any_shop: Shop) -> None:
    shop = any_shop
    with Receiver() as receiver:
        hook(shop, receiver.url)
        for _ in range(12):
            cancelled(shop)

        async def send() -> None:
            courier = Courier(shop.database, shop.clock, allow_private=True)
            while await courier.once():
                pass

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(send)
        ids = [item.headers["webhook-id"] for item in receiver.received]
    assert len(ids) == len(set(ids)) == 12


class Silent:
    """Takes connections and never answers; `taken` is how many it has."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                self._held.append(self._listening.accept()[0])
            except OSError:
                return

    @property
    def taken(self) -> int:
        return len(self._held)

    @property
    def url(self) -> str:
        return f"http://slow.test:{self._listening.getsockname()[1]}/hook"

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(20)
        for held in self._held:
            held.close()


async def test_a_slow_receiver_holds_up_nobody_else(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has more messages, and older ones, than may be under way at all; and it never answers."""
    monkeypatch.setattr(courier_module, "_SECONDS", 600.0)
    monkeypatch.setattr(courier_module, "_AT_ONCE", 6)
    monkeypatch.setattr(courier_module, "look_up", lambda *_: ["127.0.0.1"])
    silent = Silent()
    slow = [hook(shop, silent.url, "job.cancelled")[0] for _ in range(2)]
    for _ in range(5):
        cancelled(shop)
    shop.clock.now += 1
    with Receiver() as receiver:
        quick, _ = hook(shop, receiver.url)
        with anyio.fail_after(120):
            async with anyio.create_task_group() as group:
                group.start_soon(Courier(shop.database, shop.clock, allow_private=True).run)
                for count in range(1, 4):
                    cancelled(shop)
                    while len(receiver.received) < count:
                        await anyio.sleep(0.01)
                group.cancel_scope.cancel()
        assert silent.taken <= 4
        for found in slow:
            assert {item.state for item in told(shop, found)} == {"pending"}
        assert len(told(shop, quick)) == 3
    silent.close()


async def test_a_slow_look_up_holds_up_nobody_else(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_module, "_SECONDS", 600.0)
    never = threading.Event()

    def look(host: str, port: int) -> list[str]:
        if host != "quick.test":
            never.wait(120)
        return ["127.0.0.1"]

    monkeypatch.setattr(courier_module, "look_up", look)
    for number in range(12):
        hook(shop, f"http://slow-{number}.test/hook")
    with Receiver() as receiver:
        hook(shop, f"http://quick.test:{receiver.port}/hook")
        cancelled(shop)
        with anyio.fail_after(120):
            async with anyio.create_task_group() as group:
                group.start_soon(Courier(shop.database, shop.clock, allow_private=True).run)
                while not receiver.received:
                    await anyio.sleep(0.01)
                never.set()
                group.cancel_scope.cancel()


async def test_one_owner_does_not_take_every_place(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_module, "_AT_ONCE", 3)
    monkeypatch.setattr(courier_module, "_PER_OWNER", 2)
    for number in range(5):
        hook(shop, f"http://host-{number}.test/hook")
    bobs = registry.make_wish("http://bob.test/hook", None, True)
    other = registry.register(shop.database, bobs, "bob", shop.clock())
    cancelled(shop)
    shop.clock.now += 1
    cancelled(shop, owner="bob")
    letters = Courier(shop.database, shop.clock, allow_private=True)._claim()
    assert [letter.webhook_id == other.id for letter in letters] == [False, False, True]


async def test_a_kept_connection_takes_no_other_names_message(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both names lead to one address, but its certificate is for one of them."""
    monkeypatch.setattr(courier_module, "look_up", lambda *_: ["127.0.0.1"])
    served, trusted = certificate(tmp_path, "hooks.test")
    with Receiver(context=served) as receiver:
        first, _ = hook(shop, f"https://hooks.test:{receiver.port}/hook")
        courier = Courier(shop.database, shop.clock, allow_private=True, verify=trusted)

        def noted() -> list[str]:
            return [item.state for item in told(shop, first)]

        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                group.start_soon(courier.run)
                cancelled(shop)
                while not receiver.received:
                    await anyio.sleep(0.01)
                other, _ = hook(shop, f"https://other.test:{receiver.port}/hook")
                cancelled(shop)
                # With nothing under way: who is cancelled while it connects closes nothing.
                while not told(shop, other)[0].error or noted() != ["delivered"] * 2:
                    await anyio.sleep(0.01)
                group.cancel_scope.cancel()
    assert "certificate" in told(shop, other)[0].error.lower()
    assert {item.headers["host"].partition(":")[0] for item in receiver.received} == {"hooks.test"}


async def test_nobody_there_and_nowhere_to_go(shop: Shop, free_port: int) -> None:
    found, _ = hook(shop, f"http://127.0.0.1:{free_port}/hook")
    cancelled(shop)
    assert await Courier(shop.database, shop.clock, allow_private=True).once() == 1
    (delivery,) = told(shop, found)
    assert delivery.state == "pending" and delivery.status is None and delivery.error
    # Where private addresses are not allowed, not even what was registered before is called.
    shop.clock.now += 10**6
    assert await Courier(shop.database, shop.clock).once() == 1
    assert "expected https" in told(shop, found)[0].error


async def test_a_name_that_leads_inside_is_not_followed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier_module, "look_up", lambda *_: ["1.1.1.1", "127.0.0.1"])
    found, _ = hook(shop, "https://example.com/hook")
    cancelled(shop)
    assert await Courier(shop.database, shop.clock).once() == 1
    (delivery,) = told(shop, found)
    assert delivery.error == "example.com has no public address"


async def test_the_address_looked_at_is_the_address_called(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look-up; the certificate is still checked for the name."""
    asked: list[object] = []

    def look(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    monkeypatch.setattr(courier_module, "look_up", look)
    served, trusted = certificate(tmp_path, "hooks.test")
    with Receiver(context=served) as receiver:
        found, _ = hook(shop, f"https://hooks.test:{receiver.port}/hook")
        other, _ = hook(shop, f"https://other.test:{receiver.port}/hook")
        cancelled(shop)
        courier = Courier(shop.database, shop.clock, allow_private=True, verify=trusted)
        assert await courier.once() == 2
    assert sorted(map(str, asked)) == ["hooks.test", "other.test"]
    (message,) = receiver.received
    assert message.headers["host"] == f"hooks.test:{receiver.port}"
    assert told(shop, found)[0].state == "delivered"
    assert "certificate" in told(shop, other)[0].error.lower()


async def test_a_receiver_that_wants_no_more_gets_no_more(shop: Shop) -> None:
    with Receiver(answers=[410]) as receiver:
        found, _ = hook(shop, receiver.url)
        cancelled(shop)
        courier = Courier(shop.database, shop.clock, allow_private=True)
        await courier.once()
        assert told(shop, found)[0].state == "dead"
        cancelled(shop)
        assert await courier.once() == 0
    assert len(receiver.received) == 1


async def test_what_is_removed_is_not_sent(shop: Shop) -> None:
    with Receiver() as receiver:
        found, _ = hook(shop, receiver.url)
        cancelled(shop)
        registry.remove(shop.database, found.id, "ann", shop.clock())
        assert await Courier(shop.database, shop.clock, allow_private=True).once() == 0
    assert receiver.received == []
    (delivery,) = told(shop, found)
    assert (delivery.state, delivery.error) == ("dead", "the webhook was removed")


async def test_only_the_owners_events_that_were_asked_for(shop: Shop) -> None:
    found, _ = hook(shop, "https://example.com/", "job.proven")
    cancelled(shop)
    everything, _ = hook(shop, "https://example.com/")
    cancelled(shop, owner="bob")
    assert told(shop, found) == told(shop, everything) == []
    cancelled(shop)
    assert [item.event for item in told(shop, everything)] == ["job.cancelled"]
    for call in (registry.webhook, registry.remove):
        with pytest.raises(UnknownWebhook):
            call(shop.database, found.id, "bob", *([1] if call is registry.remove else []))
    assert registry.webhooks(shop.database, "bob") == []


async def test_a_proof_that_is_put_back_is_no_second_answer(shop: Shop) -> None:
    found, _ = hook(shop, "https://example.com/")
    job = shop.queue.submit(replace(request(), owner="ann")).id
    assert attempt(shop.bench(), job, 0, Task.INFER, infer) is Outcome.DONE

    def fails(tick: Tick) -> None:
        raise TryAgain("no luck")

    shop.system.on_prove = fails
    assert attempt(shop.bench(), job, 0, Task.PROVE, prove) is Outcome.AGAIN
    assert [item.event for item in told(shop, found)] == ["job.answered"]


async def test_nothing_is_told_of_what_did_not_happen(shop: Shop) -> None:
    """The message is stored with the step: where the step fails there is none."""
    found, _ = hook(shop, "https://example.com/")
    from avow.prover.history import end, locked
    from avow.verifier.lifecycle import JobState

    job = shop.queue.submit(replace(request(), owner="ann"))
    with pytest.raises(ZeroDivisionError), shop.database.write() as session:
        end(session, locked(session, job.id), JobState.FAILED, "no", shop.clock())
        raise ZeroDivisionError
    assert told(shop, found) == []


async def test_there_may_be_only_so_many(shop: Shop) -> None:
    for _ in range(registry.MOST):
        hook(shop, "https://example.com/")
    with pytest.raises(RequestRefused, match="at most 20"):
        hook(shop, "https://example.com/")
    with pytest.raises(RequestRefused, match="events"):
        registry.make_wish("https://example.com/", ["job.queued"], False)
    with pytest.raises(RequestRefused, match="events"):
        registry.make_wish("https://example.com/", [], False)
    with shop.database.read() as session:
        secrets = set(session.scalars(select(WebhookRow.secret)))
    assert len(secrets) == registry.MOST


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A certificate for a name: what a server serves, and what trusts it."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(name), x509.IPAddress(ip_address("192.0.2.1"))]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(path)
    return served, ssl.create_default_context(
        cadata=made.public_bytes(serialization.Encoding.PEM).decode()
    )


def test_the_body_says_nothing_of_the_input(shop: Shop) -> None:
    from avow.prover.webhooks.tables import DeliveryRow

    hook(shop, "https://example.com/")
    cancelled(shop)
    with shop.database.read() as session:
        (body,) = session.scalars(select(DeliveryRow.body))
    assert set(json.loads(body)["data"]) == {
        "job_id",
        "from_state",
        "state",
        "reason",
        "model",
        "at",
    }
