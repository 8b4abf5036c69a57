"""Traces: one from the request to the bundle, through the queue; nothing where nobody asked."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from avow.prover import tracing
from avow.prover.attempt import Outcome, attempt
from avow.prover.config import as_environment, from_environment
from avow.prover.errors import ConfigurationError
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.systems.system import Tick
from avow.prover.tables import JobRow
from tests.prover.tiny import Shop, request
from tests.prover.tracing import texts, traced, tree

CALLER = f"00-{'ab' * 16}-{'cd' * 8}-01"
INPUTS = (311, 307, 313, 317)


def test_a_trace_goes_through_the_queue(any_shop: Shop) -> None:
    shop = any_shop
    with traced() as exporter:
        with tracing.serving("POST /v1/jobs", CALLER):
            job = shop.queue.submit(request(*INPUTS))
        # Both tasks come much later, in a process that knows of nothing but the job.
        assert attempt(shop.bench(), job.id, 0, Task.INFER, infer) is Outcome.DONE
        assert attempt(shop.bench(), job.id, 0, Task.PROVE, prove) is Outcome.DONE
        spans = exporter.get_finished_spans()
    assert tree(exporter) == {
        "POST /v1/jobs": "",
        "submit": "POST /v1/jobs",
        "infer": "submit",
        "answer": "infer",
        "prove": "submit",
        "make proof": "prove",
        "check": "prove",
        "store": "prove",
    }
    assert {f"{span.context.trace_id:032x}" for span in spans} == {"ab" * 16}
    by_name = {span.name: span for span in spans}
    assert f"{by_name['POST /v1/jobs'].parent.span_id:016x}" == "cd" * 8
    attributes = dict(by_name["prove"].attributes)
    assert attributes["avow.job"] == job.id and attributes["avow.outcome"] == "done"
    # Identifiers are random and may hold any digits; nothing else may hold an input or answer.
    told = texts(spans) - {job.id}
    assert not [text for text in told if "311" in text or "1248" in text]


def test_a_failure_is_marked_without_its_text(shop: Shop) -> None:
    def fails(_tick: Tick) -> None:
        raise ValueError(f"cannot use {INPUTS}")

    shop.system.on_answer = fails
    with traced() as exporter:
        job = shop.queue.submit(request(*INPUTS))
        assert attempt(shop.bench(), job.id, 0, Task.INFER, infer) is Outcome.AGAIN
    (answer,) = [span for span in exporter.get_finished_spans() if span.name == "answer"]
    assert not answer.status.is_ok and answer.attributes["error.type"] == "ValueError"
    assert answer.status.description is None and not answer.events
    told = texts(exporter.get_finished_spans()) - {job.id}
    assert not [text for text in told if "307" in text]


def test_without_tracing_nothing_is_stored(shop: Shop) -> None:
    job = shop.queue.submit(request())
    with shop.database.read() as session:
        row = session.get(JobRow, job.id)
        assert row is not None and row.traceparent == ""
    assert not tracing.is_on() and tracing.traceparent() == ""
    with tracing.span("nothing", CALLER) as span:
        assert span is None
    tracing.record([{"name": "nothing", "start": 1, "end": 2}])


@pytest.mark.parametrize("wrong", ["", "00-short", CALLER[:-1] + "z", CALLER + "\n", "x" * 10**4])
def test_a_wrong_traceparent_begins_a_trace_of_its_own(wrong: str) -> None:
    with traced() as exporter, tracing.serving("GET /", wrong):
        pass
    (span,) = exporter.get_finished_spans()
    assert span.parent is None


def test_nothing_is_imported_unless_asked_for() -> None:
    program = (
        "import sys\n"
        "import avow.prover.labourer\n"
        # Labourers that prove need neither; the commands of Celery nobody does.
        "heavy = ('onnx', 'celery.bin')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])\n"
        "import avow.api.app, avow.prover.nodes.start\n"
        "from avow.prover.config import from_environment\n"
        "from avow.prover.tracing import set_up_tracing, span\n"
        "set_up_tracing(from_environment({}), 'test')\n"
        "with span('x'): pass\n"
        # The client of Redis loads the interface by itself where it is installed.
        "heavy = ('opentelemetry.sdk', 'opentelemetry.exporter')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])\n"
    )
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["[]", "[]"]


def test_spans_reach_a_collector() -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    received: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        """Takes whatever is posted."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/v1/traces"
        config = from_environment({"AVOW_TRACES": address})
        assert from_environment(as_environment(config, {})).traces == address
        tracing.end_tracing()
        tracing.set_up_tracing(config, "avow-test")
        with tracing.span("a span of a test"):
            pass
        tracing.end_tracing()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert received and received[0][0] == "/v1/traces"
    assert b"a span of a test" in received[0][1] and b"avow-test" in received[0][1]


def test_a_bad_address_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError, match="AVOW_TRACES: expected http") as caught:
        from_environment({"AVOW_TRACES": "grpc://user:secret@h"})
    assert "secret" not in str(caught.value)
