"""The console in headless Chromium, before a real installation with real jobs."""

import base64
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from avow.verifier.lifecycle import JobState
from tests.console.installation import Installation, installed

ACCESSIBLE = (Path(__file__).parent / "accessible.js").read_text("utf-8")
SCHEMES = ("light", "dark")
expect.set_options(timeout=60_000)


def chromium() -> str:
    """The browser's program; without one, fail where CI=true, else skip."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    if os.environ.get("CI") == "true":
        pytest.fail("with CI=true a browser must be there: chromium")
    pytest.skip("there is no chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests here."""
    program = chromium()
    with sync_playwright() as playwright:
        # Its own sandbox needs rights that root in a container does not have.
        made = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A job that is proven, one that was cancelled, one that waits, one that was given up."""
    chromium()
    with installed(tmp_path_factory.mktemp("console")) as made:
        proven = made.ask(0)
        made.work(proven)
        made.queue.cancel(made.ask(1).id)
        made.ask(2)
        made.give_up(4)
        yield made


@contextmanager
def opened(browser: Browser, **settings: Any) -> Iterator[tuple[Page, list[str]]]:
    """A page of a fresh context, and what the browser complained of."""
    context = browser.new_context(**{"viewport": {"width": 1200, "height": 800}, **settings})
    page, complaints = context.new_page(), list[str]()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
    )
    try:
        yield page, complaints
    finally:
        context.close()


def paths(place: Installation) -> list[str]:
    """Every page of the console, but for verdicts."""
    jobs = [f"/jobs/{job.id}" for job in place.queue.jobs()]
    model = place.queue.jobs()[0].model
    console = ["/", "/?show=open", "/models", f"/models/{model}", "/providers", "/verify"]
    return [*console, "/dead-letters", *jobs]


def proven_bundle(place: Installation) -> bytes:
    job = next(job for job in place.queue.jobs() if job.evidence[0].bundle)
    return place.queue.bundle(job.id)


def tampered(bundle: bytes) -> bytes:
    """The same bundle with another output."""
    value = json.loads(bundle)
    data = bytearray(base64.b64decode(value["outputs"][0]["data"]))
    data[-1] ^= 1
    value["outputs"][0]["data"] = base64.b64encode(data).decode("ascii")
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_loads_without_a_complaint_and_is_accessible(
    browser: Browser, place: Installation, scheme: str
) -> None:
    with opened(browser, color_scheme=scheme) as (page, complaints):
        for path in paths(place):
            page.goto(place.url + path)
            assert page.evaluate(ACCESSIBLE) == [], path
            page.evaluate("document.querySelectorAll('details').forEach((one) => one.open = true)")
            assert page.evaluate(ACCESSIBLE) == [], path
        assert complaints == []
        page.goto(f"{place.url}/nothing")
        assert page.evaluate(ACCESSIBLE) == []
        assert complaints == [one for one in complaints if "404" in one]


def test_the_checks_for_accessibility_find_planted_faults(browser: Browser) -> None:
    with opened(browser) as (page, _):
        page.set_content(
            "<style>p { color: #999 } div { background: #777 } i { color: #fff9 }</style>"
            "<h1>One</h1><h3>Three</h3><p id='a'>pale</p><div><i id='a'>pale too</i></div>"
            "<button></button><input type='text'><svg></svg><table><tr><td>1</td></tr></table>"
            "<label for='none'>No field</label>"
        )
        found = " | ".join(page.evaluate(ACCESSIBLE))
    for fault in (
        "does not name its language",
        "no title",
        "0 of main",
        "the id a is there twice",
        "comes after level 1",
        "<button>  has no name",
        "<input>  has no name",
        "neither a text nor is it hidden",
        "has no headers",
        "labels nothing",
        "pale has a contrast of 2.8",
        "pale too has a contrast of",
    ):
        assert fault in found, fault


def test_no_page_is_wider_than_a_small_phone(browser: Browser, place: Installation) -> None:
    with opened(browser, viewport={"width": 320, "height": 640}) as (page, _):
        for path in [*paths(place), "/nothing"]:
            page.goto(place.url + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_nothing_comes_from_elsewhere_and_nothing_is_kept(
    browser: Browser, place: Installation
) -> None:
    with opened(browser) as (page, _):
        asked = list[str]()
        page.on("request", lambda request: asked.append(request.url))
        for path in paths(place):
            page.goto(place.url + path)
        assert asked and all(url.startswith(place.url) for url in asked)
        assert page.context.cookies() == []


def test_the_keyboard_reaches_everything(browser: Browser, place: Installation) -> None:
    with opened(browser) as (page, _):
        page.goto(place.url)
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Skip to the content")
        expect(page.locator(":focus")).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_have_text("Pause updates")
        page.keyboard.press("Space")
        expect(page.locator(":focus")).to_have_attribute("aria-pressed", "true")
        seen = set[str]()
        for _ in range(40):
            page.keyboard.press("Tab")
            focused = page.locator(":focus")
            if focused.count() == 0:
                break
            outline = focused.evaluate("(one) => getComputedStyle(one).outlineStyle")
            assert outline != "none", focused.inner_text()
            seen.add(focused.get_attribute("href") or focused.inner_text())
        assert {f"/jobs/{job.id}" for job in place.queue.jobs()} <= seen
        page.goto(f"{place.url}/verify")
        page.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_label("Allow an unsafe reference string")).to_be_visible()


def test_a_digest_is_copied_whole(browser: Browser, place: Installation) -> None:
    model = place.queue.jobs()[0].model
    with opened(browser, permissions=["clipboard-read", "clipboard-write"]) as (page, _):
        page.goto(f"{place.url}/models/{model}")
        page.get_by_role("button", name="Copy model digest").click()
        expect(page.locator("#said")).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == model


DROP = """([text, name]) => {
  const taken = new DataTransfer();
  taken.items.add(new File([text], name, {type: "application/json"}));
  const field = document.getElementById("drop");
  field.dispatchEvent(new DragEvent("dragover", {dataTransfer: taken, bubbles: true}));
  field.dispatchEvent(new DragEvent("drop", {dataTransfer: taken, bubbles: true}));
}"""


@pytest.mark.parametrize(
    ("change", "headline"),
    [
        (lambda bundle: bundle, "Accepted: PROVEN, under an unsafe reference string"),
        (tampered, "Rejected: the output is not the one that the statement names"),
        (lambda bundle: b"\x00 no bundle", "Rejected: "),
    ],
    ids=["true", "tampered", "nonsense"],
)
def test_a_bundle_that_is_dropped_is_judged(
    browser: Browser, place: Installation, change: Callable[[bytes], bytes], headline: str
) -> None:
    text = change(proven_bundle(place)).decode("latin-1")
    with opened(browser, color_scheme="dark") as (page, complaints):
        page.goto(f"{place.url}/verify")
        page.locator("summary").click()
        page.get_by_label("Allow an unsafe reference string").check()
        page.evaluate(DROP, [text, "dropped.avow.json"])
        expect(page.get_by_role("heading", name=headline)).to_be_visible()
        expect(page.get_by_text("dropped.avow.json")).to_be_visible()
        assert page.evaluate(ACCESSIBLE) == []
        assert complaints == []


@pytest.mark.parametrize("told", [True, False], ids=["told", "asking"])
def test_progress_is_seen_without_loading_the_page_again(
    browser: Browser, place: Installation, told: bool
) -> None:
    job = place.ask(3)
    place.prover.hold_at = "loading"
    place.prover.go_on.clear()
    worker = threading.Thread(target=place.work, args=(job,))
    with opened(browser) as (page, complaints), opened(browser) as (listed, _):
        if not told:
            page.route("**/events", lambda route: route.fulfill(status=503))
        page.goto(f"{place.url}/jobs/{job.id}")
        listed.goto(f"{place.url}/?show=open")
        page.evaluate("window.mark = 'the same page'")
        expect(page.locator(".now .state")).to_have_text("Queued")
        worker.start()
        try:
            expect(page.locator(".now .work")).to_contain_text("loading key and program")
            expect(page.locator("#said")).to_contain_text("Making evidence")
            row = listed.get_by_role("row", name=re.compile(job.id[:8]))
            expect(row).to_contain_text("Making evidence")
        finally:
            place.prover.hold_at = ""
            place.prover.go_on.set()
            worker.join(60)
        expect(page.locator(".now .state")).to_have_text("Proven")
        expect(page.get_by_text("Accepted: PROVEN")).to_be_visible()
        expect(page.get_by_role("button", name="Pause updates")).to_have_count(0)
        expect(row).to_have_count(0)
        assert page.evaluate("window.mark") == "the same page"
        assert complaints == [] if told else all("503" in one for one in complaints)


@pytest.mark.parametrize("told", [True, False], ids=["told", "asking"])
def test_a_job_is_asked_about_seldom_while_the_server_tells(
    browser: Browser, place: Installation, told: bool
) -> None:
    job = place.ask(5)
    with opened(browser) as (page, _):
        asked = list[str]()
        page.on("request", lambda request: asked.append(request.url))
        if not told:
            page.route("**/events", lambda route: route.fulfill(status=503))
        page.clock.install()
        with page.expect_response(re.compile("/events$")):
            page.goto(f"{place.url}/jobs/{job.id}")
        if told:
            # What the stream tells first, and the time until it is open.
            page.clock.run_for(3000)
            before = asked.count(page.url)
            for _ in range(10):
                page.clock.run_for(1000)
            assert asked.count(page.url) - before <= 2
        else:
            for _ in range(4):
                with page.expect_response(page.url):
                    page.clock.run_for(1000)
        place.queue.cancel(job.id)
        expect(page.locator(".now .state")).to_have_text("Cancelled")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_dead_letter_is_tried_again_by_keyboard(
    browser: Browser, place: Installation, scripts: bool
) -> None:
    job = place.give_up(6)
    with opened(browser, java_script_enabled=scripts) as (page, complaints):
        page.goto(place.url)
        page.get_by_role("link", name="Dead letters").click()
        row = page.get_by_role("row", name=re.compile(job.id[:8]))
        expect(row).to_contain_text("Evidence: 1 attempt")
        expect(row).to_contain_text("the artifact's key does not fit its program")
        summary = row.locator("summary")
        summary.press("Enter")
        expect(row.locator("details li").last).to_be_visible()
        if scripts:
            # The list changes while a reader is at it.
            other = place.give_up(7)
            expect(page.get_by_role("row", name=re.compile(other.id[:8]))).to_be_visible()
            expect(row.locator("details")).to_have_attribute("open", "")
            assert page.evaluate(ACCESSIBLE) == []
        row.get_by_role("button", name=f"Try again: job {job.id[:8]}").press("Enter")
        said = page.locator("#again")
        expect(said).to_contain_text("is now: Answered asked for again by the operator")
        expect(row).to_have_count(0)
        if scripts:
            expect(said).to_be_focused()
            assert page.evaluate(ACCESSIBLE) == []
        assert complaints == []
    assert place.queue.status(job.id).state is JobState.ANSWERED
    # The next one that is given up must not share a proof with it: both would be tried again.
    place.queue.cancel(job.id)


def test_the_console_works_without_scripts(browser: Browser, place: Installation) -> None:
    bundle = proven_bundle(place)
    with opened(browser, java_script_enabled=False) as (page, _):
        for path in paths(place):
            page.goto(place.url + path)
            expect(page.locator("h1")).to_be_visible()
            expect(page.locator("button:not([type=submit])")).to_have_count(
                page.locator("button[hidden]").count()
            )
        page.goto(place.url)
        page.get_by_role("link", name="Load it again every 5 seconds").click()
        assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "5"
        page.get_by_role("link", name="Stop that").click()
        page.get_by_role("link", name="Verify").click()
        page.get_by_label("Bundle").set_input_files(
            {"name": "b.avow.json", "mimeType": "application/json", "buffer": bundle}
        )
        page.get_by_role("button", name="Check it").click()
        expect(page.get_by_role("heading", name="Rejected: the SRS is unsafe")).to_be_visible()
