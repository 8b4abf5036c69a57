// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {IModelRegistry, ModelRegistration, SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {IProofRouter} from "../../src/interfaces/IProofRouter.sol";
import {Leg, LegState, OrderRequest} from "../../src/types/Order.sol";
import {Statement} from "../../src/types/Statement.sol";
import {ElementType, TensorSchema} from "../../src/types/Tensor.sol";
import {BatchWorld, Packed} from "../base/BatchWorld.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {MockBatchProof} from "../mocks/MockBatchAdapter.sol";

/// @notice A leg that any of several systems may prove: who names them, who chooses, and what cannot be undone.
contract AlternativesTest is BatchWorld {
    bytes4 private constant ABSENT = bytes4(keccak256("absent/v1"));

    function setUp() public {
        setUpBatches();
    }

    function test_aLegKeepsWhatItNames() public {
        Leg memory leg = market.legOf(open(eitherTerms()), 0);
        assertEq(bytes32(leg.selector), bytes32(EZKL), "first");
        assertEq(bytes32(leg.others), bytes32(BATCH), "the other");
        assertEq(leg.deadline, START + 1 days, "deadline");
    }

    function test_anyOfTheNamedSystemsPays() public {
        bytes4[2] memory named = [EZKL, BATCH];
        for (uint256 i; i < 2; ++i) {
            bytes32 id = open(eitherTerms());
            lock(id);
            deliver(id, 0, named[i]);
            Leg memory leg = market.legOf(id, 0);
            assertEq(bytes32(leg.selector), bytes32(named[i]), "chosen");
            assertEq(bytes32(leg.others), 0, "no other");
            uint256 before = market.creditOf(PROVIDER);
            bytes memory seal = named[i] == EZKL ? sealFor(id, 0) : _batchSeal(id, 0);
            _settle(id, 0, seal);
            assertState(id, 0, LegState.Settled);
            assertTrue(market.creditOf(PROVIDER) > before + BOND, "price and bond");
        }
    }

    function test_aDeliveryNamesItsSystemInTheEvent() public {
        bytes32 id = open(eitherTerms());
        lock(id);
        vm.expectEmit(true, true, true, true);
        emit IAvowMarket.LegDelivered(
            id,
            PROVIDER,
            VALIDATOR,
            0,
            BATCH,
            outputCommitment(),
            keccak256("bundle"),
            "https://example.org/bundle"
        );
        deliver(id, 0, BATCH);
    }

    function test_aSystemThatIsNotNamedCannotBeChosen() public {
        bytes32 id = open(eitherTerms());
        bytes32 alone = open();
        lock(id);
        lock(alone);
        bytes4[3] memory foreign = [OTHER, ABSENT, bytes4(0)];
        for (uint256 i; i < 3; ++i) {
            _refusesChoice(id, foreign[i]);
            _refusesChoice(alone, foreign[i]);
        }
        _refusesChoice(alone, BATCH);
        assertState(id, 0, LegState.Locked);
    }

    function test_aChoiceIsForGood() public {
        bytes32 id = open(eitherTerms());
        lock(id);
        deliver(id, 0, EZKL);
        vm.expectRevert(
            abi.encodeWithSelector(IAvowMarket.WrongLegState.selector, id, uint8(0), LegState.Delivered)
        );
        deliver(id, 0, BATCH);
    }

    function test_theProofOfAnotherAlternativeSettlesNothing() public {
        bytes32 id = open(eitherTerms());
        lock(id);
        deliver(id, 0, EZKL);
        bytes memory seal = _batchSeal(id, 0);
        bytes memory answer = outputBytes();
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.SelectorMismatch.selector, BATCH, EZKL));
        vm.prank(VALIDATOR);
        market.settle(id, 0, answer, singlePath(), seal);

        bytes32[] memory ids = new bytes32[](1);
        ids[0] = id;
        Packed memory packed = pack(ids);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAvowMarket.NothingToSettle.selector,
                abi.encodeWithSelector(IAvowMarket.NotOfThisBatch.selector, id, uint8(0))
            )
        );
        settleBatch(packed);
        settle(id, 0);
    }

    function test_theProofOfTheChosenSystemMadeForAnotherStatementSettlesNothing() public {
        bytes32 id = open(eitherTerms());
        lock(id);
        // The statement of the first that is named, before a choice.
        bytes32 root = rootOf(id, 0);
        deliver(id, 0, BATCH);
        (Statement memory chosen,) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        assertEq(bytes(chosen.system), "batch/v1", "the statement follows the choice");
        assertTrue(rootOf(id, 0) != root, "another statement");
        bytes memory seal = bytes.concat(BATCH, MockBatchProof.part(chosen, 0, root));
        bytes memory answer = outputBytes();
        vm.expectPartialRevert(IAvowMarket.ProofRefused.selector);
        vm.prank(VALIDATOR);
        market.settle(id, 0, answer, singlePath(), seal);
    }

    function test_chosenLegsSettleInTheBatchOfTheirSystemBesideOthers() public {
        bytes32[] memory ids = new bytes32[](3);
        ids[0] = openAndDeliver(batchTerms());
        ids[1] = open(eitherTerms());
        ids[2] = open(eitherTerms());
        lock(ids[1]);
        lock(ids[2]);
        deliver(ids[1], 0, BATCH);
        deliver(ids[2], 0, EZKL);
        assertEq(settleBatch(pack(ids)), 2, "two of three");
        assertState(ids[1], 0, LegState.Settled);
        assertState(ids[2], 0, LegState.Delivered);
    }

    function test_noSystemIsNamedTwiceInAnOrder() public {
        OrderRequest memory order = eitherTerms();
        order.legs[0].selectors = either(EZKL, EZKL);
        _refused(order, abi.encodeWithSelector(IAvowMarket.SelectorTwice.selector, EZKL));

        order = twoLegTerms();
        order.legs[0].selectors = either(EZKL, BATCH);
        order.legs[1].selectors = BATCH;
        _refused(order, abi.encodeWithSelector(IAvowMarket.SelectorTwice.selector, BATCH));
        order.legs[1].selectors = either(OTHER, BATCH);
        _refused(order, abi.encodeWithSelector(IAvowMarket.SelectorTwice.selector, BATCH));
        order.legs[1].selectors = OTHER;
        open(order);
    }

    function test_aGapAmongTheSystemsIsRefused() public {
        OrderRequest memory order = eitherTerms();
        order.legs[0].selectors = EZKL | (bytes16(BATCH) >> 64);
        _refused(order, abi.encodeWithSelector(IAvowMarket.SelectorNotActive.selector, bytes4(0)));
        order.legs[0].selectors = bytes16(BATCH) >> 32;
        _refused(order, abi.encodeWithSelector(IAvowMarket.SelectorNotActive.selector, bytes4(0)));
        order.legs[0].selectors = 0;
        _refused(order, abi.encodeWithSelector(IAvowMarket.SelectorNotActive.selector, bytes4(0)));
    }

    function test_eachSystemMustBeVerifiableRegisteredAndNotDeprecated() public {
        OrderRequest memory order = eitherTerms();
        order.legs[0].selectors = either(EZKL, ABSENT);
        _refused(order, abi.encodeWithSelector(IAvowMarket.SelectorNotActive.selector, ABSENT));

        order = eitherTerms();
        order.modelKey = _modelWithout(BATCH);
        _refused(order, abi.encodeWithSelector(IModelRegistry.SystemUnknown.selector, order.modelKey, BATCH));
        vm.prank(OWNER);
        registry.deprecateSystem(modelKey, BATCH);
        _refused(
            eitherTerms(), abi.encodeWithSelector(IAvowMarket.SystemIsDeprecated.selector, modelKey, BATCH)
        );
        open();
    }

    function test_alternativesProveOneProgramWithOutputsOfOneSchema() public {
        OrderRequest memory order = eitherTerms();
        order.legs[0].selectors = either(EZKL, OTHER);
        _refused(order, abi.encodeWithSelector(IAvowMarket.AnswersDiffer.selector, EZKL, OTHER));

        SystemRegistration memory registration = systemRegistration("ezkl/test-twin");
        registration.program = systemRegistration("ezkl/v1").program;
        registration.outputs = new TensorSchema[](1);
        registration.outputs[0] = TensorSchema(ElementType.Int32, new uint32[](1));
        registration.outputs[0].shape[0] = 3;
        order = eitherTerms();
        order.modelKey = _modelWithout(OTHER);
        order.legs[0].selectors = either(EZKL, OTHER);
        vm.prank(OWNER);
        registry.addSystem(order.modelKey, registration);
        _refused(order, abi.encodeWithSelector(IAvowMarket.AnswersDiffer.selector, EZKL, OTHER));
    }

    function test_anAlternativeOfAnotherInputSchemeIsRefused() public {
        SystemRegistration memory registration = systemRegistration("ezkl/test-twin");
        registration.program = systemRegistration("ezkl/v1").program;
        registration.inputScheme = 2;
        OrderRequest memory order = eitherTerms();
        order.modelKey = _modelWithout(OTHER);
        order.legs[0].selectors = either(EZKL, OTHER);
        vm.prank(OWNER);
        registry.addSystem(order.modelKey, registration);
        _refused(order, abi.encodeWithSelector(IAvowMarket.InputSchemeDiffers.selector, 2, 1));
    }

    function test_anOrderIsLockedWhileOneOfItsSystemsIsVerified() public {
        bytes32 id = open(eitherTerms());
        bytes32 none = open(eitherTerms());
        _withdraw(EZKL);
        lock(id);
        _withdraw(BATCH);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.SelectorNotActive.selector, EZKL));
        lock(none);
    }

    function test_whoHasNoAnswerIsNotExcusedByAWithdrawnSystem() public {
        bytes32 id = open(eitherTerms());
        lock(id);
        _withdraw(BATCH);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.SelectorNotActive.selector, BATCH));
        deliver(id, 0, BATCH);
        vm.warp(START + 1 days + 1);
        market.expire(id, 0);
        assertState(id, 0, LegState.Slashed);
    }

    function test_whereNoSystemIsVerifiedAnyCanBeChosenAndNobodyIsSlashed() public {
        bytes32 id = open(eitherTerms());
        lock(id);
        vm.prank(GUARDIAN);
        router.pause();
        deliver(id, 0, BATCH);
        vm.warp(START + 1 hours + 1);
        market.expire(id, 0);
        assertState(id, 0, LegState.Refunded);
        assertEq(market.creditOf(PROVIDER), BOND, "bond back");
    }

    function test_onlyTheChosenSystemsWithdrawalExcuses() public {
        bytes32 id = open(eitherTerms());
        lock(id);
        deliver(id, 0, EZKL);
        _withdraw(BATCH);
        vm.warp(START + 1 hours + 1);
        market.expire(id, 0);
        assertState(id, 0, LegState.Slashed);
    }

    function test_aReleasedOrderStillNamesAll() public {
        OrderRequest memory order = eitherTerms();
        order.inputData = "";
        order.inputUri = "https://example.org/input";
        bytes32 id = open(order);
        lock(id);
        vm.prank(PROVIDER);
        market.release(id);
        assertEq(bytes32(market.legOf(id, 0).others), bytes32(BATCH), "the other");
        vm.startPrank(RIVAL);
        market.lock(id);
        market.deliver(id, 0, BATCH, outputCommitment(), 0, "");
        vm.stopPrank();
        assertState(id, 0, LegState.Delivered);
    }

    function testFuzz_onlyNamedSystemsAreEverChosen(bytes4 selector, bool second) public {
        bytes32 id = open(eitherTerms());
        lock(id);
        if (selector != EZKL && selector != BATCH) _refusesChoice(id, selector);
        bytes4 chosen = second ? BATCH : EZKL;
        deliver(id, 0, chosen);
        assertEq(bytes32(market.legOf(id, 0).selector), bytes32(chosen), "chosen");
    }

    function _refusesChoice(bytes32 id, bytes4 selector) private {
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.SelectorNotNamed.selector, id, uint8(0), selector));
        deliver(id, 0, selector);
    }

    function _refused(OrderRequest memory order, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(REQUESTER);
        market.request(order);
    }

    function _settle(bytes32 id, uint8 leg, bytes memory seal) private {
        bytes memory answer = outputBytes();
        vm.prank(VALIDATOR);
        market.settle(id, leg, answer, singlePath(), seal);
    }

    function _batchSeal(bytes32 id, uint8 leg) private view returns (bytes memory) {
        (Statement memory statement,) = market.statementFor(id, leg, PROVIDER, outputCommitment());
        return bytes.concat(BATCH, MockBatchProof.part(statement, 0, rootOf(id, leg)));
    }

    function _withdraw(bytes4 selector) private {
        vm.prank(GOVERNOR);
        router.tombstoneEntry(selector);
    }

    /// @dev A further model with "ezkl/v1" and without that system.
    function _modelWithout(bytes4 missing) private returns (bytes32 key) {
        vm.startPrank(OWNER);
        key = registry.registerModel(
            ModelRegistration(keccak256(bytes.concat(missing)), ROYALTY, 500, EzklFixture.inputs(), "")
        );
        registry.addSystem(key, systemRegistration("ezkl/v1"));
        vm.stopPrank();
    }
}
