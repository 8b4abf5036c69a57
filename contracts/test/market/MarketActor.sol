// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Market} from "../../src/Market.sol";
import {ProofRouter} from "../../src/ProofRouter.sol";
import {ValidatorSet} from "../../src/ValidatorSet.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {Callback, Leg, LegRequest, LegState, Order, OrderRequest} from "../../src/types/Order.sol";
import {Statement} from "../../src/types/Statement.sol";
import {StatementPath, StatementTree} from "../../src/types/StatementTree.sol";
import {Packed, Packing} from "../base/BatchWorld.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {TestBase} from "../base/TestBase.sol";
import {MockBatchProof} from "../mocks/MockBatchAdapter.sol";

/// @notice What an actor remembers of a leg beside what the market says of it.
struct LegHistory {
    LegState state;
    uint256 terminalSteps;
    bool paid;
    bool refunded;
    bytes4 chosen;
}

/// @notice Everybody at the market at once, doing something at random, honest or not.
/// @dev After each step it compares every leg's state with what it was: only allowed steps, terminal ones
/// absorb, and the money of each kind of step is accounted for.
contract MarketActor is TestBase {
    bytes4 private constant EZKL = bytes4(keccak256("ezkl/v1"));
    bytes4 private constant OTHER = bytes4(keccak256("ezkl/test-twin"));
    bytes4 private constant BATCH = Packing.SELECTOR;
    address private constant GUARDIAN = address(0xA002);

    Market public immutable market;
    ProofRouter public immutable router;
    ValidatorSet public immutable validators;
    bytes32 public immutable modelKey;
    address[] public receivers;
    address[] public accounts;
    bytes32[] public orders;
    mapping(bytes32 orderId => mapping(uint8 leg => LegHistory)) private _history;
    mapping(bytes32 orderId => mapping(uint8 leg => bool)) private _seen;

    uint256 public steps;
    uint256 public paidOut;
    uint256 public refundedOut;
    uint256 public slashedOut;
    uint256 public bondsPosted;
    uint256 public bondsReleased;
    uint256 public unlawfulSteps;
    uint256 public batchesSettled;
    uint256 public itemsSkipped;
    uint256 public slashedAboveBond;
    uint256 public choices;
    uint256 public foreignSeals;
    mapping(LegState => uint256) public reached;

    int8[4] private _input = [int8(1), -2, 127, -128];
    int16[3] private _output = [int16(-300), 0, 32767];

    constructor(
        Market market_,
        ProofRouter router_,
        ValidatorSet validators_,
        bytes32 modelKey_,
        address[] memory accounts_,
        address[] memory receivers_
    ) {
        market = market_;
        router = router_;
        validators = validators_;
        modelKey = modelKey_;
        accounts = accounts_;
        receivers = receivers_;
    }

    function orderCount() external view returns (uint256) {
        return orders.length;
    }

    function accountCount() external view returns (uint256) {
        return accounts.length;
    }

    function historyOf(bytes32 orderId, uint8 leg) external view returns (LegHistory memory) {
        return _history[orderId][leg];
    }

    function request(uint256 who, uint128 price, uint128 bond, uint16 share, uint256 options) external {
        OrderRequest memory order;
        order.modelKey = modelKey;
        order.input = Commitment(CommitmentScheme.PUBLIC, EzklFixture.inputDigest(_input));
        if (options & 1 == 0) order.inputData = EzklFixture.inputBytes(_input);
        else order.inputUri = "https://example.org/input";
        order.legs = _legs(options >> 1, uint16(bound(share, 1, 9_999)));
        order.price = uint128(bound(price, 1, 1e20));
        order.bond = uint128(bound(bond, order.price / 5, order.price * 2));
        order.lockDeadline = uint64(block.timestamp + 30 minutes);
        address receiver = receivers[(options >> 8) % receivers.length];
        if (receiver != address(0)) order.callback = Callback(receiver, 300_000);
        vm.prank(_account(who));
        try market.request(order) returns (bytes32 id) {
            orders.push(id);
        } catch {}
        _observe();
    }

    /// @dev The next honest step of an order, so that most walks get to the interesting states.
    function advance(uint256 which, uint256 who, uint8 leg) external {
        (bytes32 id, bool some) = _order(which);
        if (!some) return;
        Order memory order = market.orderOf(id);
        leg = leg % order.legCount;
        LegState state = market.legOf(id, leg).state;
        if (state == LegState.Open) lock(which, who);
        else if (state == LegState.Locked) deliver(which, leg, who, false);
        else if (state == LegState.Delivered) settle(which, leg, who, order.validator != address(0), false);
        else if (state == LegState.Settled) retryCallback(which, leg);
    }

    function lock(uint256 which, uint256 who) public {
        (bytes32 id, bool some) = _order(which);
        if (!some) return;
        vm.prank(_account(who));
        try market.lock(id) {
            bondsPosted += market.orderOf(id).bond;
        } catch {}
        _observe();
    }

    function release(uint256 which) external {
        (bytes32 id, bool some) = _order(which);
        if (!some) return;
        Order memory order = market.orderOf(id);
        vm.prank(order.provider);
        try market.release(id) {
            bondsReleased += order.bond;
        } catch {}
        _observe();
    }

    function cancel(uint256 which) external {
        (bytes32 id, bool some) = _order(which);
        if (!some) return;
        vm.prank(market.orderOf(id).requester);
        try market.cancel(id) {} catch {}
        _observe();
    }

    /// @dev By a system that the leg names, and now and then by one that it may not.
    function deliver(uint256 which, uint8 leg, uint256 choice, bool wrong) public {
        (bytes32 id, bool some) = _order(which);
        if (!some) return;
        leg = leg % market.orderOf(id).legCount;
        bytes32 value = wrong ? keccak256("junk") : EzklFixture.outputDigest(_output);
        Leg memory before = market.legOf(id, leg);
        bytes4 selector = choice % 2 == 0 && before.others != 0 ? bytes4(before.others) : before.selector;
        if (choice % 8 == 7) selector = [EZKL, OTHER, BATCH, bytes4(0)][(choice >> 3) % 4];
        vm.prank(market.orderOf(id).provider);
        try market.deliver(id, leg, selector, Commitment(CommitmentScheme.PUBLIC, value), 0, "") {
            if (selector != before.selector && selector != bytes4(before.others)) ++unlawfulSteps;
            if (before.others != 0) ++choices;
            _history[id][leg].chosen = selector;
        } catch {}
        _observe();
    }

    /// @dev With what would prove the answer by a system that was not chosen.
    function settleByAnother(uint256 which, uint8 leg, uint256 choice) external {
        (bytes32 id, bool some) = _order(which);
        if (!some) return;
        Order memory order = market.orderOf(id);
        leg = leg % order.legCount;
        Leg memory found = market.legOf(id, leg);
        bytes4 selector = [EZKL, OTHER, BATCH][choice % 3];
        if (found.state != LegState.Delivered || selector == found.selector) return;
        StatementPath memory path = StatementPath(0, new bytes32[](0));
        bytes memory seal = _sealBy(selector, id, leg, order.provider, false);
        ++foreignSeals;
        vm.prank(order.validator);
        try market.settle(id, leg, EzklFixture.outputBytes(_output), path, seal) {
            ++unlawfulSteps;
        } catch {}
        _observe();
    }

    function settle(uint256 which, uint8 leg, uint256 who, bool asValidator, bool tampered) public {
        (bytes32 id, bool some) = _order(which);
        if (!some) return;
        Order memory order = market.orderOf(id);
        leg = leg % order.legCount;
        StatementPath memory path = StatementPath(0, new bytes32[](0));
        bytes memory seal = _seal(id, leg, order.provider, tampered);
        vm.prank(asValidator ? order.validator : _account(who));
        try market.settle(id, leg, EzklFixture.outputBytes(_output), path, seal) {
            if (tampered) ++unlawfulSteps;
        } catch {}
        _observe();
    }

    /// @dev A batch of orders in whatever state, one now and then twice, some items or the whole tampered with.
    function settleBatch(uint256 which, uint256 size, uint256 who, uint256 faults) external {
        if (orders.length == 0) return;
        Packed memory packed = _pack(which, bound(size, 1, 6));
        bool wrongProof = faults % 8 == 0;
        if (wrongProof) packed.seal[9] ^= 0x01;
        for (uint256 i; i < packed.items.length; ++i) {
            uint256 face = (faults >> (8 * i + 8)) % 16;
            if (face == 0) packed.items[i].output = bytes.concat(packed.items[i].output, hex"00");
            else if (face == 1) packed.items[i].path.index ^= 1;
            else if (face == 2) packed.items[i].leg ^= 1;
        }
        vm.prank(_settler(packed, who));
        try market.settleBatch(modelKey, packed.root, packed.items, packed.seal) returns (uint256 settled) {
            if (wrongProof) ++unlawfulSteps;
            ++batchesSettled;
            itemsSkipped += packed.items.length - settled;
            _checkPaidOnce(packed, settled);
        } catch {}
        _observe();
    }

    function expire(uint256 which, uint8 leg) external {
        // Any order alike: what is due is seldom recent.
        (bytes32 id, bool some) = _order(which << 2);
        if (!some) return;
        leg = leg % market.orderOf(id).legCount;
        try market.expire(id, leg) {} catch {}
        _observe();
    }

    function retryCallback(uint256 which, uint8 leg) public {
        (bytes32 id, bool some) = _order(which);
        if (!some) return;
        leg = leg % market.orderOf(id).legCount;
        try market.retryCallback(id, leg, EzklFixture.outputBytes(_output)) {} catch {}
        _observe();
    }

    function withdraw(uint256 who) external {
        try market.withdrawFor(_account(who)) {} catch {}
        _observe();
    }

    function joinValidators(uint256 who, uint256 stake) external {
        vm.prank(_account(who));
        try validators.join(bound(stake, 900, 5_000)) {} catch {}
    }

    function exitValidators(uint256 who) external {
        vm.prank(_account(who));
        try validators.exit() {} catch {}
    }

    function withdrawStake(uint256 who) external {
        vm.prank(_account(who));
        try validators.withdrawStake() {} catch {}
    }

    function pauseRouter(bool stop) external {
        vm.prank(GUARDIAN);
        if (stop) try router.pause() {} catch {} else try router.resume() {} catch {}
    }

    function passTime(uint256 duration) external {
        vm.warp(block.timestamp + bound(duration / 4, 1, duration % 4 == 0 ? 70 minutes : 5 minutes));
    }

    /// @dev A batch of orders from the list, mostly recent ones; whoever proved them is their provider.
    function _pack(uint256 which, uint256 size) private view returns (Packed memory) {
        bytes32[] memory ids = new bytes32[](size);
        uint8[] memory legs = new uint8[](size);
        for (uint256 i; i < size; ++i) {
            (ids[i],) = _order(which >> (8 * i));
            legs[i] = market.orderOf(ids[i]).legCount - 1;
        }
        return Packing.pack(market, ids, legs, EzklFixture.outputBytes(_output));
    }

    /// @dev Mostly the validator of one of the orders, so that batches settle in their grace period too.
    function _settler(Packed memory packed, uint256 who) private view returns (address) {
        address validator = market.orderOf(packed.items[who % packed.items.length].orderId).validator;
        return who % 4 == 0 || validator == address(0) ? _account(who / 4) : validator;
    }

    /// @dev As many legs of the batch turned Settled as it says; a second item of one leg is not among them.
    function _checkPaidOnce(Packed memory packed, uint256 settled) private {
        uint256 found;
        for (uint256 i; i < packed.items.length; ++i) {
            (bytes32 id, uint8 leg) = (packed.items[i].orderId, packed.items[i].leg);
            if (leg >= market.orderOf(id).legCount || _seen[id][leg]) continue;
            _seen[id][leg] = true;
            bool before = _history[id][leg].state == LegState.Settled;
            if (!before && market.legOf(id, leg).state == LegState.Settled) ++found;
        }
        for (uint256 i; i < packed.items.length; ++i) {
            delete _seen[packed.items[i].orderId][packed.items[i].leg];
        }
        if (found != settled) ++unlawfulSteps;
    }

    function _seal(bytes32 id, uint8 leg, address provider, bool tampered)
        private
        view
        returns (bytes memory)
    {
        return _sealBy(market.legOf(id, leg).selector, id, leg, provider, tampered);
    }

    function _sealBy(bytes4 selector, bytes32 id, uint8 leg, address provider, bool tampered)
        private
        view
        returns (bytes memory)
    {
        Commitment memory output = Commitment(CommitmentScheme.PUBLIC, EzklFixture.outputDigest(_output));
        (Statement memory statement, bytes32 digest) = market.statementFor(id, leg, provider, output);
        bytes32 root = StatementTree.root(digest, StatementPath(0, new bytes32[](0)));
        if (tampered) root = ~root;
        bytes memory body = selector == Packing.SELECTOR
            ? MockBatchProof.part(statement, 0, root)
            : EzklFixture.body(EzklFixture.instances(root, _input, _output));
        return bytes.concat(selector, body);
    }

    /// @dev Looks at every leg after a step.
    function _observe() private {
        ++steps;
        for (uint256 i; i < orders.length; ++i) {
            Order memory order = market.orderOf(orders[i]);
            for (uint8 leg; leg < order.legCount; ++leg) {
                _observe(orders[i], leg, order);
            }
        }
    }

    function _observe(bytes32 id, uint8 leg, Order memory order) private {
        LegHistory storage history = _history[id][leg];
        LegState before = history.state;
        Leg memory found = market.legOf(id, leg);
        LegState current = found.state;
        if (history.chosen != 0 && (found.selector != history.chosen || found.others != 0)) ++unlawfulSteps;
        if (current == before) return;
        if (!_lawful(before, current)) ++unlawfulSteps;
        history.state = current;
        ++reached[current];
        if (current <= LegState.Delivered) return;
        ++history.terminalSteps;
        if (current == LegState.Settled) {
            history.paid = true;
            paidOut += _part(id, order.price, leg);
            bondsReleased += _part(id, order.bond, leg);
            return;
        }
        history.refunded = true;
        refundedOut += _part(id, order.price, leg);
        if (current == LegState.Slashed) {
            slashedOut += _part(id, order.bond, leg);
            bondsReleased += _part(id, order.bond, leg);
        } else if (before == LegState.Locked || before == LegState.Delivered) {
            bondsReleased += _part(id, order.bond, leg);
        }
    }

    function _lawful(LegState before, LegState current) private pure returns (bool) {
        if (before == LegState.None) return current == LegState.Open;
        if (before == LegState.Open) {
            return current == LegState.Locked || current == LegState.Refunded || current == LegState.Cancelled;
        }
        if (before == LegState.Locked) {
            return current == LegState.Open || current == LegState.Delivered || current == LegState.Slashed;
        }
        if (before == LegState.Delivered) {
            return current == LegState.Settled || current == LegState.Refunded || current == LegState.Slashed;
        }
        return false;
    }

    /// @dev The same division as the market's, written a second time: the last leg takes the rest.
    function _part(bytes32 id, uint256 total, uint8 leg) private view returns (uint256) {
        uint256 first = total * market.legOf(id, 0).shareBps / 10_000;
        return leg == 0 ? first : total - first;
    }

    /// @dev One leg or two, some of which may be proven by either of two systems.
    function _legs(uint256 shape, uint16 share) private view returns (LegRequest[] memory legs) {
        shape = shape % 6;
        bytes16 either = shape % 2 == 0 ? EZKL | (bytes16(BATCH) >> 32) : BATCH | (bytes16(EZKL) >> 32);
        legs = new LegRequest[](shape < 3 ? 1 : 2);
        bytes16[6] memory first = [bytes16(EZKL), BATCH, either, EZKL, either, OTHER];
        legs[0] = LegRequest(first[shape], uint64(block.timestamp + 1 hours), 10_000);
        if (shape < 3) return legs;
        bytes16[3] memory second = [bytes16(BATCH), OTHER, either];
        legs[0].shareBps = share;
        legs[1] = LegRequest(second[shape - 3], uint64(block.timestamp + 2 hours), 10_000 - share);
    }

    /// @dev Mostly one of the last three, so that orders get somewhere before their deadlines.
    function _order(uint256 which) private view returns (bytes32, bool) {
        uint256 count = orders.length;
        if (count == 0) return (0, false);
        uint256 recent = which % 4 == 0 || count < 3 ? count : 3;
        return (orders[count - 1 - (which / 4) % recent], true);
    }

    function _account(uint256 who) private view returns (address) {
        return accounts[who % accounts.length];
    }
}
