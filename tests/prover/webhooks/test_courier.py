"""Webhooks: signed, sent at least once under one id, given up in the end, and visible."""

import json
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import anyio
import pytest
from sqlalchemy import select
from standardwebhooks.webhooks import Webhook as Checker
from standardwebhooks.webhooks import WebhookVerificationError

from avow.prover.errors import DatabaseUnavailable, RequestRefused, UnknownWebhook
from avow.prover.queue import now_ms
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
    from dataclasses import replace

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

    async def refusing(*_host: object, **_kind: object) -> None:
        raise UnicodeError("label empty or too long")

    monkeypatch.setattr(anyio, "getaddrinfo", refusing)
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


async def test_nobody_there_and_nowhere_to_go(shop: Shop) -> None:
    with Receiver() as receiver:
        gone = receiver.url
    found, _ = hook(shop, gone)
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
    async def inside(*args: object, **kwargs: object) -> list[object]:
        return [(2, 1, 6, "", ("1.1.1.1", 443)), (2, 1, 6, "", ("127.0.0.1", 443))]

    monkeypatch.setattr(anyio, "getaddrinfo", inside)
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

    async def look(host: str, *args: object, **kwargs: object) -> list[object]:
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", 0))]

    monkeypatch.setattr(anyio, "getaddrinfo", look)
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


async def test_nothing_is_told_of_what_did_not_happen(shop: Shop) -> None:
    """The message is stored with the step: where the step fails there is none."""
    found, _ = hook(shop, "https://example.com/")
    from dataclasses import replace

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
