"""Fetching a bundle: broken-off downloads go on where they ended, of the same bytes only."""

import re
from dataclasses import dataclass, field

from avow.api.client.effects import Close, Failure, Head, Request, Steps
from avow.api.client.errors import Misbehaved, Refused
from avow.api.client.exchange import Reply, Retries, headers, media_type, opened, read_on, refused
from avow.api.client.settings import Settings
from avow.verifier.bundle import MEDIA_TYPE

_STRONG = re.compile(r'"[\x21\x23-\x7e]{1,200}"')
_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")
_PROBLEM_BYTES = 64 * 2**10


def download(settings: Settings, job: str, leg: int | None = None) -> Steps[bytes]:
    """The bytes that the server gives as the bundle of a job, or of a leg, whatever they are."""
    which = "" if leg is None else f"?leg={leg}"
    partial, retries = _Partial(settings, f"/v1/jobs/{job}/bundle{which}"), Retries(settings)
    while True:
        before = len(partial.data)
        failure = yield from partial.fetch()
        if failure is None:
            return bytes(partial.data)
        if len(partial.data) > before + 4096:
            # A server that gives a byte at a time shall not keep anybody for ever.
            retries.reset()
        yield from retries.wait(failure)


@dataclass(slots=True)
class _Partial:
    """What has arrived; `tag` is the strong ETag of the bytes, without which none are kept."""

    settings: Settings
    path: str
    data: bytearray = field(default_factory=bytearray)
    tag: str = ""
    total: int | None = None

    def fetch(self) -> Steps[Failure | Refused | None]:
        """One attempt; None when everything is there."""
        began = self.settings.clock()
        if not self.tag:
            self.data.clear()
        more = {"Range": f"bytes={len(self.data)}-", "If_Range": self.tag} if self.data else {}
        request = Request(
            "GET",
            self.path,
            self.settings.bounds.silence,
            headers(self.settings, **more) | {"Accept": MEDIA_TYPE},
        )
        head = yield from opened(request)
        if isinstance(head, Failure):
            return head
        if head.status >= 400:
            body = bytearray()
            yield from read_on(self.settings, request, body, _PROBLEM_BYTES, began)
            yield Close()
            return refused(self.settings, Reply(head, bytes(body)))
        try:
            self._begin(head)
        except Misbehaved:
            yield Close()
            raise
        limit = self.settings.bounds.bundle_bytes
        failure = yield from read_on(self.settings, request, self.data, limit, began)
        yield Close()
        if failure is None and self.total is not None and len(self.data) != self.total:
            if len(self.data) > self.total:
                raise self._misbehaved(f"{self.total} bytes", f"{len(self.data)}")
            return Failure(f"the bundle ended after {len(self.data)} of {self.total} bytes")
        return failure

    def _begin(self, head: Head) -> None:
        if media_type(head) != MEDIA_TYPE:
            raise self._misbehaved(MEDIA_TYPE, media_type(head)[:60] or "nothing")
        given = head.headers.get("etag", "")
        if head.status == 206:
            found = _RANGE.fullmatch(head.headers.get("content-range", ""))
            if not self.data or found is None:
                raise self._misbehaved("the whole bundle", "a part that was not asked for")
            start, end, total = map(int, found.groups())
            if (
                start != len(self.data)
                or total != (self.total or total)
                or not start <= end < total
            ):
                raise self._misbehaved(
                    f"bytes from {len(self.data)} of {self.total}", f"{start}-{end} of {total}"
                )
            if given and given != self.tag:
                raise self._misbehaved(f"a part of {self.tag}", f"one of {given[:80]}")
            self.total = total
        elif head.status == 200:
            self.data.clear()
            self.tag = given if _STRONG.fullmatch(given) else ""
            length = head.headers.get("content-length", "")
            self.total = int(length) if re.fullmatch("[0-9]{1,15}", length) else None
        else:
            raise self._misbehaved("status 200", str(head.status))
        most = self.settings.bounds.bundle_bytes
        if self.total is not None and self.total > most:
            raise self._misbehaved(f"at most {most} bytes", str(self.total))

    def _misbehaved(self, expected: str, got: str) -> Misbehaved:
        return Misbehaved(f"bundle: expected {expected}, got {got}")
