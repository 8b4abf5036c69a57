"""The HTTP API: thin routes over the prover's queue and the verifier."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import create_task_group
from fastapi import FastAPI

from avow.api import problems
from avow.api.console import mount
from avow.api.gate import Gate, terms_of
from avow.api.observed import Observed
from avow.api.routes import (
    bundles,
    dead_letters,
    health,
    inference,
    jobs,
    metrics,
    models,
    webhooks,
)
from avow.api.services import Services, open_services
from avow.prover.config import Config, from_environment
from avow.prover.metrics.jobs import JobFigures
from avow.prover.metrics.serve import new_registry
from avow.prover.version import VERSION
from avow.prover.webhooks.courier import Courier


def create_app(services: Services, reachable: bool = False, here_only: bool = False) -> FastAPI:
    """The application on these services; it closes them when it ends.

    `reachable` is whether other machines reach it: then callers need a key, unless the
    configuration says otherwise. With `here_only` requests must be for the loopback address and
    come through no proxy, unless the configuration says whether keys are needed.
    """

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        courier = Courier(services.database, services.clock, services.config.webhooks_private)
        async with create_task_group() as group:
            group.start_soon(courier.run)
            yield
            group.cancel_scope.cancel()
        services.close()

    app = FastAPI(
        title="Avow",
        version=VERSION,
        summary="Ask for a model's answer, with evidence for it.",
        description=(
            "Every refusal is `application/problem+json` (RFC 9457) whose `detail` is one line."
        ),
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        # The interactive pages load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        # Behind a proxy a redirect would lead to plain HTTP, and a client take its key there.
        redirect_slashes=False,
        lifespan=life,
    )
    app.state.services = services
    app.state.registry = registry = new_registry(VERSION)
    registry.register(JobFigures(services.database))
    problems.install(app)
    served = (jobs, dead_letters, bundles, webhooks, models, inference, health, metrics)
    for module in served:
        app.include_router(module.router)
    mount.install(app)
    app.add_middleware(Gate, services=services, terms=terms_of(services, reachable, here_only))
    # Added last, it is around everything else.
    app.add_middleware(Observed, registry=registry)
    return app


def from_config(
    config: Config | None = None, reachable: bool = False, here_only: bool = False
) -> FastAPI:
    """The application of a configuration, by default the environment's."""
    return create_app(open_services(config or from_environment()), reachable, here_only)
