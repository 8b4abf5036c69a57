"""The API over the tiny system: its services, a request, and a worker's share of the work."""

from typing import Any

from avow.api.services import Services
from avow.prover.attempt import Outcome, attempt
from avow.prover.config import Config
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove
from tests.prover.tiny import Shop

BODY: dict[str, Any] = {"model": "tiny", "inputs": [{"integers": [1, 2, 3, 4]}]}


def services_of(shop: Shop, config: Config | None = None) -> Services:
    """The services that routes stand on, over the shop."""
    return Services(
        config or shop.config, shop.database, shop.queue, shop.store, shop.catalogue, shop.clock
    )


def work(shop: Shop, job_id: str) -> None:
    """Both tasks, as delivered by the broker."""
    assert attempt(shop.bench(), job_id, 0, Task.INFER, infer) is Outcome.DONE
    assert attempt(shop.bench(), job_id, 0, Task.PROVE, prove) is Outcome.DONE
