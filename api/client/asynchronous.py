"""The client for code with an event loop: the calls of `Client`, to be awaited."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, Self, Unpack

import anyio
import anyio.to_thread
import httpx

from avow.api.client import operations
from avow.api.client.asking import Asked, How, Inputs, Verified
from avow.api.client.effects import (
    Close,
    Compute,
    Effect,
    Emit,
    Failure,
    Head,
    Open,
    Pause,
    Read,
    Steps,
    T,
)
from avow.api.client.replies import Job, Offer, Update
from avow.api.client.settings import Bounds, Settings, settings_for
from avow.api.client.split import SplitShown, ask_split
from avow.api.client.together import Shown
from avow.api.client.transport import TROUBLE, head_of, said, timeouts
from avow.verifier.lifecycle import JobState
from avow.verifier.mixed.policy import EvidencePolicy
from avow.verifier.mixed.split_record import SplitRecord
from avow.verifier.policy import Policy


class AsyncClient:
    """`Client` with calls to await; verification runs in a thread beside the event loop."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        policy: Policy | None = None,
        bounds: Bounds | None = None,
        unsafe_plain_http: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings = settings_for(url, api_key, policy, bounds, unsafe_plain_http)
        self._http = httpx.AsyncClient(transport=transport, follow_redirects=False, trust_env=False)

    def __repr__(self) -> str:
        return f"AsyncClient({self._settings.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def models(self) -> tuple[Offer, ...]:
        """What the server has compiled; the digests were computed here."""
        return await self._run(operations.offers(self._settings))

    async def ask(
        self, model: str, inputs: Inputs, *, timeout: float | None = 3600.0, **how: Unpack[How]
    ) -> Verified:
        """Submit, wait, fetch, verify: the answer, once its evidence was checked here.

        Raises JobEnded, NotInTime after `timeout` seconds, NotVerified, and what `submit` raises.
        """
        return await self.result(await self.submit(model, inputs, **how), timeout=timeout)

    async def submit(self, model: str, inputs: Inputs, **how: Unpack[How]) -> Asked:
        """Ask for an answer and its evidence, and return at once; as `Client.submit`."""
        return await self._run(operations.submit(self._settings, model, inputs, how))

    async def result(self, asked: Asked, *, timeout: float | None = 3600.0) -> Verified:
        """Wait for the evidence of what was asked, fetch it and verify it here."""
        return await self._run(operations.result(self._settings, asked, timeout))

    async def together(
        self,
        asked: Asked,
        *,
        policies: Sequence[Policy] | EvidencePolicy | None = None,
        wait: bool = True,
        timeout: float | None = 3600.0,
        at: int | None = None,
    ) -> Shown:
        """Fetch the bundles of the legs that were asked for, and verify all of them together here.

        `policies` has one for each leg; without it each must satisfy the client's own. With `wait`
        once every leg has ended, else what is there by now. The verdict says whether it is final;
        `at` is the time to judge at in Unix seconds, as in `verify`.
        """
        steps = operations.together(self._settings, asked, policies, wait, timeout, at)
        return await self._run(steps)

    async def ask_split(
        self,
        record: SplitRecord,
        inputs: Inputs,
        *,
        idempotency_key: str | None = None,
        unsafe_unseen_input: bool = False,
        timeout: float | None = 3600.0,
        at: int | None = None,
        on_update: Callable[[Update], None] = lambda update: None,
    ) -> SplitShown:
        """A split model's answer, both bundles verified together here; as `Client.ask_split`."""
        steps = ask_split(
            *(self._settings, record, inputs, idempotency_key, unsafe_unseen_input, timeout, at)
        )
        return await self._run(steps, on_update)

    async def wait(
        self,
        job: Asked | str,
        *,
        timeout: float | None = 3600.0,
        on_update: Callable[[Update], None] = lambda update: None,
    ) -> Job:
        """The job once it has its evidence or has ended; nothing is verified by that."""
        return await self._run(operations.watch(self._settings, job, timeout), on_update)

    def watch(self, job: Asked | str, *, timeout: float | None = 3600.0) -> AsyncIterator[Update]:
        """Every change of a job until it has its evidence or has ended."""
        return self._each(operations.watch(self._settings, job, timeout))

    async def job(self, job: Asked | str) -> Job:
        """A job as it stands."""
        return await self._run(operations.status(self._settings, job))

    def jobs(
        self, *, states: Iterable[JobState] = (), limit: int | None = None
    ) -> AsyncIterator[Job]:
        """Jobs, newest first, fetched a page at a time; all when `limit` is None."""
        return self._each(operations.jobs(self._settings, states, limit))

    async def cancel(self, job: Asked | str) -> Job:
        """Cancel a job whose evidence is not all there; raises Conflict when it is too late."""
        return await self._run(operations.cancel(self._settings, job))

    async def verify(self, asked: Asked, bundle: bytes) -> Verified:
        """Whether a bundle from anywhere shows what was asked; no network is used."""
        return await self._run(operations.verified(self._settings, asked, bundle))

    async def unsafe_unverified_bundle(self, job: Asked | str) -> bytes:
        """What the server gives as a bundle. Nothing was checked: it may say anything."""
        return await self._run(operations.bundle(self._settings, job))

    async def _run(self, steps: Steps[T], on_item: Callable[[Any], None] = lambda item: None) -> T:
        line, outcome = _Line(self._http, self._settings), None
        try:
            while True:
                try:
                    effect = steps.send(outcome)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]
                if isinstance(effect, Emit):
                    outcome = None
                    on_item(effect.item)
                else:
                    outcome = await line.perform(effect)
        finally:
            await line.close()

    async def _each(self, steps: Steps[Any]) -> AsyncIterator[Any]:
        line, outcome = _Line(self._http, self._settings), None
        try:
            while True:
                try:
                    effect = steps.send(outcome)
                except StopIteration:
                    return
                if isinstance(effect, Emit):
                    yield effect.item
                    outcome = None
                else:
                    outcome = await line.perform(effect)
        finally:
            await line.close()


class _Line:
    """The one answer that an operation may have open."""

    def __init__(self, http: httpx.AsyncClient, settings: Settings) -> None:
        self._http = http
        self._settings = settings
        self._answer: httpx.Response | None = None
        self._chunks: AsyncIterator[bytes] | None = None

    async def perform(self, effect: Effect) -> Any:
        match effect:
            case Open():
                return await self._open(effect)
            case Read():
                return await self._read()
            case Close():
                await self.close()
            case Pause(seconds):
                await anyio.sleep(seconds)
            case Compute(work):
                return await anyio.to_thread.run_sync(work)

    async def close(self) -> None:
        answer, self._answer, self._chunks = self._answer, None, None
        if answer is not None:
            # Also when the caller was cancelled, or its connection would be lost to the pool.
            with anyio.CancelScope(shield=True):
                await answer.aclose()

    async def _open(self, effect: Open) -> Head | Failure:
        await self.close()
        request = effect.request
        try:
            built = self._http.build_request(
                request.method,
                self._settings.url + request.path,
                headers=dict(request.headers),
                content=request.body,
                timeout=timeouts(self._settings, request),
            )
            # Headers may drip, each byte within the time that an answer may pause.
            with anyio.fail_after(self._settings.bounds.exchange):
                self._answer = await self._http.send(built, stream=True)
        except TROUBLE as error:
            return said(error)
        self._chunks = self._answer.aiter_raw()
        return head_of(self._answer)

    async def _read(self) -> bytes | Failure | None:
        if self._chunks is None:
            return None
        try:
            return await anext(self._chunks, None)
        except TROUBLE as error:
            return said(error)
