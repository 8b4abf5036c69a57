"""What is started often does not load what it seldom needs."""

import subprocess
import sys

import pytest

# Each takes a tenth of a second or more to load, for every command and every node.
_MODELS = {"onnx", "onnxruntime", "mpmath"}
_CHAIN = {"web3", "eth_account"}


@pytest.mark.parametrize(
    ("module", "spared"),
    [
        ("avow.api.server", _MODELS | _CHAIN),
        ("avow.prover.nodes.start", _MODELS),
        ("avow.verifier.chain.market", _MODELS | {"sqlalchemy", "numpy"}),
        ("avow.api.cli.model", _CHAIN | {"sqlalchemy"}),
    ],
)
def test_it_starts_without(module: str, spared: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert module in loaded
    assert not loaded & spared
