"""`avow attestation`: evidence of enclaves and devices, and attested keys on a chain."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from avow.api.cli.signing import Signing, chain_options, signing_options
from avow.api.errors import ApiError

if TYPE_CHECKING:
    from avow.prover.enclave.registered import Registered
    from avow.verifier.chain.attested_keys import AttestedKeys
    from avow.verifier.chain.market import Market
    from avow.verifier.chain.signer import Signer

_FILE_BYTES = 8 * 2**20
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def attestation() -> None:
    """Check evidence offline; register, watch and end the keys of enclaves on a chain."""


@attestation.command(
    "check", context_settings={"ignore_unknown_options": True}, add_help_option=False
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def check(arguments: tuple[str, ...]) -> int:
    """Check one piece of evidence offline: 0 genuine, 1 refused, 2 usage."""
    from avow.verifier.attestation.cli import main

    return main(arguments, program="avow attestation check")


@attestation.command("challenge")
@signing_options
def challenge(signing: Signing) -> None:
    """Have a challenge issued, which a new enclave has to bind; print it.

    This account can use it once, within a day.
    """
    signer, keys = open_keys(signing)
    click.echo("0x" + keys.issue_challenge(signer).hex())


@attestation.command("register")
@click.argument("registration", type=_FILE)
@click.option("--stake", type=click.IntRange(1), help="Token units; default: the least.")
@click.option("--vouching", "vouchings", type=_FILE, multiple=True, help="A registrar's signature.")
@click.option("--checked", is_flag=True, help="Let the chain's own check judge the quote.")
@click.option(
    "--unsafe-simulated",
    is_flag=True,
    help="A simulated enclave: nothing speaks for it but itself (AVOW_ENCLAVE_OPERATOR).",
)
@signing_options
def register(
    registration: Path,
    stake: int | None,
    vouchings: tuple[Path, ...],
    checked: bool,
    unsafe_simulated: bool,
    signing: Signing,
) -> None:
    """Register the key of REGISTRATION (avow enclave show --output) and pay its stake.

    By the signatures of registrars (--vouching, for each), by the check of quotes on the chain
    (--checked), or for development by nothing (--unsafe-simulated).
    """
    from avow.prover.enclave.vouching import parse_vouching
    from avow.verifier.chain.attestation_records import Enrolment
    from avow.verifier.keccak import keccak256

    if checked + bool(vouchings) + unsafe_simulated != 1:
        raise click.UsageError(
            "expected --vouching for each registrar, --checked, or --unsafe-simulated"
        )
    found = read_registration(registration)
    if unsafe_simulated != (found.root is not None):
        kind = "a simulated" if found.root is not None else "no simulated"
        raise ApiError(f"{registration.name} is of {kind} enclave (--unsafe-simulated)")
    signer, keys = open_keys(signing)
    amount = keys.parameters.minimum_stake if stake is None else stake
    enrolment = Enrolment(found.address, found.material.registration, amount)
    quote = found.material.evidence
    own = found.own_word
    if unsafe_simulated:
        if own is None or own.operator != signer.address:
            whom = "nobody" if own is None else f"0x{own.operator.hex()}"
            raise ApiError(
                f"the enclave's key has signed for {whom}: start it with "
                f"AVOW_ENCLAVE_OPERATOR={signer.shown}"
            )
        receipt = keys.register_simulated(signer, enrolment, own.signature)
    elif checked:
        receipt = keys.register_checked(signer, enrolment, quote)
    else:
        given = [parse_vouching(read_json(path)) for path in vouchings]
        given.sort(key=lambda one: one.registrar)
        for path, one in zip(vouchings, given, strict=True):
            if (one.key, one.quote) != (found.address, keccak256(quote)):
                raise ApiError(f"{path.name} and others: a signature of another registration")
            if one.operator != signer.address:
                raise ApiError(f"a registrar vouched for the operator 0x{one.operator.hex()}")
            if one.platform != given[0].platform:
                raise ApiError("the registrars say different things of the platform")
        signatures = [one.signature for one in given]
        receipt = keys.register_vouched(signer, enrolment, quote, given[0].platform, signatures)
    stored = keys.key(found.address)
    since = "" if stored is None else f", {stored.tier.name}, from {stored.active_from}"
    click.echo(f"registered 0x{found.address.hex()}{since}, gas {receipt.gas_used}")


@attestation.command("serve")
@click.argument("key")
@click.argument("model_key")
@click.option("--artifact", type=click.Path(file_okay=False, path_type=Path), required=True,
              help="Folder of the model's tee/v1, which names its measurements.")  # fmt: skip
@signing_options
def serve(key: str, model_key: str, artifact: Path, signing: Signing) -> None:
    """Let KEY answer for MODEL_KEY, which cannot be taken back.

    Refused unless the registration is that of ARTIFACT, which you have compiled yourself: under it
    the key's stake is at risk.
    """
    from avow.verifier.chain.orders import selector_of
    from avow.verifier.chain.registration import Registry, read_artifact
    from avow.verifier.systems.tee.registration import SYSTEM_ID

    address, model = octets("KEY", key, 20), octets("MODEL_KEY", model_key, 32)
    compiled = read_artifact(artifact)
    if compiled.record.system != SYSTEM_ID:
        raise ApiError(f"--artifact: expected one of {SYSTEM_ID}, it is {compiled.record.system}")
    market = signing.market()
    signer, keys = signing.signer(), keys_of(market)
    registry = Registry(market.chain, market.deployment)
    differs = registry.differs(model, selector_of(SYSTEM_ID), compiled.model, compiled.record)
    if differs is not None:
        raise ApiError(f"{model_key[:70]}: {differs}")
    record = compiled.record
    receipt = keys.serve(signer, address, model, record.outputs, record.measurements)
    service = keys.service(address, model).name
    click.echo(f"0x{address.hex()} serves it, {service}, gas {receipt.gas_used}")


@attestation.command("end")
@click.argument("key")
@click.option("--at-once", is_flag=True, help="Also lose what was delivered and is not settled.")
@signing_options
def end(key: str, at_once: bool, signing: Signing) -> None:
    """End KEY, of this account's: in 8 days, or at once because somebody else may have it."""
    signer, keys = open_keys(signing)
    address = octets("KEY", key, 20)
    receipt = keys.revoke(signer, address) if at_once else keys.retire(signer, address)
    click.echo(f"0x{address.hex()} ends{' now' if at_once else ''}, gas {receipt.gas_used}")


@attestation.command("release")
@click.argument("key")
@signing_options
def release(key: str, signing: Signing) -> None:
    """Take back the stake of KEY, long enough after its end, and withdraw."""
    signer, keys = open_keys(signing)
    keys.release_stake(signer, octets("KEY", key, 20))
    amount = keys.credit(signer.address)
    keys.withdraw(signer)
    click.echo(f"{amount} token units paid to {signer.shown}")


@attestation.command("disprove")
@click.argument("key")
@click.argument("quote", type=_FILE)
@signing_options
def disprove(key: str, quote: Path, signing: Signing) -> None:
    """Doubt KEY: the chain's check does not find QUOTE, with which it was registered, genuine.

    A check that fails on these very bytes has not found it either. Puts up the least stake of a
    key, which goes to whoever upholds the registration within a day; after that, avow attestation
    settle-disproof pays.
    """
    signer, keys = open_keys(signing)
    address = octets("KEY", key, 20)
    receipt = keys.disprove(signer, address, read_file(quote))
    found = keys.disproof(address)
    said = "outdated: it has ended" if found is None else f"doubted, until {found.until}"
    click.echo(f"{said}, gas {receipt.gas_used}")


@attestation.command("uphold")
@click.argument("key")
@click.argument("quote", type=_FILE)
@signing_options
def uphold(key: str, quote: Path, signing: Signing) -> None:
    """Answer a disproof of KEY: the chain's check holds QUOTE to be genuine now."""
    signer, keys = open_keys(signing)
    receipt = keys.uphold(signer, octets("KEY", key, 20), read_file(quote))
    click.echo(f"upheld, gas {receipt.gas_used}")


@attestation.command("settle-disproof")
@click.argument("key")
@signing_options
def settle_disproof(key: str, signing: Signing) -> None:
    """Slash KEY and who vouched for it: nobody has answered the disproof for a day."""
    signer, keys = open_keys(signing)
    receipt = keys.settle_disproof(signer, octets("KEY", key, 20))
    click.echo(f"disproven, gas {receipt.gas_used}")


@attestation.command("contradict")
@click.argument("signed", type=_FILE)
@click.option("--proof", type=_FILE, help="Bundle of sumcheck/v1 with the right output.")
@click.option("--by-claim", is_flag=True, help="Its operator's claim of it was overturned.")
@click.option("--model-key", help="Default: that of the answer's order.")
@click.option("--allow-unsafe-srs", is_flag=True, help="Accept a locally made SRS.")
@signing_options
def contradict(
    signed: Path,
    proof: Path | None,
    by_claim: bool,
    model_key: str | None,
    allow_unsafe_srs: bool,
    signing: Signing,
) -> None:
    """Cost a key its stake: it signed the answer in SIGNED (a bundle of tee/v1), which is wrong.

    Half of the stake, where it was not lost before, is this account's credit then, and the order's
    leg is ended where it is open.
    """
    from avow.prover.enclave import contradiction

    if (proof is None) is not by_claim:
        raise click.UsageError("expected --proof BUNDLE, or --by-claim")
    answer = contradiction.signed_answer(read_file(signed))
    proven = None
    if proof is not None:
        proven = contradiction.proven_answer(read_file(proof), answer, allow_unsafe_srs)
    market = signing.market()
    signer, keys = signing.signer(), keys_of(market)
    model = (
        contradiction.model_key_of(market, answer)
        if model_key is None
        else octets("--model-key", model_key, 32)
    )
    before = keys.credit(signer.address)
    against = contradiction.Against(market, keys, signer, model, click.echo)
    if proven is None:
        contradiction.contradict_by_claim(against, answer)
    else:
        contradiction.contradict_by_proof(
            against, answer, proven, lambda: contradiction.wait_for_block(market.chain)
        )
    click.echo(f"{keys.credit(signer.address) - before} token units credited to {signer.shown}")


@attestation.command("withdraw")
@signing_options
def withdraw(signing: Signing) -> None:
    """Be paid what the contract of keys owes this account, for contradictions among others."""
    signer, keys = open_keys(signing)
    amount = keys.credit(signer.address)
    if not amount:
        raise ApiError(f"nothing is owed to {signer.shown}")
    keys.withdraw(signer)
    click.echo(f"{amount} token units paid to {signer.shown}")


@attestation.command("key")
@click.argument("key")
@chain_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def key_command(key: str, rpc: str | None, deployment: Path | None, as_json: bool) -> None:
    """Show KEY as it stands on the chain, and when its evidence is to be judged."""
    from dataclasses import asdict

    from avow.verifier.chain.key_events import KeyEvents

    address, market = octets("KEY", key, 20), open_market_of(rpc, deployment)
    found = keys_of(market).key(address)
    if found is None:
        raise ApiError(f"0x{address.hex()} is not registered on this chain")
    value = {name: plain(one) for name, one in asdict(found).items()} | {"tier": found.tier.name}
    value["registered_at"] = KeyEvents(market.chain, market.deployment).registered_at(address)
    if as_json:
        click.echo(json.dumps({"key": plain(address)} | value, indent=2))
        return
    for name, one in value.items():
        click.echo(f"  {name:14} {one}")


@attestation.command("events")
@click.option("--key", help="Of this key alone.")
@click.option("--from-block", type=click.IntRange(0), help="Default: the deployment's first.")
@chain_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object in a line.")
def events(
    key: str | None,
    from_block: int | None,
    rpc: str | None,
    deployment: Path | None,
    as_json: bool,
) -> None:
    """List who was registered, revoked, disproven and contradicted, the oldest first."""
    from avow.verifier.chain.key_events import KeyEvents

    address = None if key is None else octets("--key", key, 20)
    market = open_market_of(rpc, deployment)
    for event in KeyEvents(market.chain, market.deployment).read(from_block):
        if address is not None and event.key != address:
            continue
        of = "" if event.key is None else plain(event.key)
        values = {name: plain(one) for name, one in event.values.items()}
        if as_json:
            line = {"block": event.place.block, "event": event.name, "key": of} | values
            click.echo(json.dumps(line))
            continue
        said = " ".join(f"{name}={one}" for name, one in values.items())
        click.echo(f"{event.place.block:>9}  {event.name:22} {of} {said}".rstrip())


def open_market_of(rpc: str | None, deployment: Path | None) -> "Market":
    """The market of the options or of the environment."""
    from avow.api.cli.contracts import open_market_at

    return open_market_at(rpc, deployment)


def keys_of(market: "Market") -> "AttestedKeys":
    """The attested keys of a market's deployment."""
    from avow.verifier.chain.attested_keys import AttestedKeys

    return AttestedKeys(market.chain, market.deployment)


def open_keys(signing: Signing) -> "tuple[Signer, AttestedKeys]":
    """Who signs, and the attested keys."""
    return signing.signer(), keys_of(signing.market())


def read_file(path: Path) -> bytes:
    """A file's bytes; larger ones than any of ours are refused by who parses them."""
    from avow.verifier.limits import LIMITS

    with path.open("rb") as stream:
        return stream.read(LIMITS.bundle_bytes + 1)


def read_json(path: Path) -> Any:
    """A canonical JSON file; raises ApiError with its name."""
    from avow.verifier import canonical
    from avow.verifier.errors import VerificationError

    try:
        return canonical.parse(read_file(path), _FILE_BYTES, path.name)
    except VerificationError as error:
        raise ApiError(error.message) from error


def read_registration(path: Path) -> "Registered":
    """A registration file; nothing of its evidence is checked."""
    from avow.prover.enclave.registered import parse_registered
    from avow.verifier.errors import VerificationError

    try:
        return parse_registered(read_json(path))
    except VerificationError as error:
        raise ApiError(f"{path.name}: {error.message}") from error


def octets(option: str, text: str, length: int) -> bytes:
    """So many bytes in hexadecimal with 0x; raises a usage error."""
    try:
        data = bytes.fromhex(text.removeprefix("0x")) if text.startswith("0x") else b""
    except ValueError:
        data = b""
    if len(data) != length:
        raise click.BadParameter(
            f"expected 0x and {2 * length} hexadecimal digits, got {text[:80]!r}",
            param_hint=option,
        )
    return data


def plain(value: object) -> Any:
    """Bytes in hexadecimal, everything else as it is."""
    return "0x" + value.hex() if isinstance(value, bytes) else value
