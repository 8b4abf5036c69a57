"""Following a job: by its events, taken up where they broke off, else by asking again."""

from dataclasses import dataclass

from avow.api.client.effects import Close, Emit, Failure, Pause, Read, Request, Steps
from avow.api.client.errors import Misbehaved, NotInTime, Refused
from avow.api.client.events import MEDIA_TYPE, Event, Parser
from avow.api.client.exchange import (
    Reply,
    Retries,
    call,
    headers,
    json_of,
    media_type,
    opened,
    parse_json,
    read_on,
    refused,
)
from avow.api.client.replies import Job, Update, read_job, read_progress, read_step
from avow.api.client.settings import Settings

# A server or something before it that has no events.
_NO_EVENTS = frozenset({400, 404, 405, 406, 410, 422, 501})
_PROBLEM_BYTES = 64 * 2**10


def fetch(settings: Settings, job: str) -> Steps[Job]:
    """The job as it stands."""
    request = Request("GET", f"/v1/jobs/{job}", settings.bounds.silence, headers(settings))
    reply = yield from call(settings, request, settings.bounds.json_bytes)
    return read_job(json_of(reply, "job"), job)


def follow(settings: Settings, job: str, seconds: float | None) -> Steps[Job]:
    """Emits an Update for every change until the job has its evidence or has ended; returns it.

    Raises NotInTime after `seconds`, and what `fetch` raises.
    """
    ends = None if seconds is None else settings.clock() + seconds
    watch = _Watch(settings, job, ends)
    while True:
        found = yield from fetch(settings, job)
        yield from watch.tell(found)
        if found.has_evidence or found.has_ended:
            return found
        watch.check_time()
        yield from watch.listen()


@dataclass(slots=True)
class _Watch:
    """What is known of a job that is followed."""

    settings: Settings
    job: str
    ends: float | None
    told: Update | None = None
    last_id: str = ""
    has_events: bool = True
    pause: float = 0.0

    def tell(self, found: Job) -> Steps[None]:
        """Emit what the job says, if it is new."""
        yield from self._emit(Update(found.id, found.state, found.reason, found.progress))

    def check_time(self) -> None:
        """Raises NotInTime when the time is over."""
        if self.ends is not None and self.settings.clock() >= self.ends:
            state = self.told.state.value if self.told else "unknown"
            raise NotInTime(f"job {self.job} is {state}: no evidence in the time given; it goes on")

    def listen(self) -> Steps[None]:
        """Returns when it is worth asking for the job again."""
        before = self.told
        ended = self.has_events and (yield from self._stream())
        # A server that ends every stream at once must not be asked in a tight loop.
        if not ended or self.told == before:
            yield from self._wait()

    def _stream(self) -> Steps[bool]:
        """Read events until the stream ends; False where there are none to be had."""
        bounds = self.settings.bounds
        retries = Retries(self.settings)
        while True:
            more = {"Last_Event_ID": self.last_id} if self.last_id else {}
            request = Request(
                "GET",
                f"/v1/jobs/{self.job}/events",
                bounds.stream_silence,
                headers(self.settings, **more) | {"Accept": MEDIA_TYPE},
            )
            head = yield from opened(request)
            if not isinstance(head, Failure):
                if head.status >= 400:
                    outcome = yield from self._problem(request, Reply(head, b""))
                    if outcome.status in _NO_EVENTS:
                        self.has_events = False
                        return False
                    yield from retries.wait(outcome)
                    continue
                if head.status == 204:
                    yield Close()
                    return True
                if media_type(head) != MEDIA_TYPE:
                    yield Close()
                    self.has_events = False
                    return False
                failure = yield from self._events()
                if failure is None:
                    return True
                retries.reset()
                head = failure
            self.check_time()
            yield from retries.wait(head)

    def _problem(self, request: Request, reply: Reply) -> Steps[Refused]:
        body = bytearray()
        began = self.settings.clock()
        yield from read_on(self.settings, request, body, _PROBLEM_BYTES, began)
        yield Close()
        return refused(self.settings, Reply(reply.head, bytes(body)))

    def _events(self) -> Steps[Failure | None]:
        """Read the open stream; None when the server ended it, a Failure when it broke off."""
        bounds = self.settings.bounds
        parser, read = Parser(bounds.json_bytes, self.last_id), 0
        while True:
            chunk: bytes | Failure | None = yield Read()
            if chunk is None or isinstance(chunk, Failure):
                yield Close()
                return chunk
            read += len(chunk)
            if read > bounds.stream_bytes:
                yield Close()
                raise Misbehaved(
                    f"events: expected at most {bounds.stream_bytes} bytes of a job, got more"
                )
            try:
                for event in parser.feed(chunk):
                    self.last_id = event.last_id
                    yield from self._event(event)
                    # Whoever is told may take a while, and asks the server more.
                    self.check_time()
                self.check_time()
            except (Misbehaved, NotInTime):
                yield Close()
                raise

    def _event(self, event: Event) -> Steps[None]:
        told = self.told
        if event.kind == "state":
            state, reason = read_step(parse_json(event.data.encode(), "event"))
            yield from self._emit(Update(self.job, state, reason, None))
        elif event.kind == "progress" and told is not None:
            progress = read_progress(parse_json(event.data.encode(), "event"))
            yield from self._emit(Update(self.job, told.state, told.reason, progress))

    def _emit(self, update: Update) -> Steps[None]:
        if update != self.told:
            self.told, self.pause = update, 0.0
            yield Emit(update)

    def _wait(self) -> Steps[None]:
        bounds = self.settings.bounds
        self.pause = min(bounds.poll_longest, max(bounds.poll_first, self.pause * 1.5))
        left = self.pause if self.ends is None else self.ends - self.settings.clock()
        yield Pause(max(0.0, min(self.pause, left)))
