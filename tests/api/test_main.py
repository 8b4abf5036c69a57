"""The command line's edges: one line for every failure, the right status, no early imports."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

import click
import pytest

from avow.api.cli import group, main
from avow.api.cli.failures import report
from avow.api.errors import ApiError
from avow.circuits.errors import CircuitError
from avow.models.errors import ModelError
from avow.prover.errors import RequestRefused, UnknownJob
from avow.verifier.chain.errors import RpcUnavailable
from avow.verifier.errors import VerificationError

COMMAND = [sys.executable, "-m", "avow.api.cli.main"]
HEAVY = ("web3", "ezkl", "fastapi", "celery", "onnx", "onnxruntime", "sqlalchemy", "numpy", "torch")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `avow` in a process of its own."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_help_lists_every_command_and_imports_none_of_what_they_need() -> None:
    program = (
        "import sys\n"
        "from avow.api.cli.main import main\n"
        "status = main(['--help'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
        "sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"
    for name, entry in group.COMMANDS.items():
        assert f"\n  {name} " in done.stdout
        assert entry.summary in " ".join(done.stdout.split())


@pytest.mark.parametrize("name", sorted(group.COMMANDS))
def test_every_command_of_the_table_exists(name: str) -> None:
    context = click.Context(group.avow)
    command = group.avow.get_command(context, name)
    assert isinstance(command, click.Command)
    assert command.name == name


def test_a_command_that_is_not_in_the_table_is_none() -> None:
    assert group.avow.get_command(click.Context(group.avow), "nonsense") is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "nonsense"),
        (["--nonsense"], "--nonsense"),
        (["model", "nonsense"], "nonsense"),
        (["serve", "--port", "many"], "many"),
        (["serve", "--port", "70000"], "70000"),
        (["demo", "--nonsense"], "--nonsense"),
    ],
)
def test_wrong_usage_is_one_line_and_two(
    arguments: Sequence[str], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main.main(arguments) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("avow: error: ")
    assert says in captured.err


@pytest.mark.parametrize("arguments", [[], ["job"]])
def test_nothing_to_do_shows_the_help(
    arguments: Sequence[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main.main(arguments) == 2
    captured = capfd.readouterr()
    assert captured.err.startswith("Usage: avow")
    assert len(captured.err.splitlines()) > 5


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert main.main(["--version"]) == 0
    assert capfd.readouterr().out.startswith("avow, version ")


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ApiError("expected a, got b"), 2, "avow: error: expected a, got b"),
        (ModelError("m"), 2, "avow: error: m"),
        (CircuitError("c"), 2, "avow: error: c"),
        (RequestRefused("p"), 2, "avow: error: p"),
        (UnknownJob("u"), 2, "avow: error: u"),
        (RpcUnavailable("r"), 2, "avow: error: r"),
        (VerificationError("parse", "v"), 2, "avow: error: parse: v"),
        (FileNotFoundError(2, "No such file or directory", "x.onnx"), 2,
         "avow: error: x.onnx: No such file or directory"),
        (OSError(28, "No space left on device"), 2, "avow: error: No space left on device"),
        (ModelError("two\nlines\x1b[2J"), 2, "avow: error: two lines [2J"),
        (MemoryError(), 2, "avow: error: not enough memory for this"),
        (KeyboardInterrupt(), 130, "avow: interrupted"),
        (click.Abort(), 130, "avow: interrupted"),
        (ZeroDivisionError("division"), 70,
         "avow: error: ZeroDivisionError: division "
         "(a defect of avow; AVOW_DEBUG=1 shows where)"),
    ],
)  # fmt: skip
def test_every_failure_is_one_line(
    error: BaseException, status: int, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert report(error, debug=False) == status
    captured = capfd.readouterr()
    assert captured.err == line + "\n"
    assert captured.out == ""


def test_debug_shows_the_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    try:
        raise ModelError("m")
    except ModelError as error:
        assert report(error, debug=True) == 2
    err = capfd.readouterr().err
    assert "Traceback" in err
    assert err.endswith("avow: error: m\n")


def test_verify_is_the_verifiers_own_command() -> None:
    usage = run("verify")
    assert usage.returncode == 2
    missing = run("verify", "nowhere.avow.json", "--json")
    assert missing.returncode == 2
    assert missing.stderr.startswith("avow verify: error: nowhere.avow.json")


def test_a_file_that_is_no_bundle_is_rejected(tmp_path: "os.PathLike[str]") -> None:
    path = os.path.join(tmp_path, "x.avow.json")
    with open(path, "wb") as stream:
        stream.write(b"[" * 100_000)
    done = run("verify", path)
    assert done.returncode == 1
    assert done.stdout.startswith("REJECTED at step parse")
    assert done.stderr == ""


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen([*COMMAND, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(120) in (0, 1, 141)


def test_ctrl_c_leaves_without_a_traceback() -> None:
    program = (
        "import sys, time\n"
        "from avow.api.cli import group, main\n"
        "@group.avow.command('sleep')\n"
        "def sleep():\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "group.avow.get_command = lambda ctx, name: sleep\n"
        "sys.exit(main.main(['sleep']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Whoever runs the tests in the background has made them deaf to interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    assert err.strip() == b"avow: interrupted"


def test_a_verdict_that_cannot_be_written_is_one_line() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "verify", "/dev/null"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr == (
        "avow verify: error: the verdict cannot be written: No space left on device\n"
    )
