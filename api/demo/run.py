"""The demo from beginning to end."""

import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from avow.api.demo.audit import ACCEPTED, REJECTED, Auditor, ask_router, write_policy
from avow.api.demo.digit import Digit, held_out_digit, require_row
from avow.api.demo.follow import Follower
from avow.api.demo.money import check_payouts, pay_out, payees, purses
from avow.api.demo.picture import draw
from avow.api.demo.report import Report
from avow.api.demo.requester import DigitReader, deploy_reader
from avow.api.demo.tamper import tampered
from avow.api.errors import DemoError, describe
from avow.api.local.folder import scratch
from avow.api.local.network import SYSTEM, Folders, Network, base_environment, wait_ready
from avow.api.local.output import check_output
from avow.api.local.people import development_people
from avow.api.local.steps import Steps
from avow.api.local.supervisor import Supervisor
from avow.api.local.tokens import STAKE, UNIT, endow, shown
from avow.models.catalogue import resolve
from avow.models.store import ModelStore
from avow.prover.catalogue import system_id
from avow.prover.config import from_environment
from avow.prover.queue import open_queue
from avow.verifier.chain.client import checksum
from avow.verifier.chain.events import LegDelivered, LegSettled, OrderLocked
from avow.verifier.chain.market import Market
from avow.verifier.fields import to_hex

MODEL = "digits-mlp"
PRICE = 10 * UNIT
BOND = 2 * UNIT
ROYALTY_BPS = 500
_ORDER_SECONDS = 180.0


@dataclass(slots=True)
class Demo:
    """One run in `folder`; what it finds is written to `report_file`, whatever happens."""

    folder: Path
    contracts: Path
    report_file: Path
    row: int
    system: str = SYSTEM
    steps: Steps = field(default_factory=Steps)
    report: Report = field(default_factory=Report)

    def run(self) -> Report:
        """Run it; raises the first thing that is not as it must be.

        A row that is not there and a report that cannot be written are refused before anything
        starts: then there is no report.
        """
        require_row(MODEL, self.row)
        self.report_file.parent.mkdir(parents=True, exist_ok=True)
        check_output(self.report_file)
        began = time.monotonic()
        try:
            with scratch(self.folder):
                folders = Folders(self.folder.absolute(), self.contracts)
                with Supervisor(folders.logs, base_environment(folders)) as supervisor:
                    network = Network(supervisor, folders, development_people())
                    self._play(network)
        except BaseException as error:
            self.report.error = describe(error)
            raise
        finally:
            self.report.steps = self.steps.seconds
            self.report.seconds = round(time.monotonic() - began, 3)
            self.report.write(self.report_file)
        return self.report

    def _play(self, network: Network) -> None:
        step = self.steps.step
        with step("chain", "Start a development chain (anvil) and a worker with its own Redis"):
            network.start_chain(0, keep=False)
            worker = network.start_worker()
            self.steps.say(f"chain at {network.rpc}, logs in {network.folders.logs}")
        market = self._deploy(network)
        with step("nodes", "Start API, provider and validator"):
            endow(market, network.people)
            _, api = network.start_api(0)
            nodes = network.start_provider(api), network.start_validator(STAKE)
            self.steps.say(
                f"API {api}",
                f"provider  {network.people.provider.shown}",
                f"validator {network.people.validator.shown}, staking {shown(STAKE)} tokens",
            )
        digit = self._compile(network)
        model_key = self._register(network, market)
        with step("ready", "Wait until worker and nodes are ready"):
            wait_ready(worker, *nodes)
        bundle = self._order(network, market, model_key, digit)
        self._audit(network, bundle)
        with step("stop", "Stop everything"):
            network.supervisor.stop()

    def _deploy(self, network: Network) -> Market:
        with self.steps.step("contracts", "Deploy the contracts"):
            self.steps.say(*network.deploy())
            market = network.market()
            self.report.gas["deploy"] = _gas_until_now(market)
        return market

    def _compile(self, network: Network) -> Digit:
        with self.steps.step("model", f"Take the model {MODEL} into the store"):
            self.steps.say(*network.add_model(MODEL).splitlines())
            stored = resolve(ModelStore.at(network.folders.home), MODEL)
            digit = held_out_digit(stored, self.row)
        title = f"avow compile {MODEL} --system {self.system}"
        with self.steps.step("compile", title):
            self.steps.say("UNSAFE SRS: made on this machine, fit for a demo and nothing else")
            printed = network.compile(MODEL, self.system, self.steps.progress)
            self.steps.say(*printed.splitlines())
        self.report.model = to_hex(stored.digest)
        self.report.held_out_row = digit.row
        self.report.label, self.report.expected_value = digit.label, digit.expected
        return digit

    def _register(self, network: Network, market: Market) -> bytes:
        with self.steps.step("register", "Register the model and its verifier contracts"):
            before = market.chain.head().number
            model_key, text = network.register(MODEL, self.system, ROYALTY_BPS)
            self.steps.say(*text.splitlines())
            self.report.gas["register"] = _gas_since(market, before)
        return model_key

    def _order(
        self, network: Network, market: Market, model_key: bytes, digit: Digit
    ) -> tuple[Market, bytes, bytes, bytes]:
        step, gas, people = self.steps.step, self.report.gas, network.people
        with step("request", "A contract asks: which digit is this?"):
            reader, deployed = deploy_reader(
                market, people.requester, model_key, system_id(self.system)
            )
            reader.fund(people.deployer, PRICE)
            self.steps.say(*draw(digit.pixels, digit.width))
            self.steps.say(
                f"held-out image {digit.row}, written as a {digit.label}; "
                f"the float model says {digit.expected}"
            )
            order_id, receipt = reader.ask(digit.tensor, PRICE, BOND)
            gas["reader"], gas["request"] = deployed.gas_used, receipt.gas_used
            self.report.order, self.report.price, self.report.bond = to_hex(order_id), PRICE, BOND
            self.steps.say(f"order {to_hex(order_id)}, {shown(PRICE)} tokens in escrow")
        config = from_environment({"AVOW_HOME": str(network.folders.home)})
        with closing(open_queue(config)) as queue:
            follower = Follower(
                market,
                queue,
                network.supervisor,
                self.steps,
                order_id,
                receipt.block,
                time.monotonic() + _ORDER_SECONDS,
            )
            settled = self._follow(network, market, reader, follower)
            (job,) = [item for item in queue.jobs(limit=10) if item.order == to_hex(order_id)]
            bundle = queue.bundle(job.id)
        self._check_callback(reader, settled)
        return market, model_key, order_id, bundle

    def _follow(
        self, network: Network, market: Market, reader: DigitReader, follower: Follower
    ) -> LegSettled:
        step, gas = self.steps.step, self.report.gas
        with step("lock", "The provider takes the order and puts up its bond"):
            locked = follower.event(OrderLocked)
            gas["lock"] = _gas_of(market, locked.place.transaction)
            self.steps.say(f"bond {shown(locked.bond)}, validator {checksum(locked.validator)}")
        with step("answer", "A worker answers with the output of the program that is proven"):
            job = follower.job(lambda item: item.answer is not None, "the answer")
            if job.answer is None:
                raise DemoError("the job lost its answer")
            numbers = ", ".join(f"{real:.2f}" for real in job.answer.reals()[0])
            self.steps.say(f"logits [{numbers}]")
        with step("prove", "The worker proves it in a child process, and checks its own proof"):
            job = follower.job(lambda item: item.evidence[0].bundle is not None, "the proof")
            evidence = job.evidence[0]
            self.steps.say(
                f"proven in {evidence.prove_seconds or 0:.1f} s, "
                f"bundle of {evidence.bundle_size} bytes"
            )
            self.report.bundle_bytes = evidence.bundle_size or 0
        with step("deliver", "The provider delivers the answer's commitment"):
            delivered = follower.event(LegDelivered)
            gas["deliver"] = _gas_of(market, delivered.place.transaction)
            self.steps.say(f"bundle at {delivered.bundle_uri}")
        with step("settle", "The validator checks the bundle offline and submits the proof"):
            settled = follower.event(LegSettled)
            gas["settle"] = _gas_of(market, settled.place.transaction)
            self.report.statement = to_hex(settled.statement)
            self.steps.say(f"statement {to_hex(settled.statement)}, gas {gas['settle']}")
            if settled.settler != network.people.validator.address:
                raise DemoError(f"settled by {checksum(settled.settler)}, not by the validator")
        with step("pay", "Everybody is paid"):
            self._pay(network, market, locked, settled)
        with step("callback", "The market calls the contract that asked"):
            follower.callback()
            self.steps.say(f"DigitReader.lastDigit() = {reader.last_digit()}")
        return settled

    def _pay(
        self, network: Network, market: Market, locked: OrderLocked, settled: LegSettled
    ) -> None:
        accounts = payees(network.people)
        before = purses(market, accounts, locked.place.block)
        after = purses(market, accounts, settled.place.block)
        gained = check_payouts(before, after, settled.payout, PRICE, locked.bond)
        receipts = pay_out(market, network.people.deployer, accounts)
        self.report.payouts = gained
        self.report.settled = True
        self.report.gas["withdraw"] = max(receipt.gas_used for receipt in receipts)
        for name, amount in gained.items():
            self.steps.say(f"{name:9} {shown(amount):>8} tokens")
        self.steps.say(f"{'sum':9} {shown(sum(gained.values())):>8} tokens, the price")

    def _check_callback(self, reader: DigitReader, settled: LegSettled) -> None:
        value = reader.last_digit()
        self.report.callback_value = value
        if reader.last_order() != settled.order_id or reader.digits_read() != 1:
            raise DemoError("the callback was for another order, or came more than once")
        if value != self.report.expected_value:
            raise DemoError(
                f"the contract holds {value}, the float model says {self.report.expected_value}"
            )

    def _audit(self, network: Network, told: tuple[Market, bytes, bytes, bytes]) -> None:
        market, model_key, order_id, bundle = told
        folder = network.folders.root
        policy = folder / "policy.json"
        write_policy(policy, market, order_id, network.people.provider.address)
        (folder / "bundle.avow.json").write_bytes(bundle)
        auditor = Auditor(network.supervisor, folder, policy)
        command = "avow verify bundle.avow.json --policy policy.json --allow-unsafe-srs"
        with self.steps.step("verify", f"An auditor, offline: {command}"):
            status, verdict = auditor.verdict(bundle)
            self.report.verdict = verdict
            if status != ACCEPTED or verdict["statement"] != self.report.statement:
                raise DemoError(f"the bundle was not accepted for what was settled: {verdict}")
            self.report.offline_verdict = verdict["assurance"]
            self.steps.say(
                f"{verdict['assurance']}, hides {verdict['hides']}, "
                f"SRS {'safe' if verdict['srs']['safe'] else 'UNSAFE'}, "
                f"model binding: {verdict['model_binding']}"
            )
            status, verdict = auditor.verdict(bundle, unsafe=False)
            self.report.unsafe_srs_refused_by_default = status == REJECTED
            if status != REJECTED:
                raise DemoError("an unsafe SRS was accepted without --allow-unsafe-srs")
            self.steps.say(f"without --allow-unsafe-srs: REJECTED, {verdict['reason']}")
        with self.steps.step("tamper", "A liar's bundles: changed, replayed, claimed"):
            self.report.tampered = auditor.refused(bundle)
            for item in self.report.tampered:
                self.steps.say(f"REJECTED at {item['step']:8} {item['forgery']}")
            if not ask_router(market, model_key, order_id, bundle):
                raise DemoError("the router on chain refuses the honest proof")
            _, forged = next(tampered(bundle))
            if ask_router(market, model_key, order_id, forged):
                raise DemoError("the router on chain accepts a forged proof")
            self.steps.say("REJECTED on chain  one bit of the proof flipped (router, eth_call)")
            self.report.tampered_rejected = True


def _gas_of(market: Market, transaction: bytes) -> int:
    found = market.chain.receipt(transaction)
    if found is None:
        raise DemoError(f"transaction 0x{transaction.hex()} has no receipt")
    return found[0].gas_used


def _gas_since(market: Market, block: int) -> int:
    total = 0
    with market.chain.speaking():
        for number in range(block + 1, market.chain.head().number + 1):
            total += int(market.chain.w3.eth.get_block(number)["gasUsed"])
    return total


def _gas_until_now(market: Market) -> int:
    return _gas_since(market, -1)
