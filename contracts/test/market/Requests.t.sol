// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry, ModelRegistration, SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {MarketGovernance} from "../../src/market/MarketGovernance.sol";
import {MarketParameters} from "../../src/market/MarketParameters.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {Callback, LegRequest, LegState, Order, OrderRequest} from "../../src/types/Order.sol";
import {ElementType, TensorLib} from "../../src/types/Tensor.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {MarketWorld} from "../base/MarketWorld.sol";

/// @notice What an order must say, and what happens to it before a provider has it.
contract RequestsTest is MarketWorld {
    function setUp() public {
        setUpWorld();
    }

    function test_aRequestEscrowsThePriceAndStoresTheTerms() public {
        uint256 before = token.balanceOf(REQUESTER);
        OrderRequest memory wanted = callbackTerms(address(this), 100_000);
        bytes32 expected = market.orderIdOf(REQUESTER, 0);
        vm.expectEmit(true, true, true, true);
        emit IAvowMarket.OrderRequested(expected, REQUESTER, modelKey, 1, wanted);
        bytes32 id = open(wanted);
        assertEq(id, expected, "id");
        assertEq(before - token.balanceOf(REQUESTER), PRICE, "paid");
        assertEq(token.balanceOf(address(market)), PRICE, "escrow");
        assertEq(market.counterOf(REQUESTER), 1, "counter");
        Order memory order = market.orderOf(id);
        assertEq(order.requester, REQUESTER, "requester");
        assertEq(order.nonce, 1, "nonce");
        assertEq(order.modelKey, modelKey, "model");
        assertEq(order.price, PRICE, "price");
        assertEq(order.bond, BOND, "bond");
        assertEq(order.callbackTarget, address(this), "target");
        assertEq(order.callbackGas, 100_000, "callback gas");
        assertEq(order.inputValue, wanted.input.value, "input");
        assertTrue(!order.inputByUri, "inline");
        assertState(id, 0, LegState.Open);
    }

    function test_creditPaysBeforeTokensDo() public {
        bytes32 id = open();
        vm.prank(REQUESTER);
        market.cancel(id);
        uint256 before = token.balanceOf(REQUESTER);
        OrderRequest memory dearer = terms();
        dearer.price = PRICE + 5;
        open(dearer);
        assertEq(before - token.balanceOf(REQUESTER), 5, "only the rest is taken");
        assertEq(market.creditOf(REQUESTER), 0, "credit is used");
    }

    function test_aPriceOfZeroIsRefused() public {
        OrderRequest memory order = terms();
        order.price = 0;
        _refused(order, abi.encodeWithSelector(IAvowMarket.ZeroPrice.selector));
    }

    function test_aBondBelowTheMinimumIsRefused() public {
        OrderRequest memory order = terms();
        order.bond = PRICE / 5 - 1;
        _refused(order, abi.encodeWithSelector(IAvowMarket.BondTooLow.selector, order.bond, PRICE / 5));
        order.bond = PRICE / 5;
        open(order);
    }

    function test_oneToFourLegsNotNoneNotFive() public {
        OrderRequest memory order = terms();
        order.legs = new LegRequest[](0);
        _refused(order, abi.encodeWithSelector(IAvowMarket.LegCountOutOfBounds.selector, 0, 4));
        order.legs = new LegRequest[](5);
        _refused(order, abi.encodeWithSelector(IAvowMarket.LegCountOutOfBounds.selector, 5, 4));
    }

    function test_theSharesOfTheLegsSumToTheWhole() public {
        OrderRequest memory order = twoLegTerms();
        order.legs[1].shareBps = 6_666;
        _refused(order, abi.encodeWithSelector(IAvowMarket.SharesDoNotSum.selector, 9_999));
        order.legs[0].shareBps = 0;
        _refused(order, abi.encodeWithSelector(IAvowMarket.LegShareZero.selector, 0));
    }

    function test_twoLegsOfOneSystemWouldBePaidByOneProof() public {
        OrderRequest memory order = twoLegTerms();
        order.legs[1].selectors = EZKL;
        _refused(order, abi.encodeWithSelector(IAvowMarket.SelectorTwice.selector, EZKL));
    }

    function test_deadlinesLieAheadAndDeliveryAfterLock() public {
        uint256 latest = START + 30 days;
        OrderRequest memory order = terms();
        order.lockDeadline = uint64(START - 1);
        _refused(order, _deadline(START - 1, START, latest));
        order.lockDeadline = uint64(latest + 1);
        _refused(order, _deadline(latest + 1, START, latest));
        order = terms();
        order.legs[0].deadline = order.lockDeadline;
        _refused(order, _deadline(order.lockDeadline, uint256(order.lockDeadline) + 1, latest));
        order.legs[0].deadline = uint64(latest + 1);
        _refused(order, _deadline(latest + 1, uint256(order.lockDeadline) + 1, latest));
        order.legs[0].deadline = uint64(latest);
        open(order);
    }

    function test_anUnknownModelOrSystemIsRefused() public {
        OrderRequest memory order = terms();
        order.modelKey = keccak256("nothing");
        _refused(order, abi.encodeWithSelector(IModelRegistry.ModelUnknown.selector, order.modelKey));
        vm.prank(RIVAL);
        bytes32 bare =
            registry.registerModel(ModelRegistration(keccak256("m"), ROYALTY, 0, EzklFixture.inputs(), ""));
        order.modelKey = bare;
        _refused(order, abi.encodeWithSelector(IModelRegistry.SystemUnknown.selector, bare, EZKL));
    }

    function test_deprecatedModelsAndSystemsTakeNoNewOrders() public {
        bytes32 kept = openAndDeliver(terms());
        vm.prank(OWNER);
        registry.deprecateSystem(modelKey, EZKL);
        _refused(terms(), abi.encodeWithSelector(IAvowMarket.SystemIsDeprecated.selector, modelKey, EZKL));
        vm.prank(OWNER);
        registry.deprecateModel(modelKey);
        _refused(terms(), abi.encodeWithSelector(IAvowMarket.ModelIsDeprecated.selector, modelKey));
        settle(kept, 0);
        assertState(kept, 0, LegState.Settled);
    }

    function test_aSelectorThatTheRouterDoesNotVerifyIsRefused() public {
        vm.prank(GOVERNOR);
        router.tombstoneEntry(EZKL);
        _refused(terms(), abi.encodeWithSelector(IAvowMarket.SelectorNotActive.selector, EZKL));
    }

    function test_aRoyaltyAboveTheMarketsMaximumIsRefused() public {
        MarketParameters memory strict = defaultParameters();
        strict.maximumRoyaltyBps = 499;
        vm.prank(GOVERNOR);
        market.setParameters(strict);
        _refused(terms(), abi.encodeWithSelector(IAvowMarket.RoyaltyAboveMaximum.selector, 500, 499));
    }

    function test_theInputMustUseTheSystemsScheme() public {
        OrderRequest memory order = uriTerms();
        order.input.scheme = CommitmentScheme.SALTED;
        _refused(order, abi.encodeWithSelector(IAvowMarket.InputSchemeDiffers.selector, uint16(1), uint16(2)));
    }

    function test_theInputComesFromExactlyOneSource() public {
        bytes memory expected = abi.encodeWithSelector(IAvowMarket.InputNeedsOneSource.selector);
        OrderRequest memory order = terms();
        order.inputUri = "ipfs://too";
        _refused(order, expected);
        order.inputUri = "";
        order.inputData = "";
        _refused(order, expected);
    }

    function test_anInlineInputMustMatchItsCommitmentAndTheModelsShape() public {
        OrderRequest memory order = terms();
        order.inputData[0] = 0x55;
        vm.expectPartialRevert(IAvowMarket.InputDiffers.selector);
        open(order);
        order.inputData = hex"0102030405";
        _refused(order, abi.encodeWithSelector(TensorLib.DataLengthDiffers.selector, 4, 5));
        order.inputData = new bytes(24_577);
        _refused(order, abi.encodeWithSelector(IAvowMarket.InputTooLong.selector, 24_577, 24_576));
    }

    function test_aHiddenInputIsNeverInline() public {
        bytes32 hidden = _hiddenModel();
        OrderRequest memory order = terms();
        order.modelKey = hidden;
        order.input.scheme = CommitmentScheme.EZKL_POSEIDON;
        _refused(order, abi.encodeWithSelector(IAvowMarket.InputMustBeByUri.selector, uint16(3)));
        order.inputData = "";
        order.inputUri = "https://example.org/sealed";
        open(order);
    }

    function test_aUriIsBounded() public {
        OrderRequest memory order = uriTerms();
        order.inputUri = string(new bytes(1025));
        _refused(order, abi.encodeWithSelector(IAvowMarket.UriTooLong.selector, 1025, 1024));
        order.inputUri = string(new bytes(1024));
        open(order);
    }

    function test_anInputThatIsCommittedToByItsRootComesByUri() public {
        SystemRegistration memory system = systemRegistration("ezkl/v1");
        system.inputScheme = CommitmentScheme.PUBLIC_TREE;
        OrderRequest memory order = terms();
        vm.prank(RIVAL);
        order.modelKey = registry.registerModel(
            ModelRegistration(keccak256("t"), ROYALTY, 0, EzklFixture.largeInputs(), "")
        );
        vm.prank(RIVAL);
        registry.addSystem(order.modelKey, system);
        // The digest of the same data is another commitment.
        _refused(order, abi.encodeWithSelector(IAvowMarket.InputSchemeDiffers.selector, 4, 1));
        order.input.scheme = CommitmentScheme.PUBLIC_TREE;
        _refused(order, abi.encodeWithSelector(IAvowMarket.InputMustBeByUri.selector, 4));
        order.inputData = "";
        order.inputUri = "https://example.org/input";
        bytes32 id = open(order);
        assertEq(market.orderOf(id).inputScheme, 4, "scheme");
        order.modelKey = modelKey;
        _refused(order, abi.encodeWithSelector(IAvowMarket.InputSchemeDiffers.selector, 1, 4));
    }

    function test_anOutputTooLargeForACallbackIsRefused() public {
        SystemRegistration memory system = systemRegistration("ezkl/v1");
        system.outputs[0].elementType = ElementType.Int8;
        system.outputs[0].shape[1] = 4_097;
        vm.prank(RIVAL);
        bytes32 wide =
            registry.registerModel(ModelRegistration(keccak256("m"), ROYALTY, 0, EzklFixture.inputs(), ""));
        vm.prank(RIVAL);
        registry.addSystem(wide, system);
        OrderRequest memory order = terms();
        order.modelKey = wide;
        _refused(order, abi.encodeWithSelector(IAvowMarket.OutputTooLong.selector, 4_097, 4_096));
    }

    function test_theCallbacksGasIsBounded() public {
        _refused(callbackTerms(address(this), 9_999), _callbackGas(9_999, 10_000, 500_000));
        _refused(callbackTerms(address(this), 500_001), _callbackGas(500_001, 10_000, 500_000));
        _refused(callbackTerms(address(0), 1), _callbackGas(1, 0, 0));
    }

    function test_onlyTheRequesterCancelsAndOnlyAnOpenOrder() public {
        bytes32 id = open(twoLegTerms());
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.NotRequester.selector, id, STRANGER));
        vm.prank(STRANGER);
        market.cancel(id);
        vm.prank(REQUESTER);
        market.cancel(id);
        assertEq(market.creditOf(REQUESTER), PRICE, "whole price back");
        assertState(id, 0, LegState.Cancelled);
        assertState(id, 1, LegState.Cancelled);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.OrderNotOpen.selector, id));
        vm.prank(REQUESTER);
        market.cancel(id);
        bytes32 locked = open();
        lock(locked);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.OrderNotOpen.selector, locked));
        vm.prank(REQUESTER);
        market.cancel(locked);
    }

    function test_cancellingAfterOneLegExpiredReturnsOnlyTheOther() public {
        bytes32 id = open(twoLegTerms());
        vm.warp(START + 1 hours + 1);
        market.expire(id, 0);
        vm.prank(REQUESTER);
        market.cancel(id);
        assertEq(market.creditOf(REQUESTER), PRICE, "never more than the price");
        assertState(id, 0, LegState.Refunded);
        assertState(id, 1, LegState.Cancelled);
    }

    function test_whilePausedThereAreNoNewOrders() public {
        vm.prank(GUARDIAN);
        market.pause();
        _refused(terms(), abi.encodeWithSelector(MarketGovernance.NewOrdersArePaused.selector));
        vm.prank(GUARDIAN);
        market.resume();
        open();
    }

    function _hiddenModel() private returns (bytes32 key) {
        SystemRegistration memory system = systemRegistration("ezkl/v1");
        system.inputScheme = CommitmentScheme.EZKL_POSEIDON;
        vm.prank(RIVAL);
        key = registry.registerModel(ModelRegistration(keccak256("h"), ROYALTY, 0, EzklFixture.inputs(), ""));
        vm.prank(RIVAL);
        registry.addSystem(key, system);
    }

    function _refused(OrderRequest memory order, bytes memory expected) private {
        vm.expectRevert(expected);
        open(order);
    }

    function _deadline(uint256 found, uint256 earliest, uint256 latest) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IAvowMarket.DeadlineOutOfBounds.selector, found, earliest, latest);
    }

    function _callbackGas(uint256 found, uint256 minimum, uint256 maximum)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IAvowMarket.CallbackGasOutOfBounds.selector, found, minimum, maximum);
    }
}
