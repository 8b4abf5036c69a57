"""Writes the dumps of every version of the schema, with the same jobs in each: run as a program.

Usage: python -m tests.prover.schemas.dump POSTGRESQL-URL PG_DUMP. A dump that was written for a
version once is never written again: databases of that time are as they are.
"""

import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine, make_url, text

from tests.prover.tiny import COMPILED, SYSTEM

FOLDER = Path(__file__).parent
MIGRATIONS = Path(__file__).resolve().parents[3] / "prover" / "migrations"
SCHEMA = "avow_dump"
QUEUED, PROVEN = "a" * 32, "b" * 32
_DIGEST = "0x" + "5e" * 32
_ACCOUNT = "0x" + "00" * 20
_INPUT = '[{"type":"int16","shape":[4],"data":"AAEAAgADAAQ="}]'


def revisions() -> list[str]:
    """Every version of the schema, oldest first."""
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(settings)
    return [one.revision for one in reversed(list(script.walk_revisions()))]


def rows() -> Iterator[tuple[str, dict[str, Any]]]:
    """A queued and a proven job and what belongs to them, with every column of every version.

    A column that a version does not have is left out; one that is not here gets its default.
    """
    for job_id, state in ((QUEUED, "queued"), (PROVEN, "proven")):
        job = {"id": job_id, "state": state, "reason": "as it was", "model": COMPILED.model_digest}
        job |= {"request_digest": _DIGEST, "inputs": _INPUT, "salt": _DIGEST, "chain_id": "0"}
        job |= {"client_key": f"key-{job_id[0]}", "market": _ACCOUNT, "provider": _ACCOUNT}
        job |= {"order_id": "0x" + "00" * 32, "nonce": "7", "deadline": 1_800_000_000_000}
        yield "jobs", {**job, "created_at": 1_700_000_000_000, "updated_at": 1_700_000_001_000}
        leg = {"job_id": job_id, "leg": 0, "system": SYSTEM, "selector": "0x09998ead"}
        leg |= {"record": COMPILED.record_digest, "deadline": 1_800_000_000_000}
        done = "delivered" if state == "proven" else "locked"
        yield "evidence", {**leg, "share_bps": 10_000, "state": done}
        step = {"job_id": job_id, "from_state": "queued", "to_state": "queued"}
        yield "transitions", {**step, "reason": "submitted", "at": 1_700_000_000_000}
        lease = {"job_id": job_id, "leg": 0, "task": "infer", "attempts": 1, "holder": ""}
        lease |= {"token": "", "acquired_at": 0, "heartbeat_at": 0, "expires_at": 0}
        yield "leases", {**lease, "stage": "done", "percent": 100, "eta_seconds": None}
    message = {"job_id": QUEUED, "leg": 0, "task": "infer", "created_at": 1_700_000_000_000}
    yield "outbox", {**message, "not_before": 0, "claimed_until": 0, "sent_at": None}
    output = '{"tensors":[{"type":"int32","shape":[1],"data":"AAAACg=="}],"specs":[]}'
    answer = {"job_id": PROVEN, "outputs": output, "input_scheme": 1, "input_value": _DIGEST}
    yield "answers", {**answer, "preview": "{}", "seconds": 0.25, "at": 1_700_000_000_500}
    proof = {"job_id": PROVEN, "leg": 0, "record": COMPILED.record_digest, "statement": _DIGEST}
    proof |= {"file": "5e.avow.json", "sha256": _DIGEST, "size": 1234, "seconds": 1.5}
    yield "proofs", {**proof, "at": 1_700_000_001_000}
    payment = {"job_id": PROVEN, "leg": 0, "reference": "order 0x01"}
    yield "payments", {**payment, "at": 1_700_000_002_000}
    yield "node_blocks", {"node": "1:0x00:provider:0x00", "number": 17, "hash": _DIGEST}
    order = {"node": "1:0x00:provider:0x00", "order_id": _DIGEST, "nonce": "1", "terms": "{}"}
    order |= {"requested_block": 5, "status": "active", "reason": "", "ended_block": None}
    yield "node_orders", order
    delivery = {"node": "1:0x00:provider:0x00", "order_id": _DIGEST, "leg": 0, "refused": ""}
    yield "node_deliveries", {**delivery, "bundle_digest": _DIGEST, "bundle_uri": "ZmlsZTov"}
    node = {"node": "1:0x00:challenger:0x00", "claim_id": _DIGEST}
    claim = {**node, "order_id": _DIGEST, "leg": 0, "model_key": _DIGEST, "provider": _ACCOUNT}
    claim |= {"traced": "{}", "window_end": 1_800_000_000, "block": 17, "position": 3}
    yield "dispute_claims", {**claim, "verdict": "agrees", "reason": "", "ended": False}
    move = {**node, "move": _DIGEST, "kind": "Open", "nonce": 5, "transaction_hash": _DIGEST}
    yield "dispute_moves", {**move, "begun_at": 1_700_000_000_000}
    kept = {"node": claim["node"], "claim_id": claim["claim_id"], "traced": claim["traced"]}
    yield "watch_findings", {**kept, "epoch": 3_000_000, "refutation": b"refutation"}
    tree = {"node": claim["node"], "epoch": 3_000_000, "root": _DIGEST}
    yield "watch_trees", {**tree, "leaves": bytes(32)}


def fill(connection: Connection, revision: str) -> None:
    """Brings an empty database to a version and puts the rows into it."""
    settings = Config()
    settings.set_main_option("script_location", str(MIGRATIONS))
    settings.attributes["connection"] = connection
    command.upgrade(settings, revision)
    found = MetaData()
    found.reflect(connection)
    for name, values in rows():
        if name in found.tables:
            table = found.tables[name]
            known = {key: value for key, value in values.items() if key in table.c}
            connection.execute(table.insert().values(known))


def sqlite_dump(revision: str) -> str:
    """A database of SQLite as statements."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "jobs.sqlite3"
        engine = create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            fill(connection, revision)
        engine.dispose()
        opened = sqlite3.connect(path)
        try:
            return "\n".join(opened.iterdump()) + "\n"
        finally:
            opened.close()


def postgresql_dump(revision: str, address: str, program: str) -> str:
    """A schema of PostgreSQL as statements that go into whatever schema comes first."""
    url = make_url(address).set(drivername="postgresql+psycopg")
    engine = create_engine(url.update_query_dict({"options": f"-csearch_path={SCHEMA}"}))
    try:
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
            fill(connection, revision)
        said = subprocess.run(
            [program, "--inserts", "--no-owner", f"--schema={SCHEMA}", f"--dbname={address}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        with engine.begin() as connection:
            connection.execute(text(f"DROP SCHEMA {SCHEMA} CASCADE"))
    finally:
        engine.dispose()
    left_out = re.compile(r"^(--.*|\\.*|SET .*|SELECT pg_catalog.set_config.*|CREATE SCHEMA .*|)$")
    lines = [line for line in said.splitlines() if not left_out.match(line)]
    return "\n".join(lines).replace(f"{SCHEMA}.", "") + "\n"


def main(address: str, program: str) -> None:
    """Writes what is missing."""
    for revision in revisions():
        for kind in ("sqlite", "postgresql"):
            path = FOLDER / f"v{revision}.{kind}.sql"
            if path.exists():
                continue
            made = (
                sqlite_dump(revision)
                if kind == "sqlite"
                else postgresql_dump(revision, address, program)
            )
            path.write_text(made, "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
