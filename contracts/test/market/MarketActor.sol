// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Market} from "../../src/Market.sol";
import {ProofRouter} from "../../src/ProofRouter.sol";
import {ValidatorSet} from "../../src/ValidatorSet.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {Callback, Leg, LegRequest, LegState, Order, OrderRequest} from "../../src/types/Order.sol";
import {StatementPath, StatementTree} from "../../src/types/StatementTree.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {TestBase} from "../base/TestBase.sol";

/// @notice What an actor remembers of a leg beside what the market says of it.
struct LegHistory {
    LegState state;
    uint256 terminalSteps;
    bool paid;
    bool refunded;
}

/// @notice Everybody at the market at once, doing something at random, honest or not.
/// @dev After each step it compares every leg's state with what it was: only allowed steps, terminal ones
/// absorb, and the money of each kind of step is accounted for.
contract MarketActor is TestBase {
    bytes4 private constant EZKL = bytes4(keccak256("ezkl/v1"));
    bytes4 private constant OTHER = bytes4(keccak256("ezkl/test-twin"));
    address private constant GUARDIAN = address(0xA002);

    Market public immutable market;
    ProofRouter public immutable router;
    ValidatorSet public immutable validators;
    bytes32 public immutable modelKey;
    address[] public receivers;
    address[] public accounts;
    bytes32[] public orders;
    mapping(bytes32 orderId => mapping(uint8 leg => LegHistory)) private _history;

    uint256 public steps;
    uint256 public paidOut;
    uint256 public refundedOut;
    uint256 public slashedOut;
    uint256 public bondsPosted;
    uint256 public bondsReleased;
    uint256 public unlawfulSteps;
    uint256 public slashedAboveBond;
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
        bool two = options & 2 != 0;
        order.legs = new LegRequest[](two ? 2 : 1);
        order.legs[0] = LegRequest(EZKL, uint64(block.timestamp + 1 hours), 10_000);
        if (two) {
            order.legs[0].shareBps = uint16(bound(share, 1, 9_999));
            order.legs[1] =
                LegRequest(OTHER, uint64(block.timestamp + 2 hours), 10_000 - order.legs[0].shareBps);
        }
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
        else if (state == LegState.Locked) deliver(which, leg, false);
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

    function deliver(uint256 which, uint8 leg, bool wrong) public {
        (bytes32 id, bool some) = _order(which);
        if (!some) return;
        leg = leg % market.orderOf(id).legCount;
        bytes32 value = wrong ? keccak256("junk") : EzklFixture.outputDigest(_output);
        vm.prank(market.orderOf(id).provider);
        try market.deliver(id, leg, Commitment(CommitmentScheme.PUBLIC, value), 0, "") {} catch {}
        _observe();
    }

    function settle(uint256 which, uint8 leg, uint256 who, bool asValidator, bool tampered) public {
        (bytes32 id, bool some) = _order(which);
        if (!some) return;
        Order memory order = market.orderOf(id);
        leg = leg % order.legCount;
        Commitment memory output = Commitment(CommitmentScheme.PUBLIC, EzklFixture.outputDigest(_output));
        (, bytes32 digest) = market.statementFor(id, leg, order.provider, output);
        StatementPath memory path = StatementPath(0, new bytes32[](0));
        bytes32 root = StatementTree.root(digest, path);
        if (tampered) root = ~root;
        bytes memory seal = bytes.concat(
            market.legOf(id, leg).selector, EzklFixture.body(EzklFixture.instances(root, _input, _output))
        );
        vm.prank(asValidator ? order.validator : _account(who));
        try market.settle(id, leg, EzklFixture.outputBytes(_output), path, seal) {
            if (tampered) ++unlawfulSteps;
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
        LegState current = market.legOf(id, leg).state;
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
