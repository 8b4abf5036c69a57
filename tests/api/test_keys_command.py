"""`avow keys`: a token is printed once, listed never, and ends when it is revoked."""

import json
from pathlib import Path

import pytest

from avow.api.cli.main import main
from avow.prover.access.keys import Scope, check
from avow.prover.config import from_environment
from avow.prover.database import open_database


def test_a_key_from_its_making_to_its_end(
    avow_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "create", "ci", "--scope", "read", "--scope", "submit"]) == 0
    token = capsys.readouterr().out.strip()
    assert main(["keys", "create", "short", "--scope", "admin", "--days", "2", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["expires_at"] - made["created_at"] == 2 * 24 * 3600 * 1000
    own = ["--jobs", "7", "--streams", "3", "--priority", "8", "--per-minute", "60"]
    assert main(["keys", "create", "own", "--scope", "submit", *own, "--json"]) == 0
    limited = json.loads(capsys.readouterr().out)
    limits = [limited[name] for name in ("jobs", "streams", "priority", "per_minute")]
    assert limits == [7, 3, 8, 60] and made["jobs"] is made["priority"] is None
    database = open_database(from_environment({"AVOW_HOME": str(avow_home)}).database_url)
    found = check(database, token, made["created_at"])
    assert found is not None and found.scopes == {Scope.READ, Scope.SUBMIT}
    assert main(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert found.id in listed and "ends never" in listed and token[22:] not in listed
    assert main(["keys", "revoke", found.id]) == 0
    assert main(["keys", "list", "--json"]) == 0
    out = capsys.readouterr().out
    keys = json.loads(out[out.index("[") :])
    assert [bool(key["revoked_at"]) for key in keys] == [True, False, False]
    assert check(database, token, made["created_at"]) is None
    database.close()


def test_keys_that_are_none(avow_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "revoke", "nobody"]) == 2
    assert "no API key 'nobody'" in capsys.readouterr().err
    assert main(["keys", "create", "ci"]) == 2
    assert main(["keys", "create", "ci", "--scope", "everything"]) == 2
