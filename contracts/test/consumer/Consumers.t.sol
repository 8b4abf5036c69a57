// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {AskTerms, AvowConsumer} from "../../src/consumer/AvowConsumer.sol";
import {DigitReader} from "../../src/examples/DigitReader.sol";
import {RiskAwareLendingPool} from "../../src/examples/RiskAwareLendingPool.sol";
import {PaymentToken} from "../../src/PaymentToken.sol";
import {LegState} from "../../src/types/Order.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {MarketWorld} from "../base/MarketWorld.sol";

/// @notice The examples, from the question to the answer.
contract ConsumersTest is MarketWorld {
    DigitReader private _reader;

    function setUp() public {
        setUpWorld();
        _reader = newDigitReader(market, modelKey, EZKL, OWNER);
        assertTrue(token.transfer(address(_reader), 2 * uint256(PRICE)), "transfer");
    }

    function test_theDigitArrivesInTheContractThatAsked() public {
        bytes32 id = _ask();
        assertTrue(_reader.isAwaited(id), "awaited");
        lock(id);
        deliver(id, 0);
        settle(id, 0);
        assertEq(_reader.lastDigit(), 2, "the largest of -300, 0, 32767");
        assertEq(_reader.lastOrder(), id, "order");
        assertEq(_reader.digitsRead(), 1, "count");
        assertTrue(!_reader.isAwaited(id), "no longer awaited");
    }

    function test_anAnswerFromAnyoneButTheMarketIsRefused() public {
        bytes32 id = _ask();
        vm.expectRevert(abi.encodeWithSelector(AvowConsumer.NotMarket.selector, STRANGER));
        vm.prank(STRANGER);
        _reader.onAvowResult(id, 0, outputBytes());
    }

    function test_anAnswerToAnothersOrderIsRefused() public {
        bytes32 id = openAndDeliver(callbackTerms(address(_reader), 200_000));
        settle(id, 0);
        assertState(id, 0, LegState.Settled);
        assertEq(_reader.digitsRead(), 0, "not read");
        vm.expectRevert(abi.encodeWithSelector(AvowConsumer.OrderNotAwaited.selector, id));
        vm.prank(address(market));
        _reader.onAvowResult(id, 0, outputBytes());
    }

    function test_anAnswerIsTakenOnce() public {
        bytes32 id = _ask();
        lock(id);
        deliver(id, 0);
        settle(id, 0);
        vm.expectRevert(abi.encodeWithSelector(AvowConsumer.OrderNotAwaited.selector, id));
        vm.prank(address(market));
        _reader.onAvowResult(id, 0, outputBytes());
        bytes32 second = _ask();
        vm.expectRevert(abi.encodeWithSelector(AvowConsumer.OrderNotAwaited.selector, second));
        vm.prank(address(market));
        _reader.onAvowResult(second, 1, outputBytes());
    }

    function test_onlyTheOwnerAsksAndRecovers() public {
        bytes memory expected = abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, STRANGER);
        vm.startPrank(STRANGER);
        vm.expectRevert(expected);
        _reader.ask("", _askTerms());
        vm.expectRevert(expected);
        _reader.recover();
        vm.stopPrank();
    }

    function test_refundsComeBackToTheOwner() public {
        bytes32 id = _ask();
        vm.warp(START + 1 hours + 1);
        market.expire(id, 0);
        vm.prank(OWNER);
        _reader.recover();
        assertEq(token.balanceOf(OWNER), 2 * uint256(PRICE), "everything");
        assertEq(token.allowance(address(_reader), address(market)), 0, "no allowance stays");
    }

    function test_aProvenAnswerMovesTheFactorOneStepWithinItsBounds() public {
        RiskAwareLendingPool pool = _pool();
        uint256 factor = pool.factorBps();
        output = [int16(1), 9, 0];
        _assess(pool);
        assertEq(pool.factorBps(), factor - 500, "high risk lowers it");
        output = [int16(9), 1, 0];
        _assess(pool);
        assertEq(pool.factorBps(), factor, "low risk raises it");
        for (uint256 i; i < 8; ++i) {
            _assess(pool);
        }
        assertEq(pool.factorBps(), pool.MAXIMUM_FACTOR_BPS(), "never above");
        output = [int16(1), 9, 0];
        for (uint256 i; i < 12; ++i) {
            _assess(pool);
        }
        assertEq(pool.factorBps(), pool.MINIMUM_FACTOR_BPS(), "never below");
    }

    function test_borrowersStayCoveredAndLendersGetExactlyTheirsBack() public {
        RiskAwareLendingPool pool = _pool();
        PaymentToken asset = PaymentToken(address(pool.asset()));
        PaymentToken collateral = PaymentToken(address(pool.collateral()));
        asset.approve(address(pool), 1_000);
        pool.deposit(1_000);
        assertTrue(collateral.transfer(RIVAL, 100), "transfer");
        vm.startPrank(RIVAL);
        collateral.approve(address(pool), 100);
        asset.approve(address(pool), 55);
        vm.expectRevert(abi.encodeWithSelector(RiskAwareLendingPool.CollateralTooSmall.selector, 55, 56));
        pool.borrow(100, 56);
        pool.borrow(100, 55);
        vm.expectRevert(abi.encodeWithSelector(RiskAwareLendingPool.CollateralTooSmall.selector, 54, 55));
        pool.repay(0, 1);
        vm.expectRevert(abi.encodeWithSelector(RiskAwareLendingPool.DebtTooSmall.selector, 55, 56));
        pool.repay(56, 0);
        vm.expectRevert(abi.encodeWithSelector(RiskAwareLendingPool.CollateralTooSmall.selector, 100, 101));
        pool.repay(0, 101);
        vm.expectRevert(abi.encodeWithSelector(RiskAwareLendingPool.DepositTooSmall.selector, 0, 1));
        pool.withdraw(1);
        pool.repay(55, 100);
        vm.stopPrank();
        assertEq(collateral.balanceOf(RIVAL), 100, "collateral back");
        uint256 before = asset.balanceOf(address(this));
        pool.withdraw(1_000);
        assertEq(asset.balanceOf(address(this)) - before, 1_000, "deposit back");
    }

    function test_thePoolRefusesTokensWhoseBalancesWouldMix() public {
        address[3] memory assets = [address(token), address(0xD1), address(0xD1)];
        address[3] memory collaterals = [address(0xD2), address(token), address(0xD1)];
        for (uint256 i; i < 3; ++i) {
            try this.deployPool(assets[i], collaterals[i]) {
                assertTrue(false, "deployed");
            } catch (bytes memory) {}
        }
        this.deployPool(address(0xD1), address(0xD2));
    }

    function deployPool(address asset, address collateral) external {
        newLendingPool(market, modelKey, EZKL, asset, collateral, OWNER);
    }

    function _pool() private returns (RiskAwareLendingPool pool) {
        pool = newLendingPool(
            market,
            modelKey,
            EZKL,
            address(newToken(address(this), 1e18)),
            address(newToken(address(this), 1e18)),
            OWNER
        );
        assertTrue(token.transfer(address(pool), 100 * uint256(PRICE)), "transfer");
    }

    function _assess(RiskAwareLendingPool pool) private {
        bytes memory features = EzklFixture.inputBytes(input);
        AskTerms memory asked = _askTerms();
        vm.prank(OWNER);
        bytes32 id = pool.assess(features, asked);
        lock(id);
        deliver(id, 0);
        settle(id, 0);
        assertTrue(!pool.isAwaited(id), "answered");
    }

    function _ask() private returns (bytes32 id) {
        bytes memory image = EzklFixture.inputBytes(input);
        AskTerms memory asked = _askTerms();
        vm.prank(OWNER);
        id = _reader.ask(image, asked);
    }

    function _askTerms() private pure returns (AskTerms memory) {
        return AskTerms({
            price: PRICE, bond: BOND, lockSeconds: 1 hours, deliverySeconds: 1 days, callbackGas: 200_000
        });
    }
}
