// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {OptimisticAdapter} from "../../src/adapters/OptimisticAdapter.sol";
import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {Claim} from "../../src/interfaces/IClaims.sol";
import {IProofRouter} from "../../src/interfaces/IProofRouter.sol";
import {BatchItem, LegState} from "../../src/types/Order.sol";
import {BatchClaim, Statement, StatementLib} from "../../src/types/Statement.sol";
import {StatementTree} from "../../src/types/StatementTree.sol";
import {Packing} from "../base/BatchWorld.sol";
import {DisputeWorld} from "../base/DisputeWorld.sol";
import {Lie, Trace} from "./ToyTrace.sol";

/// @notice What an overturned claim means for its order, and what the adapter says of statements.
contract OverturnedTest is DisputeWorld {
    uint256 private constant TO_REQUESTER = uint256(BOND) * 6_000 / 10_000;

    function setUp() public {
        setUpDisputes();
    }

    function test_anOverturnedClaimRefundsAndSlashesAtOnce() public {
        bytes32 id = _overturned();
        vm.expectEmit(true, true, true, true);
        emit IAvowMarket.LegExpired(id, 0, LegState.Slashed, PRICE);
        vm.prank(STRANGER);
        market.refute(id, 0);
        assertState(id, 0, LegState.Slashed);
        assertEq(market.creditOf(REQUESTER), PRICE + TO_REQUESTER, "refund and compensation");
        assertEq(market.creditOf(TREASURY), BOND - TO_REQUESTER, "the rest of the bond");
        assertEq(market.creditOf(PROVIDER) + market.creditOf(STRANGER), 0, "nobody else");
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.WrongLegState.selector, id, 0, LegState.Slashed));
        market.refute(id, 0);
        vm.warp(START + 1 days);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.WrongLegState.selector, id, 0, LegState.Slashed));
        market.expire(id, 0);
    }

    function test_whenAClaimWasOverturnedIsKeptWhateverIsReclaimed() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
        bytes32 claimId = statementRoot(id);
        challenge(RIVAL, id, trace.root);
        challenge(STRANGER, id, trace.root);
        Claim memory before = claims.claimOf(claimId);
        assertEq(before.open, 2, "challenges are counted");
        assertEq(claims.overturnedAt(claimId), 0, "it stands");
        uint256 time = block.timestamp + CLOCK + 1;
        vm.warp(time);
        claims.timeout(claimId, RIVAL);
        for (uint256 i; i < 2; ++i) {
            assertEq(claims.overturnedAt(claimId), time, "at that moment");
            Claim memory ended = claims.claimOf(claimId);
            assertEq(ended.open, 0, "nothing is counted any more");
            assertEq(ended.windowEnd, before.windowEnd, "the window is what it was");
            assertEq(ended.digest, before.digest, "and the claim");
            vm.warp(time + 1 days);
            if (i == 0) claims.reclaim(claimId, STRANGER);
        }
    }

    function test_aClaimThatIsOverturnedAfterMonthsIsSaidToBeOverturnedThen() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
        bytes32 claimId = statementRoot(id);
        challenge(RIVAL, id, trace.root);
        uint256 last = uint256(claims.claimOf(claimId).windowEnd) - 3 days + type(uint24).max;
        assertTrue(last > START + 190 days, "months later");
        uint256 state = vm.snapshotState();
        vm.warp(last);
        claims.timeout(claimId, RIVAL);
        assertEq(claims.overturnedAt(claimId), last, "the last moment that can be told");
        assertTrue(vm.revertToState(state), "again");
        vm.warp(last + 365 days);
        claims.timeout(claimId, RIVAL);
        assertEq(claims.overturnedAt(claimId), last, "and what is said of later ones");
    }

    function test_aLegWhoseClaimStandsIsNotRefuted() public {
        (bytes32 id,) = claimed(Lie.None, 0, 0);
        _notRefuted(id);
        vm.warp(START + WINDOW + 1);
        _notRefuted(id);
        _notRefuted(delivered());
        vm.expectPartialRevert(IAvowMarket.OrderUnknown.selector);
        market.refute(keccak256("no order"), 0);
    }

    function test_aSystemThatKnowsNoRefutationsRefutesNothing() public {
        _notRefuted(openAndDeliver(terms()));
    }

    function test_aRefutationIsOfTheOrdersOwnModel() public {
        bytes32 id = _overturned();
        (Statement memory statement,) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        assertTrue(optimistic.refuted(modelKey, statement), "its own");
        vm.expectRevert(abi.encodeWithSelector(OptimisticAdapter.ModelDiffers.selector, ~modelKey, modelKey));
        optimistic.refuted(~modelKey, statement);
    }

    function test_anotherOrdersClaimSaysNothing() public {
        _overturned();
        _notRefuted(delivered());
    }

    function test_onlyADeliveredLegIsRefuted() public {
        bytes32 id = open(optimisticTerms());
        lock(id);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.WrongLegState.selector, id, 0, LegState.Locked));
        market.refute(id, 0);
    }

    /// @dev A router is stopped when an adapter or what it asks cannot be relied on.
    function test_nobodyIsSlashedWhileVerificationIsStopped() public {
        bytes32 id = _overturned();
        vm.prank(GUARDIAN);
        router.pause();
        vm.expectRevert(IProofRouter.VerificationIsPaused.selector);
        market.refute(id, 0);
        vm.prank(GUARDIAN);
        router.resume();
        market.refute(id, 0);
        bytes32 second = _overturned();
        vm.prank(GOVERNOR);
        router.tombstoneEntry(OPTIMISTIC);
        vm.expectRevert(abi.encodeWithSelector(IProofRouter.EntryRetired.selector, OPTIMISTIC));
        market.refute(second, 0);
        vm.warp(START + 1 days);
        market.expire(second, 0);
        assertState(second, 0, LegState.Refunded);
    }

    function test_anOverturnedLegThatNobodyRefutesIsSlashedInTheEnd() public {
        bytes32 id = _overturned();
        vm.warp(START + 12 hours + 1);
        market.expire(id, 0);
        assertState(id, 0, LegState.Slashed);
    }

    function test_theAdapterAcceptsOneSealOfOneStatement() public {
        (bytes32 id,) = claimed(Lie.None, 0, 0);
        vm.warp(START + WINDOW + 1);
        (Statement memory statement,) = market.statementFor(id, 0, PROVIDER, outputCommitment());
        bytes32 root = statementRoot(id);
        assertTrue(optimistic.verify(modelKey, statement, root, ""), "accepted");
        vm.expectRevert(OptimisticAdapter.SealNotEmpty.selector);
        optimistic.verify(modelKey, statement, root, hex"00");
        vm.expectRevert(abi.encodeWithSelector(OptimisticAdapter.RootDiffers.selector, root, ~root));
        optimistic.verify(modelKey, statement, ~root, "");
        for (uint256 i; i < 8; ++i) {
            Statement memory lie = _lie(statement, i);
            bytes32 claimId = StatementTree.leaf(StatementLib.digest(lie, market.domainSeparator()));
            vm.expectRevert(abi.encodeWithSelector(OptimisticAdapter.NotFinal.selector, claimId));
            optimistic.verify(modelKey, lie, claimId, "");
        }
        vm.expectRevert(abi.encodeWithSelector(OptimisticAdapter.ModelDiffers.selector, ~modelKey, modelKey));
        optimistic.verify(~modelKey, statement, root, "");
        statement.system = "sumcheck/v1";
        vm.expectRevert(OptimisticAdapter.SystemDiffers.selector);
        optimistic.verify(modelKey, statement, root, "");
    }

    function test_finalClaimsAreSettledTogether() public {
        bytes32[] memory ids = new bytes32[](3);
        for (uint256 i; i < 3; ++i) {
            (ids[i],) = claimed(Lie.None, 0, 0);
        }
        (bytes32 root, BatchItem[] memory items) = _batch(ids);
        bytes memory seal = bytes.concat(OPTIMISTIC);
        vm.expectPartialRevert(IAvowMarket.ProofRefused.selector);
        vm.prank(VALIDATOR);
        market.settleBatch(modelKey, root, items, seal);
        vm.warp(START + WINDOW + 1);
        bytes32 trace = honest(ids[0]).root;
        items[1].part = hex"00";
        vm.expectPartialRevert(IAvowMarket.ProofRefused.selector);
        vm.prank(VALIDATOR);
        market.settleBatch(modelKey, root, items, seal);
        items[1].part = "";
        vm.expectPartialRevert(IAvowMarket.ProofRefused.selector);
        vm.prank(VALIDATOR);
        market.settleBatch(modelKey, root, items, bytes.concat(OPTIMISTIC, trace));
        vm.prank(VALIDATOR);
        assertEq(market.settleBatch(modelKey, root, items, seal), 3, "settled");
        BatchClaim[] memory one = new BatchClaim[](1);
        (one[0].statement,) = market.statementFor(ids[2], 0, PROVIDER, outputCommitment());
        assertTrue(optimistic.verifyBatch(modelKey, one, root, ""), "of its model");
        vm.expectRevert(abi.encodeWithSelector(OptimisticAdapter.ModelDiffers.selector, ~modelKey, modelKey));
        optimistic.verifyBatch(~modelKey, one, root, "");
        vm.expectRevert(OptimisticAdapter.NoClaims.selector);
        optimistic.verifyBatch(modelKey, new BatchClaim[](0), root, "");
    }

    function _batch(bytes32[] memory ids) private view returns (bytes32 root, BatchItem[] memory items) {
        bytes32[] memory digests = new bytes32[](ids.length);
        items = new BatchItem[](ids.length);
        for (uint256 i; i < ids.length; ++i) {
            (, digests[i]) = market.statementFor(ids[i], 0, PROVIDER, outputCommitment());
        }
        for (uint256 i; i < ids.length; ++i) {
            items[i] = BatchItem(ids[i], 0, outputBytes(), Packing.pathOf(digests, i), "");
        }
        root = StatementTree.root(digests[0], items[0].path);
    }

    function _lie(Statement memory true_, uint256 field) private pure returns (Statement memory lie) {
        lie = abi.decode(abi.encode(true_), (Statement));
        if (field == 0) lie.model = ~lie.model;
        else if (field == 1) lie.program = ~lie.program;
        else if (field == 2) lie.key = ~lie.key;
        else if (field == 3) lie.input.value = ~lie.input.value;
        else if (field == 4) lie.output.value = ~lie.output.value;
        else if (field == 5) lie.order = ~lie.order;
        else if (field == 6) lie.provider = RIVAL;
        else ++lie.nonce;
    }

    function _overturned() private returns (bytes32 id) {
        Trace memory trace;
        (id, trace) = claimed(Lie.None, 0, 0);
        challenge(RIVAL, id, trace.root);
        vm.warp(block.timestamp + CLOCK + 1);
        claims.timeout(statementRoot(id), RIVAL);
    }

    function _notRefuted(bytes32 id) private {
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.NotRefuted.selector, id, 0));
        market.refute(id, 0);
    }
}
