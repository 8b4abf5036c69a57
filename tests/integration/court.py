"""Claims of one real model on a chain, their watchers, and what each party spends on gas."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path as File

import numpy as np

from avow.circuits.optimistic.artifact import Loaded, load
from avow.circuits.optimistic.compile import Made, Options, compile_model
from avow.prover.disputes.challenger import Attack, OwnRun
from avow.prover.disputes.moves import Move
from avow.prover.disputes.onchain import challenge_of, send, tensors_of, view_of
from avow.prover.disputes.provider import Defence
from avow.prover.disputes.state import Challenge, ClaimView, replay
from avow.prover.nodes.claims import expected_statement
from avow.prover.nodes.contracts import to_register
from avow.prover.refutation import Refuter
from avow.prover.trace import Tracer
from avow.verifier.bundle import Bundle
from avow.verifier.chain.claim_events import Claimed, ClaimEvent
from avow.verifier.chain.claims import Claims
from avow.verifier.chain.client import Receipt
from avow.verifier.chain.orders import LegTerms, OrderTerms, selector_of
from avow.verifier.chain.registration import Registered, Registry, Royalty
from avow.verifier.chain.seals import seal
from avow.verifier.chain.signer import Signer
from avow.verifier.commitment import Scheme, commit_public
from avow.verifier.keccak import ZERO_WORD, keccak256
from avow.verifier.merkle import Path, leaf
from avow.verifier.program.program import check, output_specs
from avow.verifier.program.semantics import evaluate
from avow.verifier.statement import Statement
from avow.verifier.systems.optimistic.claim import SYSTEM_ID, Claim, material_json
from avow.verifier.tensor import Tensor
from avow.verifier.trace.inputs import commit_input
from tests.circuits.sumcheck.small import HOME, inputs, silent, stored
from tests.integration.town import BOND, OWNER, PRICE, PROVIDER, QUICK, REQUESTER, Town

SELECTOR = selector_of(SYSTEM_ID)
MODEL = "digits-mlp"
SALT = keccak256(b"a salt")


@cache
def made(model: str = MODEL) -> Made:
    """The artifact of a model; tests must not change its files."""
    return compile_model(stored(model), HOME, Options(bits=8), HOME / "claimed", silent)


@cache
def loaded(model: str = MODEL) -> Loaded:
    """Its program, constants and key."""
    return load(made(model).artifact)


@cache
def tracer(model: str = MODEL) -> Tracer:
    """What the provider answers with."""
    return Tracer(loaded(model).program, loaded(model).blobs, threads=1)


Values = tuple[tuple[int, ...], ...]


def honest_values(given: Sequence[Tensor], model: str = MODEL) -> Values:
    """Every tensor of the right run by the definition, row-major, inputs first."""
    return _continued([tensor.values for tensor in given], model)


def lying_values(right: Values, tensor: int, element: int, model: str = MODEL) -> Values:
    """The right run up to one element, a bit of which is flipped, and on from there rightly."""
    wrong = list(right[tensor])
    wrong[element] ^= 16
    return _continued([*right[:tensor], tuple(wrong)], model)


def _continued(begun: Sequence[tuple[int, ...]], model: str) -> Values:
    program, blobs, values = loaded(model).program, loaded(model).blobs, list(begun)
    shapes, first = program.shapes(), len(program.inputs)
    for step in program.steps[len(values) - first :]:
        of = step.operation.of
        operands = [values[at] for at in of]
        found = evaluate(
            step.operation, shapes[len(values)], operands, [shapes[at] for at in of], blobs
        )
        values.append(tuple(found))
    return tuple(values)


def deep(given: Sequence[Tensor], model: str) -> Values:
    """A run with one bit of an activation flipped, as deep inside as changes the answer."""
    program, right = loaded(model).program, honest_values(given, model)
    last = program.outputs[0].tensor
    for tensor in range(len(program.inputs) + 1, last):
        for element in range(len(right[tensor]) - 1, 0, -7):
            wrong = lying_values(right, tensor, element, model)
            if wrong[last] != right[last]:
                return wrong
    raise AssertionError("no activation matters")


def inside(given: Sequence[Tensor], model: str) -> Values:
    """A run with one bit flipped in the middle of the largest tensor that an operation makes."""
    program, right = loaded(model).program, honest_values(given, model)
    tensor = max(range(len(program.inputs), len(right) - 1), key=lambda at: len(right[at]))
    return lying_values(right, tensor, len(right[tensor]) // 2, model)


def beside(given: Sequence[Tensor], model: str) -> Values:
    """The right run, and behind it an output that is not its own."""
    right = honest_values(given, model)
    last = right[loaded(model).program.outputs[0].tensor]
    return (*right, (*last[:-1], last[-1] ^ 1))


def outputs_of(values: Values, model: str) -> tuple[Tensor, ...]:
    """The program's outputs in a run."""
    program = loaded(model).program
    specs = output_specs(program, check(program, loaded(model).blobs))
    return tuple(
        Tensor(spec.element_type, spec.shape, values[output.tensor])
        for spec, output in zip(specs, program.outputs, strict=True)
    )


@dataclass(frozen=True)
class Delivered:
    """An order whose answer was delivered, and the run that its provider commits to."""

    model: str
    order_id: bytes
    statement: Statement
    given: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    run: Refuter

    @property
    def output(self) -> bytes:
        """The output tensors' data."""
        return b"".join(tensor.data() for tensor in self.outputs)

    def bundle(self, final_at: int) -> Bundle:
        """What the provider publishes."""
        artifact, contents = made(self.model).artifact, loaded(self.model)
        return Bundle(
            statement=self.statement,
            path=Path(0, ()),
            model=artifact.model,
            system=artifact.record,
            signature=None,
            inputs=self.given,
            salt=None,
            outputs=self.outputs,
            proof=Claim(self.run.root, final_at, self.run.tensors).to_json(),
            material=material_json(contents.program, contents.blobs),
        )


@dataclass
class Court:
    """A town where the model is registered for claims. `spent` is gas by party and move."""

    town: Town
    registered: Registered
    claims: Claims
    model: str = MODEL
    spent: dict[str, Counter[str]] = field(default_factory=dict)

    def pays(self, party: str, what: str, receipt: Receipt) -> Receipt:
        """Notes the gas of a party's transaction."""
        self.spent.setdefault(party, Counter())[what] += receipt.gas_used
        return receipt

    def request(self, row: int = 0) -> tuple[bytes, tuple[Tensor, ...]]:
        """An order for a held-out row that nobody has locked yet; a large one comes by its URI."""
        given, market = inputs(self.model, row), self.town.market()
        self.town.mine()
        now = self.town.chain.head().timestamp
        committed = commit_input(given)
        inline = committed.scheme is Scheme.PUBLIC
        terms = OrderTerms(
            model_key=self.registered.model_key,
            input=committed,
            input_data=b"".join(tensor.data() for tensor in given) if inline else b"",
            input_uri="" if inline else self.published(given),
            legs=(LegTerms(SELECTOR, now + 1_200, 10_000),),
            price=PRICE,
            bond=BOND,
            lock_deadline=now + 600,
        )
        order_id, receipt = market.request(REQUESTER, terms)
        self.pays("requester", "request", receipt)
        return order_id, given

    def published(self, given: Sequence[Tensor]) -> str:
        """Where nodes on this machine find the inputs' bytes."""
        path = self.town.config.bundles / f"{commit_input(given).value.hex()}.input"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(tensor.data() for tensor in given))
        return path.absolute().as_uri()

    def order(self, row: int = 0) -> tuple[bytes, tuple[Tensor, ...]]:
        """A locked order for a held-out row."""
        (order_id, given), market = self.request(row), self.town.market()
        order = market.order(order_id)
        assert order is not None
        self.pays("provider", "lock", market.lock(PROVIDER, order))
        return order_id, given

    def deliver(
        self,
        lie: Callable[[Sequence[Tensor], str], Values] = honest_values,
        row: int = 0,
        shown: bool = False,
    ) -> Delivered:
        """An order answered by a run that is right, or such a lie; its bundle is `shown` or not."""
        order_id, given = self.order(row)
        values = lie(given, self.model)
        count = len(loaded(self.model).key.descriptors)
        values, said = values[:count], values[count:]
        outputs = outputs_of(values, self.model)
        if said:
            # A lie may put outputs behind the run's tensors that are not the run's.
            outputs = tuple(
                replace(one, values=row) for one, row in zip(outputs, said, strict=True)
            )
        market = self.town.market()
        registry = Registry(self.town.chain, self.town.deployment, QUICK)
        order = market.order(order_id)
        assert order is not None
        committed = commit_public(outputs)
        statement, _ = expected_statement(market, registry, order, SELECTOR, committed)
        run = refuter(statement, values, self.model)
        done = Delivered(self.model, order_id, statement, given, outputs, run)
        data = done.bundle(1).encode()
        address = self.town.file_address(statement.digest())
        if shown:
            self.town.config.bundles.mkdir(parents=True, exist_ok=True)
            File(address.removeprefix("file://")).write_bytes(data)
        receipt = market.deliver(
            PROVIDER, order_id, 0, SELECTOR, committed, keccak256(data), address
        )
        self.pays("provider", "deliver", receipt)
        return done

    def claim(self, delivered: Delivered, lazy: bool = False) -> Claimed:
        """The provider's claim of what it delivered."""
        root = ZERO_WORD if lazy else delivered.run.root
        made, receipt = self.claims.claim(PROVIDER, delivered.order_id, 0, delivered.output, root)
        self.pays("provider", "claim", receipt)
        return made

    def own(self, claimed: Claimed, given: Sequence[Tensor]) -> OwnRun:
        """The run of a claim's inputs by one who computes it natively."""
        arrays = [np.array(one.values, np.int64).reshape(1, *one.shape) for one in given]
        run = tracer(self.model).run(arrays)
        contents, statement = loaded(self.model), claimed.traced.statement
        own = Refuter(contents.program, contents.blobs, run.key, statement, run.stored())
        assert own.root == run.trace(statement)
        return OwnRun(contents.program, run.key, own, tuple(given))

    def attack(
        self,
        claimed: Claimed,
        delivered: Delivered,
        challenger: Signer,
        shown: bool = False,
    ) -> Attack:
        """A challenger that computes the run itself; the provider's tensors are `shown` or not."""
        own = self.own(claimed, delivered.given)
        published = delivered.run if shown else None
        return Attack(own, challenger.address, SALT, published)

    def view(self, claimed: Claimed) -> ClaimView:
        """How a claim stands."""
        outputs = tensors_of(made(self.model).artifact.record.outputs, claimed.output)
        return view_of(self.claims, claimed, outputs, self.events())

    def events(self) -> list[ClaimEvent]:
        """Everything that happened to claims."""
        town = self.town
        return self.claims.events(town.deployment.first_block, town.chain.head().number)

    def challenge_by(self, claimed: Claimed, account: bytes) -> Challenge | None:
        """How an account's challenge stands, None where there is none."""
        return challenge_of(self.claims, claimed.claim_id, account, self.events())

    def game(self, claimed: Claimed, challenger: Signer) -> Challenge:
        """How a challenge stands; its events lead there."""
        found = self.challenge_by(claimed, challenger.address)
        assert found is not None
        if found.undecided:
            replay(found)
        return found

    def challenge(self, claimed: Claimed, challenger: Signer) -> None:
        """Opens a challenge."""
        key, claims = loaded(self.model).key, self.claims
        assert claims.tensors(key.digest) == len(key.descriptors)
        self.pays("challenger", "open", claims.open(challenger, claimed.traced))

    def moves(
        self,
        claimed: Claimed,
        challenger: Signer,
        run: Refuter,
        next_move: Callable[[ClaimView, Challenge], Move | None],
    ) -> Iterator[Challenge]:
        """Lets both sides move until the challenge ends or the challenger has nothing to say."""
        defence = Defence(run)
        while True:
            # What was made in the last block counts from the next one on.
            self.town.mine()
            game, view = self.game(claimed, challenger), self.view(claimed)
            yield game
            if not game.undecided:
                return
            # A challenger who can refute does not wait for its turn.
            move, signer, party = next_move(view, game), challenger, "challenger"
            if move is None and game.turn.is_providers:
                move = defence.move(view, game, self.town.chain.head().timestamp)
                signer, party = PROVIDER, "provider"
            if move is None:
                return
            self.pays(party, type(move).__name__, send(self.claims, signer, move))

    def playing(self, attack: Attack) -> Callable[[ClaimView, Challenge | None], Move | None]:
        """An honest challenger's moves, at the last block."""

        def move(view: ClaimView, game: Challenge | None) -> Move | None:
            head = self.town.chain.head()
            noted = attack.commitment(view, game)
            committed = 0 if noted is None else self.claims.committed_in(noted)
            return attack.move(view, game, committed, head.number, head.timestamp)

        return move

    def settle(self, delivered: Delivered, signer: Signer = PROVIDER) -> Receipt:
        """The market's settlement, by the provider itself unless another is named."""
        shown = seal(delivered.bundle(0))
        receipt = self.town.market().settle(
            signer, delivered.order_id, 0, delivered.output, Path(0, ()), shown
        )
        return self.pays("provider", "settle", receipt)

    def totals(self) -> dict[str, int]:
        """Gas by party."""
        return {party: sum(moves.values()) for party, moves in self.spent.items()}


def refuter(statement: Statement, values: Values, model: str) -> Refuter:
    """A run as it is committed to under a statement."""
    contents = loaded(model)
    layouts = [one.result for one in contents.key.descriptors]
    tensors = [one.store(row) for one, row in zip(layouts, values, strict=True)]
    root = leaf(statement.digest())
    return Refuter(contents.program, contents.blobs, contents.key, root, tensors)


def place_of(tensor: int, model: str = MODEL) -> bytes:
    """What shows a tensor to be one of the program's."""
    return loaded(model).key.place(tensor)


def opened(town: Town, model: str) -> Court:
    """The model is registered as it was compiled, the same way as `avow contracts register`."""
    registry = Registry(town.chain, town.deployment, QUICK)
    cap = town.market().gas_cap(SELECTOR)
    artifact = to_register(made(model).artifact.folder, (), cap)
    registered = registry.register(OWNER, artifact, Royalty(OWNER.address, 300), say=print)
    assert registry.register(OWNER, artifact, Royalty(OWNER.address, 300)) == registered
    assert registered.verifier == town.deployment.placed("referee").address
    assert registry.differs(registered.model_key, SELECTOR, artifact.model, artifact.record) is None
    claims = Claims(town.chain, town.deployment, QUICK)
    assert claims.is_learned(registered.model_key)
    return Court(town, registered, claims, model)
