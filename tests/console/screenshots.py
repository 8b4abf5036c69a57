"""Pictures of every page, light and dark, of a real installation that is made for them.

Usage: `python -m tests.console.screenshots FOLDER` in the checkout, with its npm packages.
"""

import io
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from avow.api.demo.digit import held_out_digit
from avow.api.demo.requester import deploy_reader
from avow.api.local.network import SYSTEM, Folders, Network, base_environment, wait_ready
from avow.api.local.people import development_people
from avow.api.local.supervisor import Supervisor
from avow.api.local.tokens import STAKE, UNIT, endow
from avow.models.catalogue import resolve
from avow.models.store import ModelStore
from avow.prover.attempt import Outcome, attempt
from avow.prover.bench import open_bench
from avow.prover.catalogue import system_id
from avow.prover.config import Config, from_environment
from avow.prover.inference import infer
from avow.prover.job import Job
from avow.prover.outbox import Task
from avow.prover.queue import Queue, open_queue
from avow.prover.request import parse_request
from avow.verifier.lifecycle import JobState
from tests.console.test_browser import tampered

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
MODELS = ("digits-mlp", "tumour-risk")
WIDTH, HEIGHT = 1100, 720
_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Scene:
    """What is pictured: an address, an order that was paid, a bundle."""

    url: str
    job: Job
    bundle: bytes


def main(folder: Path) -> None:
    """Make the installation, let it work, take the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="avow-pictures-") as scratch:
        folders = Folders(Path(scratch), CONTRACTS)
        with Supervisor(folders.logs, base_environment(folders)) as supervisor:
            network = Network(supervisor, folders, development_people())
            with _played(network) as scene, sync_playwright() as playwright:
                program = shutil.which("chromium")
                browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
                for scheme in ("light", "dark"):
                    _pictures(browser, scene, scheme, folder)
                browser.close()


@contextmanager
def _played(network: Network) -> Iterator[Scene]:
    network.start_chain(0, keep=False)
    worker = network.start_worker()
    network.deploy()
    keys = {}
    for name in MODELS:
        network.add_model(name)
        network.compile(name, SYSTEM, lambda line: None)
        keys[name], _ = network.register(name, SYSTEM, 500)
    market, people = network.market(), network.people
    endow(market, people)
    _, url = network.start_api(0)
    wait_ready(worker, network.start_provider(url), network.start_validator(STAKE))
    config = from_environment({"AVOW_HOME": str(network.folders.home)})
    with closing(open_queue(config)) as queue:
        for rows in ((0,), (1,), (2, 3), (4, 5, 6, 7), (0, 1, 2, 3)):
            # Together, so that they share a proof.
            for name in MODELS:
                for row in rows:
                    _ask(queue, network, name, row)
            _until(lambda: all(job.state is JobState.PROVEN for job in queue.jobs()))
        reader, _ = deploy_reader(market, people.requester, keys[MODELS[0]], system_id(SYSTEM))
        reader.fund(people.deployer, 30 * UNIT)
        stored = resolve(ModelStore.at(network.folders.home), MODELS[0])
        for row in range(3):
            reader.ask(held_out_digit(stored, row).tensor, 10 * UNIT, 2 * UNIT)
        _until(lambda: len(queue.jobs([JobState.SETTLED])) == 3)
        # Time for the gas of the last transaction to be asked for.
        time.sleep(3)
        worker.process.terminate()
        worker.process.wait()
        queue.cancel(_ask(queue, network, MODELS[1], 8).id)
        _give_up(queue, network, config)
        for name in MODELS:
            _ask(queue, network, name, 9)
        job = queue.jobs([JobState.SETTLED])[0]
        yield Scene(url, job, queue.bundle(job.id))


def _give_up(queue: Queue, network: Network, config: Config) -> None:
    """Dead letters: a worker without --allow-unsafe-srs refuses every artifact of this place."""
    bench = open_bench(config, "w2")
    for name in MODELS:
        job = _ask(queue, network, name, 10)
        if attempt(bench, job.id, 0, Task.INFER, infer) is not Outcome.FAILED:
            raise SystemExit("an unsafe string was taken")
    bench.database.close()


def _ask(queue: Queue, network: Network, name: str, row: int) -> Job:
    stored = resolve(ModelStore.at(network.folders.home), name)
    rows = stored.held_out()
    if rows is None:
        raise SystemExit(f"{name} has no held-out rows")
    reals = [array[row].reshape(-1).tolist() for array in rows.inputs]
    body = {"model": name, "inputs": [{"reals": values} for values in reals]}
    return queue.submit(parse_request(httpx.Request("POST", "http://x", json=body).content))


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + _SECONDS
    while not holds():
        if time.monotonic() > end:
            raise SystemExit("the installation did not come to rest in time")
        time.sleep(0.2)


def _pictures(browser: Browser, scene: Scene, scheme: str, folder: Path) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": WIDTH, "height": HEIGHT},
    )
    page = context.new_page()
    pages = {
        "jobs": "/",
        "job": f"/jobs/{scene.job.id}",
        "models": "/models",
        "model": f"/models/{scene.job.model}",
        "providers": "/providers",
        "letters": "/dead-letters",
        "verify": "/verify",
    }
    for name, path in pages.items():
        page.goto(scene.url + path)
        if name == "job":
            page.get_by_text("Accepted: PROVEN").wait_for(timeout=60_000)
        _take(page, folder / f"{name}-{scheme}.png")
    for name, bundle in (("accepted", scene.bundle), ("rejected", tampered(scene.bundle))):
        page.goto(f"{scene.url}/verify")
        page.locator("summary").click()
        page.get_by_label("Allow an unsafe reference string").check()
        held = {"name": "answer.avow.json", "mimeType": "application/json", "buffer": bundle}
        page.get_by_label("Bundle").set_input_files([held])
        page.get_by_role("button", name="Check it").click()
        page.get_by_role("heading", name="Step by step").wait_for(timeout=60_000)
        _take(page, folder / f"{name}-{scheme}.png")
    page.set_viewport_size({"width": 360, "height": HEIGHT})
    page.goto(scene.url)
    _take(page, folder / f"phone-{scheme}.png", full_page=False)
    context.close()


def _take(page: Page, path: Path, full_page: bool = True) -> None:
    data = page.screenshot(full_page=full_page, animations="disabled")
    # Pages have few colours: with a palette a picture takes a third of the bytes.
    image = Image.open(io.BytesIO(data)).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
