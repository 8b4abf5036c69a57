// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EzklAdapter} from "../../src/adapters/EzklAdapter.sol";
import {ModelRegistration, SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {Commitment} from "../../src/types/Commitment.sol";
import {LegState, OrderRequest} from "../../src/types/Order.sol";
import {Statement, StatementLib} from "../../src/types/Statement.sol";
import {StatementTree} from "../../src/types/StatementTree.sol";
import {Market, MarketConfig} from "../../src/Market.sol";
import {EzklFixture} from "../base/EzklFixture.sol";
import {MarketWorld} from "../base/MarketWorld.sol";
import {MockReceiver, Reenterer} from "../mocks/CallbackAttackers.sol";

/// @notice One test for each defect seen in the field that these contracts can have. The numbers are those
/// of the list in docs/reference/contracts.md; callbacks (6) have a file of their own.
contract DefectsTest is MarketWorld {
    function setUp() public {
        setUpWorld();
    }

    function test_defect1_twoOpenOrdersOfOneAccountCannotSpendTheSameEscrow() public {
        address poor = address(0xC001);
        assertTrue(token.transfer(poor, PRICE), "transfer");
        vm.prank(poor);
        token.approve(address(market), type(uint256).max);
        OrderRequest memory order = terms();
        vm.prank(poor);
        bytes32 first = market.request(order);
        vm.expectRevert();
        vm.prank(poor);
        market.request(order);
        vm.prank(poor);
        market.cancel(first);
        // The credit of the first order pays one order again, not two.
        vm.prank(poor);
        market.request(order);
        vm.expectRevert();
        vm.prank(poor);
        market.request(order);
        assertEq(token.balanceOf(address(market)), PRICE, "one escrow");
    }

    function test_defect2_aSilentProviderIsSlashedAndTheRequesterDoesNotWait() public {
        bytes32 id = open();
        lock(id);
        vm.warp(START + 1 days + 1);
        vm.prank(STRANGER);
        market.expire(id, 0);
        uint256 before = token.balanceOf(REQUESTER);
        vm.prank(REQUESTER);
        market.withdraw();
        assertEq(
            token.balanceOf(REQUESTER) - before,
            PRICE + uint256(BOND) * 6_000 / 10_000,
            "refund and compensation in the same transaction"
        );
        assertState(id, 0, LegState.Slashed);
    }

    function test_defect3_aProofOfOneOrderDoesNotSettleAnother() public {
        bytes32 first = openAndDeliver(terms());
        bytes32 second = openAndDeliver(terms());
        bytes memory seal = sealFor(first, 0);
        _refusedByBinding(second, seal);
        settle(first, 0);
        _refusedByBinding(second, seal);
    }

    function test_defect3_aProofMadeForOneProviderDoesNotPayAnother() public {
        bytes32 id = open();
        (, bytes32 honest) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        bytes memory copied = sealOver(EZKL, StatementTree.root(honest, singlePath()));
        vm.prank(RIVAL);
        market.lock(id);
        Commitment memory answer = outputCommitment();
        vm.prank(RIVAL);
        market.deliver(id, 0, EZKL, answer, 0, "");
        _refusedByBinding(id, copied);
    }

    function test_defect3_aProofOfOneLegDoesNotSettleAnother() public {
        bytes32 id = openAndDeliver(twoLegTerms());
        deliver(id, 1);
        bytes memory seal = sealOver(OTHER, rootOf(id, 0));
        bytes memory answer = outputBytes();
        vm.expectPartialRevert(IAvowMarket.ProofRefused.selector);
        vm.prank(VALIDATOR);
        market.settle(id, 1, answer, singlePath(), seal);
    }

    function test_defect4_nobodyTakesAnothersOrderIdInAdvance() public {
        bytes32 expected = market.orderIdOf(REQUESTER, 0);
        OrderRequest memory order = terms();
        for (uint256 i; i < 3; ++i) {
            vm.prank(STRANGER);
            bytes32 id = market.request(order);
            assertTrue(id != expected, "another's id");
        }
        assertEq(open(), expected, "the requester's id is still free");
    }

    function test_defect5_changingModelInputOrOutputMakesVerificationFail() public {
        bytes32 id = openAndDeliver(terms());
        (Statement memory statement,) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        statement.model = keccak256("other");
        _refusedByBinding(id, _sealOf(statement));
        (statement,) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        statement.program = keccak256("other");
        _refusedByBinding(id, _sealOf(statement));
        (statement,) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        statement.key = keccak256("other");
        _refusedByBinding(id, _sealOf(statement));
        (statement,) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        statement.input.value = keccak256("other");
        _refusedByBinding(id, _sealOf(statement));
        (statement,) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        statement.output.value = keccak256("other");
        _refusedByBinding(id, _sealOf(statement));
        (statement,) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        statement.nonce += 1;
        _refusedByBinding(id, _sealOf(statement));
        (statement,) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        settle(id, 0);
        assertState(id, 0, LegState.Settled);
    }

    function test_defect5_instancesThatDifferFromTheStatementMakeVerificationFail() public {
        bytes32 id = openAndDeliver(terms());
        bytes32 root = rootOf(id, 0);
        int8[4] memory otherInput = input;
        otherInput[2] = 0;
        bytes memory seal =
            bytes.concat(EZKL, EzklFixture.body(EzklFixture.instances(root, otherInput, output)));
        _refusedBy(id, seal, EzklAdapter.InputDiffers.selector);
        int16[3] memory otherOutput = output;
        otherOutput[0] = 32767;
        seal = bytes.concat(EZKL, EzklFixture.body(EzklFixture.instances(root, input, otherOutput)));
        _refusedBy(id, seal, EzklAdapter.OutputDiffers.selector);
    }

    function test_defect5_anotherModelsRegistrationDoesNotHelp() public {
        bytes32 id = openAndDeliver(terms());
        registerModel(RIVAL, "model");
        vm.prank(RIVAL);
        bytes32 other = registry.registerModel(
            ModelRegistration(keccak256("easier"), RIVAL, 0, EzklFixture.inputs(), "")
        );
        SystemRegistration memory system = systemRegistration("ezkl/v1");
        vm.prank(RIVAL);
        registry.addSystem(other, system);
        assertEq(market.orderOf(id).modelKey, modelKey, "the order names the owner's version");
        settle(id, 0);
        assertEq(market.creditOf(RIVAL), 0, "the copy earns nothing");
    }

    function test_defect6_aCallbackNeverReplaysAndNeverChangesItsOrder() public {
        Reenterer receiver = new Reenterer(market);
        bytes32 id = openAndDeliver(callbackTerms(address(receiver), 500_000));
        settle(id, 0);
        assertEq(receiver.opened(), 0, "doors opened");
        assertState(id, 0, LegState.Settled);
        MockReceiver once = new MockReceiver();
        id = openAndDeliver(callbackTerms(address(once), 200_000));
        settle(id, 0);
        bytes memory answer = outputBytes();
        vm.expectPartialRevert(IAvowMarket.CallbackNotFailed.selector);
        market.retryCallback(id, 0, answer);
        assertEq(once.calls(), 1, "calls");
    }

    function test_defect7_twoEqualRequestsInOneBlockGetDifferentIds() public {
        bytes32 first = open();
        bytes32 second = open();
        assertTrue(first != second, "ids");
        assertEq(market.orderOf(first).nonce, 1, "first nonce");
        assertEq(market.orderOf(second).nonce, 2, "second nonce");
        assertEq(token.balanceOf(address(market)), 2 * uint256(PRICE), "two escrows");
    }

    function test_defect8_aProofDoesNotReplayOnAnotherChainOrMarket() public {
        Market twin = newMarket(
            MarketConfig(token, registry, router, validators, GOVERNOR, GUARDIAN, TREASURY),
            defaultParameters()
        );
        bytes32 id = openAndDeliver(terms());
        assertTrue(twin.orderIdOf(REQUESTER, 0) != id, "ids differ between markets");
        (Statement memory statement, bytes32 here) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        bytes32 there = StatementLib.digest(statement, twin.domainSeparator());
        assertTrue(here != there, "statements differ between markets");
        _refusedByBinding(id, sealOver(EZKL, StatementTree.root(there, singlePath())));

        bytes memory seal = sealFor(id, 0);
        vm.chainId(block.chainid + 1);
        _refusedByBinding(id, seal);
        assertTrue(market.orderIdOf(REQUESTER, 0) != id, "ids differ between chains");
    }

    function testFuzz_defect11_dutyDoesNotDependOnTheBlock(uint256 number, bytes32 randao, uint64 later)
        public
    {
        join(RIVAL);
        join(STRANGER);
        bytes32 id = open();
        uint256 before = vm.snapshotState();
        lock(id);
        address expected = market.orderOf(id).validator;
        vm.revertToState(before);
        vm.roll(bound(number, 1, type(uint64).max));
        vm.prevrandao(randao);
        vm.warp(START + later % 1 hours);
        lock(id);
        assertEq(market.orderOf(id).validator, expected, "validator");
    }

    function test_defect11_dutyGoesRoundAndNeverToTheProvider() public {
        join(PROVIDER);
        join(RIVAL);
        address[3] memory round = [VALIDATOR, RIVAL, RIVAL];
        for (uint256 i; i < 6; ++i) {
            bytes32 id = open();
            lock(id);
            assertEq(market.orderOf(id).validator, round[i % 3], "turn");
        }
    }

    function _sealOf(Statement memory statement) private view returns (bytes memory) {
        bytes32 digest = StatementLib.digest(statement, market.domainSeparator());
        return sealOver(EZKL, StatementTree.root(digest, singlePath()));
    }

    function _refusedByBinding(bytes32 id, bytes memory seal) private {
        _refusedBy(id, seal, EzklAdapter.BindingDiffers.selector);
    }

    function _refusedBy(bytes32 id, bytes memory seal, bytes4 expected) private {
        bytes memory answer = outputBytes();
        vm.prank(VALIDATOR);
        try market.settle(id, 0, answer, singlePath(), seal) {
            assertTrue(false, "settled");
        } catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(IAvowMarket.ProofRefused.selector), "refused");
            // The adapter's own error stands inside: selector, offset, length, then its bytes.
            bytes4 inner;
            assembly ("memory-safe") {
                inner := mload(add(reason, 100))
            }
            assertEq(bytes32(inner), bytes32(expected), "reason");
        }
    }
}
