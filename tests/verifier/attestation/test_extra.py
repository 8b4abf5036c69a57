"""Without the extra nothing is decided, and that is said in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

import avow.verifier
from avow.verifier.canonical import encode
from tests.verifier.tee.enclave import Enclave, policy_json

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2].split():
    sys.modules[name] = None
from avow.verifier.cli import main
sys.exit(main(sys.argv[3:]))
"""


@pytest.mark.parametrize(("kind", "missing"), [("tdx", "dcap_qvl"), ("nitro", "cryptography")])
def test_a_missing_extra_leaves_a_bundle_undecided(tmp_path: Path, kind: str, missing: str) -> None:
    bundle, policy = tmp_path / "answer.avow.json", tmp_path / "policy.json"
    bundle.write_bytes(Enclave(kind).bundle().encode())
    terms = policy_json()["attestation"]
    assert isinstance(terms, dict)
    del terms["unsafe_simulated_root"]
    policy.write_bytes(encode(policy_json() | {"attestation": terms}))
    (verifier,) = avow.verifier.__path__
    place = str(Path(verifier).parent.parent)
    words = [sys.executable, "-c", PROGRAM, place, missing, str(bundle), "--policy", str(policy)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "undecided: " in line
    assert "avow-verifier[tee]" in line
