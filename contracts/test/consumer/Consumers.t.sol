// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {AskTerms, AvowConsumer} from "../../src/consumer/AvowConsumer.sol";
import {DigitReader} from "../../src/examples/DigitReader.sol";
import {RiskAwareLendingPool} from "../../src/examples/RiskAwareLendingPool.sol";
import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {ModelRegistration, SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {PaymentToken} from "../../src/PaymentToken.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {LegRequest, LegState, Order} from "../../src/types/Order.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {MarketWorld} from "../base/MarketWorld.sol";

/// @notice Asks about inputs that lie at an address.
contract UriAsker is AvowConsumer {
    bytes public answer;

    constructor(IAvowMarket market_) AvowConsumer(market_) {}

    function ask(
        bytes32 modelKey,
        bytes4 selector,
        Commitment calldata input,
        string calldata uri,
        AskTerms calldata terms
    ) external returns (bytes32) {
        return _askByUri(modelKey, selector, input, uri, terms);
    }

    function askLegs(
        bytes32 modelKey,
        LegRequest[] calldata legs,
        Commitment calldata input,
        string calldata uri,
        AskTerms calldata terms
    ) external returns (bytes32) {
        return _askLegsByUri(modelKey, legs, input, uri, terms);
    }

    function _onResult(bytes32, bytes calldata output) internal override {
        answer = output;
    }
}

/// @notice The examples, from the question to the answer.
contract ConsumersTest is MarketWorld {
    string private constant URI = "https://example.org/input";

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

    function test_anInputAtAnAddressIsAskedAboutAndAnswered() public {
        UriAsker asker = _asker();
        Commitment memory given = Commitment(CommitmentScheme.PUBLIC, EzklFixture.inputDigest(input));
        bytes32 id = asker.ask(modelKey, EZKL, given, URI, _askTerms());
        Order memory order = market.orderOf(id);
        assertTrue(order.inputByUri, "by uri");
        assertEq(order.inputScheme, given.scheme, "scheme");
        assertEq(order.inputValue, given.value, "value");
        assertEq(order.requester, address(asker), "requester");
        assertEq(token.allowance(address(asker), address(market)), 0, "no allowance stays");
        lock(id);
        deliver(id, 0);
        settle(id, 0);
        assertEq(keccak256(asker.answer()), keccak256(outputBytes()), "answer");
        assertTrue(!asker.isAwaited(id), "answered");
    }

    function test_legsAreAskedForAboutAnInputAtAnAddress() public {
        UriAsker asker = _asker();
        LegRequest[] memory legs = new LegRequest[](2);
        legs[0] = LegRequest(EZKL, uint64(START + 1 days), 4_000);
        legs[1] = LegRequest(bytes4(keccak256("ezkl/test-twin")), uint64(START + 2 days), 6_000);
        Commitment memory given = Commitment(CommitmentScheme.PUBLIC, EzklFixture.inputDigest(input));
        bytes32 id = asker.askLegs(modelKey, legs, given, URI, _askTerms());
        assertEq(market.orderOf(id).legCount, 2, "legs");
        vm.expectRevert(abi.encodeWithSelector(AvowConsumer.OrderNotAwaited.selector, id));
        vm.prank(address(market));
        asker.onAvowResult(id, 2, outputBytes());
        vm.startPrank(address(market));
        asker.onAvowResult(id, 1, outputBytes());
        assertTrue(asker.isAwaited(id), "one is to come");
        asker.onAvowResult(id, 0, outputBytes());
        assertTrue(!asker.isAwaited(id), "both came");
        vm.stopPrank();
    }

    /// @dev The market takes a commitment of the scheme that the model is registered with, and no other.
    function test_anInputTooLargeToBeShownIsAskedAboutByItsRoot() public {
        UriAsker asker = _asker();
        SystemRegistration memory system = systemRegistration("ezkl/v1");
        system.inputScheme = CommitmentScheme.PUBLIC_TREE;
        vm.startPrank(OWNER);
        bytes32 large = registry.registerModel(
            ModelRegistration(keccak256("large"), ROYALTY, 0, EzklFixture.largeInputs(), "")
        );
        registry.addSystem(large, system);
        vm.stopPrank();
        Commitment memory given = Commitment(CommitmentScheme.PUBLIC, keccak256("root"));
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.InputSchemeDiffers.selector, 4, 1));
        asker.ask(large, EZKL, given, URI, _askTerms());
        given.scheme = CommitmentScheme.PUBLIC_TREE;
        vm.expectRevert(IAvowMarket.InputNeedsOneSource.selector);
        asker.ask(large, EZKL, given, "", _askTerms());
        bytes32 id = asker.ask(large, EZKL, given, URI, _askTerms());
        assertEq(market.orderOf(id).inputScheme, 4, "scheme");
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.InputSchemeDiffers.selector, 1, 4));
        asker.ask(modelKey, EZKL, given, URI, _askTerms());
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

    function _asker() private returns (UriAsker asker) {
        asker = new UriAsker(market);
        assertTrue(token.transfer(address(asker), 2 * uint256(PRICE)), "transfer");
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
