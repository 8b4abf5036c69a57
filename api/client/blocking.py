"""The client for ordinary code: every call returns when it is done."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self, Unpack

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


class Client:
    """A provider's HTTP API, each bundle verified here before its answer is returned.

    `url` is the server's address, `api_key` what it knows the caller by. `policy` is what the
    caller insists on besides what was asked; by default proofs under a safe SRS only. Redirects
    are not followed and the environment's proxies not used; `transport` is for those who need one.
    Raises BadInput for an address or key that cannot be used, else `avow.api.client.errors`.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        policy: Policy | None = None,
        bounds: Bounds | None = None,
        unsafe_plain_http: bool = False,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._settings = settings_for(url, api_key, policy, bounds, unsafe_plain_http)
        self._http = httpx.Client(transport=transport, follow_redirects=False, trust_env=False)

    def __repr__(self) -> str:
        return f"Client({self._settings.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def models(self) -> tuple[Offer, ...]:
        """What the server has compiled; the digests were computed here."""
        return self._run(operations.offers(self._settings))

    def ask(
        self, model: str, inputs: Inputs, *, timeout: float | None = 3600.0, **how: Unpack[How]
    ) -> Verified:
        """Submit, wait, fetch, verify: the answer, once its evidence was checked here.

        Raises JobEnded, NotInTime after `timeout` seconds, NotVerified, and what `submit` raises.
        """
        return self.result(self.submit(model, inputs, **how), timeout=timeout)

    def submit(self, model: str, inputs: Inputs, **how: Unpack[How]) -> Asked:
        """Ask for an answer and its evidence, and return at once.

        `model` is a digest (0x...), or a name, which the server may give to whatever it likes.
        `inputs` has one item for each input of the model: nested lists, arrays, or integer
        tensors; reals are rounded to the model's scale here. `how` as in `How`.
        """
        return self._run(operations.submit(self._settings, model, inputs, how))

    def result(self, asked: Asked, *, timeout: float | None = 3600.0) -> Verified:
        """Wait for the evidence of what was asked, fetch it and verify it here."""
        return self._run(operations.result(self._settings, asked, timeout))

    def together(
        self,
        asked: Asked,
        *,
        policies: Sequence[Policy] | EvidencePolicy | None = None,
        wait: bool = True,
        timeout: float | None = 3600.0,
        at: int | None = None,
    ) -> Shown:
        """Fetch the bundles of the legs that were asked for, and verify all of them together here.

        `policies` has one for each leg, or is one over all of them, which may be content with some;
        without it each must satisfy the client's own. With `wait` once every leg has ended, else
        what is there by now. The verdict says whether it is final;
        `at` is the time to judge at in Unix seconds, as in `verify`.
        """
        steps = operations.together(self._settings, asked, policies, wait, timeout, at)
        return self._run(steps)

    def ask_split(
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
        """A split model's answer: the first part's evidence, the second's of the tensor between.

        `record` says which two models make up the whole; the provider offers both. Both bundles are
        verified together here. With the same `idempotency_key` the same jobs are found again.
        Raises what `ask` raises.
        """
        steps = ask_split(
            *(self._settings, record, inputs, idempotency_key, unsafe_unseen_input, timeout, at)
        )
        return self._run(steps, on_update)

    def wait(
        self,
        job: Asked | str,
        *,
        timeout: float | None = 3600.0,
        on_update: Callable[[Update], None] = lambda update: None,
    ) -> Job:
        """The job once it has its evidence or has ended; nothing is verified by that."""
        steps = operations.watch(self._settings, job, timeout)
        return self._run(steps, on_update)

    def watch(self, job: Asked | str, *, timeout: float | None = 3600.0) -> Iterator[Update]:
        """Every change of a job until it has its evidence or has ended."""
        return self._each(operations.watch(self._settings, job, timeout))

    def job(self, job: Asked | str) -> Job:
        """A job as it stands."""
        return self._run(operations.status(self._settings, job))

    def jobs(self, *, states: Iterable[JobState] = (), limit: int | None = None) -> Iterator[Job]:
        """Jobs, newest first, fetched a page at a time; all when `limit` is None."""
        return self._each(operations.jobs(self._settings, states, limit))

    def cancel(self, job: Asked | str) -> Job:
        """Cancel a job whose evidence is not all there; raises Conflict when it is too late."""
        return self._run(operations.cancel(self._settings, job))

    def verify(self, asked: Asked, bundle: bytes) -> Verified:
        """Whether a bundle from anywhere shows what was asked; no network is used."""
        return self._run(operations.verified(self._settings, asked, bundle))

    def unsafe_unverified_bundle(self, job: Asked | str) -> bytes:
        """What the server gives as a bundle. Nothing was checked: it may say anything."""
        return self._run(operations.bundle(self._settings, job))

    def _run(self, steps: Steps[T], on_item: Callable[[Any], None] = lambda item: None) -> T:
        line, outcome = _Line(self._http, self._settings), None
        try:
            while True:
                effect = steps.send(outcome)
                if isinstance(effect, Emit):
                    outcome = None
                    on_item(effect.item)
                else:
                    outcome = line.perform(effect)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            line.close()

    def _each(self, steps: Steps[Any]) -> Iterator[Any]:
        line, outcome = _Line(self._http, self._settings), None
        try:
            while True:
                try:
                    effect = steps.send(outcome)
                except StopIteration:
                    return
                if isinstance(effect, Emit):
                    outcome = yield effect.item
                else:
                    outcome = line.perform(effect)
        finally:
            line.close()


class _Line:
    """The one answer that an operation may have open."""

    def __init__(self, http: httpx.Client, settings: Settings) -> None:
        self._http = http
        self._settings = settings
        self._answer: httpx.Response | None = None
        self._chunks: Iterator[bytes] = iter(())

    def perform(self, effect: Effect) -> Any:
        match effect:
            case Open():
                return self._open(effect)
            case Read():
                return self._read()
            case Close():
                self.close()
            case Pause(seconds):
                time.sleep(seconds)
            case Compute(work):
                return work()

    def close(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.close()

    def _open(self, effect: Open) -> Head | Failure:
        self.close()
        request = effect.request
        try:
            built = self._http.build_request(
                request.method,
                self._settings.url + request.path,
                headers=dict(request.headers),
                content=request.body,
                timeout=timeouts(self._settings, request),
            )
            self._answer = self._http.send(built, stream=True)
        except TROUBLE as error:
            return said(error)
        self._chunks = self._answer.iter_raw()
        return head_of(self._answer)

    def _read(self) -> bytes | Failure | None:
        try:
            return next(self._chunks, None)
        except TROUBLE as error:
            return said(error)
