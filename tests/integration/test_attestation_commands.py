"""`avow attestation`, `registrar` and `govern` on a chain; one line when they cannot."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from avow.api.cli.main import main
from avow.prover.enclave import contradiction
from avow.prover.enclave.contradiction import NotContradicted
from avow.prover.enclave.registered import OwnWord, Registered
from avow.prover.enclave.vouching import parse_vouching, vouch
from avow.verifier import canonical
from avow.verifier.attestation.intel import verify as intel
from avow.verifier.bundle import Bundle
from avow.verifier.chain.attestation_records import (
    Enrolment,
    MeasurementState,
    TeeTerms,
    Tier,
)
from avow.verifier.chain.attested_keys import AttestedKeys, ProvenAnswer, SignedAnswer
from avow.verifier.chain.client import checksum
from avow.verifier.chain.errors import Reverted
from avow.verifier.chain.governance import Governance
from avow.verifier.chain.key_events import KeyEvents
from avow.verifier.chain.orders import selector_of
from avow.verifier.chain.registrars import Registrars
from avow.verifier.chain.registration import Compiled, Registry, Royalty
from avow.verifier.chain.seals import batch_of, batch_seal, seal
from avow.verifier.chain.signer import Signer, development_signer
from avow.verifier.chain.transactions import send
from avow.verifier.commitment import commit_public
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.merkle import ALONE
from avow.verifier.merkle import Path as Place
from avow.verifier.statement import Domain
from avow.verifier.systems.tee.receipt import Receipt, receipt_digest
from tests.integration.test_attested_keys import (
    ADDRESS,
    MEASUREMENTS,
    OUTPUT,
    Enclave,
    enclave,
    signature,
)
from tests.integration.town import (
    DEPLOYER,
    OWNER,
    PROVIDER,
    QUICK,
    STRANGER,
    UNIT,
    Town,
)
from tests.prover.test_vouching import believing
from tests.verifier import examples
from tests.verifier.attestation.examples import AT, platform
from tests.verifier.tee.enclave import (
    KEY,
    OTHER_KEY,
    REGISTRATION,
    address,
    evidence_policy,
    record,
)
from tests.verifier.tee.enclave import Enclave as Signed

__all__ = ["enclave"]
FIRST, SECOND = development_signer(7), development_signer(8)
MEASURED = MEASUREMENTS[0][:32]


@pytest.fixture
def place(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The town's deployment file, with RPC and home in the environment."""
    path = tmp_path / "31337.json"
    path.write_bytes(town.deployment.encode())
    monkeypatch.setenv("AVOW_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AVOW_RPC_URL", town.url)
    return path


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Run":
    """`run(signer, ...)`."""
    return Run(place, monkeypatch, capsys)


class Run:
    """Runs a command as somebody; `says` must succeed, `refused` must not, with one line."""

    def __init__(
        self, place: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._place, self._patch, self._capsys = place, patch, capsys

    def _run(self, signer: Signer | None, words: tuple[str, ...]) -> tuple[int, str, str]:
        if signer is not None:
            self._patch.setenv("AVOW_PRIVATE_KEY", "0x" + bytes(signer.account.key).hex())
        status = main([*words, "--deployment", str(self._place)])
        return status, *self._capsys.readouterr()

    def says(self, signer: Signer | None, *words: str) -> str:
        """What it printed."""
        status, out, err = self._run(signer, words)
        assert status == 0, err
        return out

    def refused(self, signer: Signer | None, *words: str) -> str:
        """Its one line."""
        status, out, err = self._run(signer, words)
        assert (status, out) == (2, ""), out
        (line,) = err.splitlines()
        return line


def decide(town: Town, run: Run, *words: str) -> None:
    """A decision of the owner's: proposed, waited for, executed."""
    assert "proposed; run again at" in run.says(DEPLOYER, "govern", *words)
    assert "proposed" in run.says(DEPLOYER, "govern", *words)
    town.pass_time(61)
    assert run.says(DEPLOYER, "govern", *words) == "decided\n"


def test_what_governs_keys_is_proposed_and_decided_after_the_delay(town: Town, run: Run) -> None:
    keys, registrars = (
        AttestedKeys(town.chain, town.deployment),
        Registrars(town.chain, town.deployment),
    )
    measured = "0x" + MEASURED.hex()
    decide(town, run, "approve", measured, "--attended")
    assert keys.measurement(MEASURED) is MeasurementState.ATTENDED
    decide(town, run, "approve", measured)
    assert keys.measurement(MEASURED) is MeasurementState.APPROVED
    for account in (FIRST, SECOND):
        decide(town, run, "appoint", account.shown)
    assert registrars.registrar(FIRST.address).appointed
    decide(town, run, "dismiss", SECOND.shown)
    # What was decided once can be decided again.
    decide(town, run, "appoint", SECOND.shown)
    assert registrars.registrar(SECOND.address).appointed
    assert "NotGuardian" in run.refused(STRANGER, "govern", "revoke", measured)
    assert "revoked" in run.says(DEPLOYER, "govern", "revoke", measured)
    assert keys.measurement(MEASURED) is MeasurementState.REVOKED
    refusal = run.refused(STRANGER, "govern", "appoint", STRANGER.shown)
    assert "AccessControlUnauthorizedAccount" in refusal
    for word in ("0x00", "x", measured[:-1], "0x" + "g" * 64):
        assert "expected 0x and 64" in run.refused(DEPLOYER, "govern", "approve", word)
    # An account without code answers nothing, and anybody could disprove what registrars signed.
    refusal = run.refused(DEPLOYER, "govern", "quote-check", STRANGER.shown)
    assert f"0x{STRANGER.address.hex()} has no code" in refusal
    decide(town, run, "quote-check", "0x" + "00" * 20)
    names = [one.name for one in KeyEvents(town.chain, town.deployment).read()]
    assert names.count("MeasurementApproved") == 2
    assert names.count("RegistrarAppointed") == 3
    assert names[-2:] == ["MeasurementRevoked", "QuoteCheckChanged"]


def give(town: Town, account: Signer, amount: int) -> None:
    """Token units out of the deployer's."""
    call = town.reader.token.call("transfer", checksum(account.address), amount)
    send(town.chain, DEPLOYER, call, QUICK)


def appointed(town: Town, account: Signer) -> None:
    """By whoever governs: proposed and, when that may be, executed."""
    of = Registrars(town.chain, town.deployment, QUICK)
    for _ in range(2):
        Governance(town.chain, town.deployment, QUICK).decide(
            DEPLOYER, of.appointing(account.address)
        )
        town.pass_time(61)


def bonded(town: Town, run: Run, *registrars: Signer) -> None:
    """Appointed registrars with their bonds."""
    for account in registrars:
        appointed(town, account)
        give(town, account, 1_000 * UNIT)
        assert f"bond {1_000 * UNIT}" in run.says(account, "registrar", "bond", str(1_000 * UNIT))


def registered(town: Town, operator: Signer) -> Registered:
    """The file of an enclave that registers here, for the operator."""
    keys = AttestedKeys(town.chain, town.deployment, QUICK)
    registry = Domain(town.chain.chain_id, town.deployment.keys)
    challenge = keys.issue_challenge(operator)
    now = town.chain.head().timestamp
    document = replace(
        REGISTRATION, registry=registry, challenge=challenge, not_after=now + 7 * 86_400
    )
    material = Signed(registration=document).evidence()
    return Registered(
        address(), "tdx", None, material, evidence_policy(), bytes(48), bytes(32), AT, AT + 1
    )


def test_a_registrar_without_appointment_or_bond_signs_nothing(
    town: Town, run: Run, tmp_path: Path
) -> None:
    file, policy = tmp_path / "registration.json", tmp_path / "policy.json"
    file.write_bytes(canonical.encode(registered(town, PROVIDER).to_json()))
    policy.write_bytes(evidence_policy().encode())
    words = ("registrar", "sign", str(file), "--policy", str(policy))
    words = (*words, "--operator", PROVIDER.shown, "--output", str(tmp_path / "out"))
    assert "is no registrar here" in run.refused(FIRST, *words)
    assert not (tmp_path / "out").exists()


def test_a_simulated_enclave_has_no_registrar(
    town: Town, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bonded(town, run, FIRST)
    file, policy = tmp_path / "registration.json", tmp_path / "policy.json"
    file.write_bytes(canonical.encode(registered(town, PROVIDER).to_json()))
    policy.write_bytes(evidence_policy().encode())
    out = tmp_path / "out"
    words = ["registrar", "sign", str(file), "--policy", str(policy), "--output", str(out)]
    words += ["--operator", PROVIDER.shown, "--deployment", str(tmp_path / "31337.json")]
    assert main(words) == 1
    assert capsys.readouterr().out.startswith("REFUSED at step root: a SIMULATED quote")
    assert not out.exists()
    damaged = file.read_bytes().replace(b'"digest":"0x', b'"digest":"0x00')
    file.write_bytes(damaged)
    assert "registration" in run.refused(FIRST, *words[:-2])
    file.write_bytes(b"{}")
    assert "registration.json: registration lacks" in run.refused(FIRST, *words[:-2])


def test_keys_are_shown_listed_and_ended(town: Town, enclave: Enclave, run: Run) -> None:
    address = "0x" + ADDRESS.hex()
    shown = json.loads(run.says(None, "attestation", "key", address, "--json"))
    assert (shown["tier"], shown["operator"]) == ("SIMULATED", "0x" + PROVIDER.address.hex())
    registered_at = KeyEvents(town.chain, town.deployment).registered_at(ADDRESS)
    assert shown["registered_at"] == registered_at
    assert shown["not_after"] > registered_at
    listed = run.says(None, "attestation", "events", "--key", address)
    assert [line.split()[1] for line in listed.splitlines()] == [
        *("SimulatedKeyRegistered", "KeyRegistered", "KeyServes"),
    ]
    assert "NotOperator" in run.refused(STRANGER, "attestation", "end", address, "--at-once")
    assert "ends, gas" in run.says(PROVIDER, "attestation", "end", address)
    assert "ends now" in run.says(PROVIDER, "attestation", "end", address, "--at-once")
    assert "StakeStillHeld" in run.refused(PROVIDER, "attestation", "release", address)
    town.pass_time(99 * 86_400)
    assert f"{100 * UNIT} token units paid" in run.says(PROVIDER, "attestation", "release", address)
    lines = run.says(None, "attestation", "events", "--json").splitlines()
    names = [json.loads(line)["event"] for line in lines]
    assert names[-3:] == ["KeyLeaves", "KeyRevoked", "StakeReleased"]
    other = "0x" + STRANGER.address.hex()
    assert "is not registered" in run.refused(None, "attestation", "key", other)
    assert "expected 0x and 40" in run.refused(None, "attestation", "key", "0x12")


def test_terms_are_set_before_the_system_and_never_after(town: Town) -> None:
    registry = Registry(town.chain, town.deployment, QUICK)
    model = replace(examples.model_record(), owner=OWNER.address)
    found = replace(record(), model=model.digest())
    compiled = Compiled(model, found, b"", tee=TeeTerms(Tier.ONCHAIN_DCAP, True))
    said: list[str] = []
    made = registry.register(OWNER, compiled, Royalty(), say=said.append)
    assert registry.tee_terms(made.model_key) == compiled.tee
    assert made.verifier == town.deployment.keys
    assert registry.differs(made.model_key, made.selector, model, found) is None
    assert registry.batch_sizes(made.model_key, made.selector)[-1] == 64
    # Again, it adds nothing; other terms are refused for ever.
    before = town.chain.head().number
    registry.register(OWNER, compiled, Royalty())
    assert town.chain.head().number == before
    lower = replace(compiled, tee=TeeTerms(Tier.SIMULATED, False))
    with pytest.raises(Exception, match="are fixed") as caught:
        registry.register(OWNER, lower, Royalty())
    assert type(caught.value).__name__ == "DeploymentRefused"
    other = replace(compiled, record=replace(found, measurements=(bytes(48),)))
    with pytest.raises(Exception, match="another tee/v1 record"):
        registry.register(OWNER, other, Royalty())


def test_seals_of_receipts_are_shared_by_a_batch() -> None:
    made = Signed()
    alone, four = made.bundle(), made.bundle(nonces=(1, 2, 3, 4), index=2)
    receipt = Receipt(made.time, bytes.fromhex(str(alone.proof["signature"])[2:]))  # type: ignore[index,call-overload]
    assert seal(alone) == selector_of("tee/v1") + receipt.time.to_bytes(8, "big") + (
        receipt.signature
    )
    assert (batch_of(alone), batch_of(four)) == (1, 4)
    assert batch_seal(four).part == b""
    assert batch_seal(four).shared == seal(four)


def signed_bundle(enclave: Enclave, order_id: bytes) -> Bundle:
    """The enclave's answer as a bundle."""
    answer = enclave.answer(order_id, commit_public([OUTPUT]))
    return replace(
        Signed().bundle(),
        statement=answer.statement,
        path=answer.path,
        proof=Receipt(answer.time, answer.signature).to_json(),
    )


def test_what_contradicts_nothing_is_refused_before_a_fee_is_paid(
    enclave: Enclave, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, keys, market = enclave.town, enclave.keys, enclave.town.reader
    signed = contradiction.signed_answer(signed_bundle(enclave, enclave.delivered()).encode())
    key = contradiction.signer_of(signed, enclave.registry)
    assert key == ADDRESS
    assert contradiction.model_key_of(market, signed) == enclave.model_key
    unknown = replace(signed, statement=replace(signed.statement, order=b"\1" * 32))
    with pytest.raises(NotContradicted, match="the market has no order"):
        contradiction.model_key_of(market, unknown)
    with pytest.raises(NotContradicted, match=r"expected a bundle of tee/v1, got sumcheck"):
        other = replace(signed.statement, system="sumcheck/v1")
        bundle = replace(signed_bundle(enclave, enclave.delivered()), statement=other)
        contradiction.signed_answer(bundle.encode())
    with pytest.raises(NotContradicted, match="the bundle of tee/v1"):
        contradiction.signed_answer(b"no bundle")

    proven = ProvenAnswer(signed.statement, ALONE, b"")
    sent = town.chain.w3.eth.get_transaction_count(checksum(STRANGER.address))
    against = contradiction.Against(market, keys, STRANGER, enclave.model_key, lambda said: None)

    def refused(about: contradiction.Against, answer: object) -> str:
        with pytest.raises(NotContradicted) as caught:
            contradiction.contradict_by_proof(about, answer, proven, town.mine)  # type: ignore[arg-type]
        return str(caught.value)

    assert "could cost it anything" in refused(replace(against, model_key=ZERO_WORD), signed)
    assert "not registered" in refused(against, replace(signed, time=signed.time + 1))
    assert "not registered" in refused(against, replace(signed, path=Place(0, (ZERO_WORD,))))
    late = 31 * 86_400 + signed.time
    answer = enclave.answer(enclave.delivered(), commit_public([OUTPUT]))
    root = ALONE.root(answer.statement.digest())
    after = replace(
        answer, time=late, signature=signature(receipt_digest(root, late, enclave.registry))
    )
    assert "after the end" in refused(against, after)
    with pytest.raises(NotContradicted, match=r"no optimistic/v1"):
        contradiction.contradict_by_claim(against, signed)
    assert town.chain.w3.eth.get_transaction_count(checksum(STRANGER.address)) == sent


def test_ended_keys_are_contradicted_where_the_contract_takes_it(
    enclave: Enclave, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, keys = enclave.town, enclave.keys
    against = contradiction.Against(
        town.reader, keys, STRANGER, enclave.model_key, lambda said: None
    )
    answer = enclave.answer(enclave.delivered(), commit_public([OUTPUT]))
    # A proof of what was signed, so that the contract is asked and has nothing to accept.
    same = replace(answer.statement, system="sumcheck/v1", key=keccak256(b"a key"))
    proven = ProvenAnswer(same, ALONE, b"")
    keys.revoke(PROVIDER, ADDRESS)
    stored = keys.key(ADDRESS)
    assert stored is not None

    def signed(time: int, provider: bytes = PROVIDER.address) -> SignedAnswer:
        statement = replace(answer.statement, provider=provider)
        digest = receipt_digest(ALONE.root(statement.digest()), time, enclave.registry)
        return SignedAnswer(statement, ALONE, time, signature(digest))

    def refused(one: SignedAnswer) -> str:
        before = town.chain.w3.eth.get_transaction_count(checksum(STRANGER.address))
        with pytest.raises(NotContradicted) as caught:
            contradiction.contradict_by_proof(against, one, proven, town.mine)
        assert town.chain.w3.eth.get_transaction_count(checksum(STRANGER.address)) == before
        return str(caught.value)

    # The contract says SignedAfterEnd of what was signed after a revocation, at the cost of a fee.
    assert "after the end" in refused(signed(stored.revoked_at + 1))
    with pytest.raises(Reverted, match="NoContradiction"):
        contradiction.contradict_by_proof(against, signed(stored.revoked_at), proven, town.mine)
    # A key that was slashed has told further lies, and its operator's legs stand on them.
    slashed = replace(stored, slashed=True, stake=0)
    monkeypatch.setattr(AttestedKeys, "key", lambda keys, key: slashed)
    with pytest.raises(Reverted, match="NoContradiction"):
        contradiction.contradict_by_proof(against, answer, proven, town.mine)
    assert "no leg would end" in refused(signed(answer.time, STRANGER.address))
    monkeypatch.setattr(AttestedKeys, "key", lambda keys, key: replace(stored, stake=0))
    assert "was released" in refused(answer)


def test_a_proof_that_proves_something_else_is_refused(
    enclave: Enclave, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = contradiction.signed_answer(signed_bundle(enclave, enclave.delivered()).encode())
    base = signed_bundle(enclave, enclave.delivered())
    statement = replace(signed.statement, system="sumcheck/v1")

    def refused(**changes: object) -> str:
        bundle = replace(base, statement=replace(statement, **changes))  # type: ignore[arg-type]
        with pytest.raises(NotContradicted) as caught:
            contradiction.proven_answer(bundle.encode(), signed, True)
        return str(caught.value)

    # Nothing is believed that does not verify.
    assert "the proof is refused at" in refused()
    monkeypatch.setattr(contradiction, "verify", lambda data, policy: None)
    other = commit_public([replace(OUTPUT, values=(1, 2))])
    assert "the very output that was signed" in refused()
    for name in ("model", "program"):
        assert f"another {name}" in refused(**{name: keccak256(b"another"), "output": other})
    assert "another input" in refused(input=other, output=other)
    with pytest.raises(NotContradicted, match="takes a proof of one run"):
        bundle = replace(
            base, statement=replace(statement, output=other), path=Place(0, (ZERO_WORD,))
        )
        contradiction.proven_answer(bundle.encode(), signed, True)


def test_the_chain_refuses_a_simulated_quote_whatever_registrars_signed(
    town: Town, run: Run, tmp_path: Path
) -> None:
    bonded(town, run, FIRST, SECOND)
    found = registered(town, PROVIDER)
    file = tmp_path / "registration.json"
    file.write_bytes(canonical.encode(found.to_json()))
    paths = []
    for account in (FIRST, SECOND):
        path = tmp_path / account.shown
        path.write_bytes(canonical.encode(vouch(account, found, PROVIDER.address).to_json()))
        paths += ["--vouching", str(path)]
    words = ("attestation", "register", str(file))
    assert "EnclaveExposed" in run.refused(PROVIDER, *words, *paths)
    assert "vouched for the operator" in run.refused(STRANGER, *words, *paths)
    assert "expected --vouching" in run.refused(PROVIDER, *words)
    assert "expected --vouching" in run.refused(PROVIDER, *words, *paths, "--checked")
    assert "EnclaveExposed" in run.refused(PROVIDER, *words, "--checked")
    key = "0x" + found.address.hex()
    town.pass_time(1)
    for command in (("disprove", key, str(file)), ("uphold", key, str(file))):
        assert "refused with" in run.refused(STRANGER, "attestation", *command)
    refusal = run.refused(STRANGER, "attestation", "settle-disproof", key)
    assert "refused with" in refusal


def test_a_registrar_leaves_with_its_bond_later(town: Town, run: Run) -> None:
    bonded(town, run, FIRST)
    assert "BondStillHeld" in run.refused(FIRST, "registrar", "release")
    assert "bond held until" in run.says(FIRST, "registrar", "retire")
    town.pass_time(8 * 86_400 + 3_600)
    assert "BondStillHeld" in run.refused(FIRST, "registrar", "release")
    town.pass_time(86_400)
    assert f"{1_000 * UNIT} token units paid" in run.says(FIRST, "registrar", "release")
    status = json.loads(run.says(None, "registrar", "status", FIRST.shown))
    assert (status["bond"], status["appointed"]) == (0, False)
    # Appointed again, it has put up nothing yet.
    appointed(town, FIRST)
    assert "it has no bond" in run.says(FIRST, "registrar", "retire")
    assert status["parameters"]["threshold"] == 2


def genuine_after(gas: int) -> str:
    """Code of a check that finds everything genuine (1) once it has used so much gas."""
    # The gas of the beginning; is `gas` more than was used since? Once more; return the word 1.
    loop = f"5a5b805a900363{gas:08x}11600157"
    return f"0x{loop}600160005260206000f3"


def test_a_registrar_signs_what_passes_offline_and_on_the_chain_and_nothing_else(
    town: Town,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(intel, "verify_quote", believing)
    bonded(town, run, FIRST)
    # The simulated machine's collateral is of that time.
    town.pass_time(AT - town.chain.head().timestamp)
    file, policy, out = (tmp_path / name for name in ("registration.json", "policy", "out"))
    found = registered(town, PROVIDER)
    file.write_bytes(canonical.encode(found.to_json()))
    policy.write_bytes(evidence_policy().encode())
    words = ["registrar", "sign", str(file), "--policy", str(policy), "--output", str(out)]
    words += ["--deployment", str(tmp_path / "31337.json"), "--operator"]

    def refused(operator: Signer = PROVIDER) -> str:
        assert main([*words, operator.shown]) == 1
        assert not out.exists()
        said = capsys.readouterr().out
        assert said.startswith("REFUSED at step ")
        return said

    monkeypatch.setenv("AVOW_PRIVATE_KEY", "0x" + bytes(FIRST.account.key).hex())
    assert "challenge: it was issued to" in refused(STRANGER)
    assert "measurements: the contract holds it to be UNKNOWN" in refused()
    measured = "0x" + record().measurements[0][:32].hex()
    decide(town, run, "approve", measured, "--attended")
    file.write_bytes(canonical.encode(registered(town, PROVIDER).to_json()))
    signs = (*words[:-3], "--operator", PROVIDER.shown)
    monkeypatch.setenv("AVOW_PRIVATE_KEY", "0x" + bytes(FIRST.account.key).hex())
    assert "chain's check: the contract has none" in refused()
    said = run.says(FIRST, *signs, "--no-check-on-chain")
    for line in ("PASSED       chain ", "PASSED       challenge", "NOT CHECKED  chain's check"):
        assert line in said
    made = parse_vouching(canonical.parse(out.read_bytes(), 4096, "vouching"))
    assert (made.registrar, made.operator) == (FIRST.address, PROVIDER.address)
    # A check on the chain that does not hold the quote to be genuine takes the bond later.
    out.unlink()
    check = checksum(b"\x5c" * 20)
    town.rpc("anvil_setCode", check, genuine_after(9_000_000))
    decide(town, run, "quote-check", check)
    said = run.says(FIRST, *signs)
    assert f"PASSED       chain's check  {check} holds it to be genuine" in said
    out.unlink()
    # What the contract's gas is too little for, a call with more of it finds genuine.
    town.rpc("anvil_setCode", check, genuine_after(11_000_000))
    assert int(town.rpc("eth_call", {"to": check, "data": "0x"}, "latest"), 16) == 1
    assert f"chain's check: {check} cannot answer" in refused()
    decide(town, run, "quote-check", checksum(town.deployment.keys))
    monkeypatch.setenv("AVOW_PRIVATE_KEY", "0x" + bytes(FIRST.account.key).hex())
    assert "does not hold the quote to be genuine: who vouches loses its bond" in refused()
    # The guardian has the last word.
    run.says(DEPLOYER, "govern", "revoke", measured)
    monkeypatch.setenv("AVOW_PRIVATE_KEY", "0x" + bytes(FIRST.account.key).hex())
    assert "REVOKED" in refused()


def test_a_simulated_enclaves_key_is_registered_by_its_own_signature_alone(
    town: Town, run: Run, tmp_path: Path
) -> None:
    found = replace(registered(town, PROVIDER), root=platform().authority.der)
    file = tmp_path / "registration.json"
    words = ("attestation", "register", str(file))

    def write(one: Registered) -> None:
        file.write_bytes(canonical.encode(one.to_json()))

    write(found)
    assert "is of a simulated enclave" in run.refused(PROVIDER, *words, "--checked")
    assert "has signed for nobody" in run.refused(PROVIDER, *words, "--unsafe-simulated")
    enrolment = Enrolment(found.address, found.material.registration, 0)
    digest = enrolment.digest(PROVIDER.address)
    own = OwnWord(PROVIDER.address, bytes(KEY.unsafe_sign_hash(digest).signature))
    write(replace(found, own_word=own))
    refusal = run.refused(STRANGER, *words, "--unsafe-simulated")
    assert f"has signed for 0x{PROVIDER.address.hex()}" in refusal
    forged = OwnWord(PROVIDER.address, bytes(OTHER_KEY.unsafe_sign_hash(digest).signature))
    write(replace(found, own_word=forged))
    assert "SignerDiffers" in run.refused(PROVIDER, *words, "--unsafe-simulated")
    write(replace(found, own_word=own))
    assert "SIMULATED" in run.says(PROVIDER, *words, "--unsafe-simulated")
    write(replace(found, own_word=own, root=None))
    assert "is of no simulated enclave" in run.refused(PROVIDER, *words, "--unsafe-simulated")
    stored = AttestedKeys(town.chain, town.deployment).key(found.address)
    assert stored is not None
    assert stored.tier is Tier.SIMULATED
