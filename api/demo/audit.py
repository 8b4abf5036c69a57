"""What somebody who was not there can check: offline in a process of its own, and as a contract."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avow.api.demo.tamper import tampered
from avow.api.errors import DemoError
from avow.api.local.network import avow
from avow.api.local.supervisor import Supervisor
from avow.verifier.bundle import parse_bundle
from avow.verifier.chain.client import checksum
from avow.verifier.chain.contract import Contract
from avow.verifier.chain.market import Market
from avow.verifier.chain.seals import seal
from avow.verifier.fields import to_hex

_SECONDS = 60.0
ACCEPTED, REJECTED = 0, 1


@dataclass(frozen=True, slots=True)
class Auditor:
    """Runs `avow verify` in processes that are given a bundle and a policy, and nothing else."""

    supervisor: Supervisor
    folder: Path
    policy: Path

    def verdict(self, bundle: bytes, unsafe: bool = True) -> tuple[int, dict[str, Any]]:
        """Exit status and JSON of `avow verify`; `unsafe` passes `--allow-unsafe-srs`."""
        path = self.folder / "checked.avow.json"
        path.write_bytes(bundle)
        command = avow("verify", str(path), "--policy", str(self.policy), "--json")
        if unsafe:
            command.append("--allow-unsafe-srs")
        done = self.supervisor.run("verify", command, _SECONDS)
        try:
            value = json.loads(done.stdout)
        except ValueError:
            value = None
        if not isinstance(value, dict) or done.returncode not in (ACCEPTED, REJECTED):
            raise DemoError(f"avow verify: status {done.returncode}: {done.stderr.strip()[-200:]}")
        return done.returncode, value

    def refused(self, bundle: bytes) -> list[dict[str, str]]:
        """Every forgery of a bundle with the step that refused it; one that passes is an error."""
        found = []
        for name, forged in tampered(bundle):
            status, value = self.verdict(forged)
            if status != REJECTED or value.get("accepted") is not False:
                raise DemoError(f"a forgery was accepted: {name}")
            found.append({"forgery": name, "step": value["step"], "reason": value["reason"]})
        return found


def write_policy(path: Path, market: Market, order_id: bytes, provider: bytes) -> None:
    """Pin the order, its place and its provider: a proof for anything else does not convince."""
    policy = {
        "format": "avow-policy/1",
        "domain": {
            "chain_id": str(market.chain.chain_id),
            "market": to_hex(market.contract.address),
        },
        "order": to_hex(order_id),
        "provider": to_hex(provider),
    }
    path.write_text(json.dumps(policy, indent=2) + "\n", encoding="ascii")


def ask_router(market: Market, model_key: bytes, order_id: bytes, bundle: bytes) -> bool:
    """Whether the router on chain accepts a bundle's proof for what the bundle claims."""
    parsed = parse_bundle(bundle)
    output = parsed.statement.output
    statement, digest = market.contract.read(
        "statementFor",
        order_id,
        0,
        checksum(parsed.statement.provider),
        (int(output.scheme), output.value),
    )
    router = Contract(market.chain, "ProofRouter", market.deployment.router)
    root = parsed.path.root(bytes(digest))
    accepted, _ = router.read("verify", model_key, statement, root, seal(parsed))
    return bool(accepted)
