// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {OptimisticAdapter} from "../../src/adapters/OptimisticAdapter.sol";
import {ClaimParameters, ClaimState, Turn} from "../../src/interfaces/IClaims.sol";
import {SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {IReferee, TracedClaim} from "../../src/interfaces/IReferee.sol";
import {RouterEntryConfig} from "../../src/interfaces/IProofRouter.sol";
import {MarketParameters} from "../../src/market/MarketParameters.sol";
import {Claims} from "../../src/optimistic/Claims.sol";
import {CommitmentScheme} from "../../src/types/Commitment.sol";
import {OrderRequest} from "../../src/types/Order.sol";
import {Statement, StatementLib} from "../../src/types/Statement.sol";
import {StatementTree} from "../../src/types/StatementTree.sol";
import {MockBatchAdapter, MockBatchProof} from "../mocks/MockBatchAdapter.sol";
import {MockReferee, ToyProgram} from "../mocks/MockReferee.sol";
import {Lie, ToyTrace, Trace} from "../optimistic/ToyTrace.sol";
import {MarketWorld} from "./MarketWorld.sol";
import {Players} from "./Players.sol";

/// @notice The world with claims and disputes. Its referee and its proofs are mocks, the rest is what is deployed.
abstract contract DisputeWorld is MarketWorld {
    bytes4 internal constant OPTIMISTIC = bytes4(keccak256("optimistic/v1"));
    bytes4 internal constant SUMCHECK = bytes4(keccak256("sumcheck/v1"));
    uint96 internal constant CLAIM_BOND = 1_000_001;
    uint96 internal constant CHALLENGE_BOND = 300_000;
    uint256 internal constant REWARD = CLAIM_BOND / 2;
    uint256 internal constant WINDOW = 2 hours;
    uint256 internal constant CLOCK = 1 hours;
    uint256 internal constant EXTENSION = 10 minutes;
    address internal constant BURNED = 0x000000000000000000000000000000000000dEaD;

    Claims internal claims;
    OptimisticAdapter internal optimistic;
    IReferee internal referee;
    uint32[] internal lengths;
    bytes32 internal toyKey;

    function setUpDisputes() internal {
        setUpWorld();
        lengths = ToyTrace.lengths();
        toyKey = ToyProgram.key(lengths);
        vm.prank(GOVERNOR);
        market.setParameters(longParameters());
        referee = new MockReferee();
        claims = newClaims(market, router, referee, GOVERNOR, claimParameters());
        optimistic = newOptimisticAdapter(claims);
        // Old enough for the first order's claim to be proven by it.
        vm.warp(START - 1 days);
        MockBatchAdapter proofs = new MockBatchAdapter();
        RouterEntryConfig[2] memory entries = [
            RouterEntryConfig("optimistic/v1", address(optimistic), address(optimistic).codehash, 0, 100_000),
            RouterEntryConfig("sumcheck/v1", address(proofs), address(proofs).codehash, 0, 400_000)
        ];
        for (uint256 i; i < 2; ++i) {
            vm.prank(GOVERNOR);
            router.addEntry(entries[i]);
            addToySystem(entries[i].system, ToyProgram.PROGRAM);
        }
        vm.warp(START);
        learn();
        address[4] memory rich = [PROVIDER, RIVAL, VALIDATOR, STRANGER];
        for (uint256 i; i < rich.length; ++i) {
            vm.prank(rich[i]);
            token.approve(address(claims), type(uint256).max);
        }
    }

    function addToySystem(string memory system, bytes32 program) internal {
        SystemRegistration memory registration = systemRegistration(system);
        registration.program = program;
        registration.key = toyKey;
        vm.prank(OWNER);
        registry.addSystem(modelKey, registration);
    }

    /// @dev Lets the claims compare the present model with the present key.
    function learn() internal {
        (bytes[] memory inputs, bytes[] memory outputs) = publicPlaces();
        claims.learn(modelKey, inputs, outputs);
    }

    function publicPlaces() internal view returns (bytes[] memory inputs, bytes[] memory outputs) {
        (inputs, outputs) = (new bytes[](1), new bytes[](1));
        inputs[0] = ToyProgram.place(lengths, 0);
        outputs[0] = ToyProgram.place(lengths, uint32(lengths.length - 1));
    }

    function longParameters() internal pure returns (MarketParameters memory parameters) {
        parameters = defaultParameters();
        parameters.gracePeriod = 3 hours;
        parameters.settlementWindow = 12 hours;
    }

    function claimParameters() internal pure returns (ClaimParameters memory) {
        return ClaimParameters({
            claimBond: CLAIM_BOND,
            challengeBond: CHALLENGE_BOND,
            clock: uint32(CLOCK),
            extension: uint32(EXTENSION),
            window: uint32(WINDOW),
            margin: 30 minutes
        });
    }

    function optimisticTerms() internal view returns (OrderRequest memory order) {
        order = terms();
        order.legs[0].selectors = OPTIMISTIC;
    }

    function delivered() internal returns (bytes32 orderId) {
        return openAndDeliver(optimisticTerms());
    }

    function statementRoot(bytes32 orderId) internal view returns (bytes32) {
        return rootOf(orderId, 0);
    }

    function traceOf(bytes32 orderId, Lie lie, uint32 tensor, uint32 chunk)
        internal
        view
        returns (Trace memory)
    {
        return ToyTrace.build(lengths, statementRoot(orderId), lie, tensor, chunk);
    }

    function honest(bytes32 orderId) internal view returns (Trace memory) {
        return traceOf(orderId, Lie.None, 0, 0);
    }

    function claimWith(bytes32 orderId, bytes32 traceRoot) internal returns (bytes32) {
        bytes memory answer = outputBytes();
        vm.prank(PROVIDER);
        return claims.claim(orderId, 0, answer, traceRoot);
    }

    /// @dev A delivered order and its claim, made with that lie.
    function claimed(Lie lie, uint32 tensor, uint32 chunk)
        internal
        returns (bytes32 orderId, Trace memory trace)
    {
        orderId = delivered();
        trace = traceOf(orderId, lie, tensor, chunk);
        claimWith(orderId, trace.root);
    }

    function tracedOf(bytes32 orderId, bytes32 traceRoot) internal view returns (TracedClaim memory) {
        (Statement memory statement,) = market.statementFor(orderId, 0, PROVIDER, outputCommitment());
        return TracedClaim({
            key: statement.key,
            program: statement.program,
            statementRoot: statementRoot(orderId),
            traceRoot: traceRoot,
            input: statement.input.value,
            output: statement.output.value
        });
    }

    function challenge(address who, bytes32 orderId, bytes32 traceRoot) internal {
        TracedClaim memory traced = tracedOf(orderId, traceRoot);
        vm.prank(who);
        claims.open(traced);
    }

    function challengeFails(address who, bytes32 orderId, bytes32 traceRoot, bytes memory reason) internal {
        TracedClaim memory traced = tracedOf(orderId, traceRoot);
        vm.expectRevert(reason);
        vm.prank(who);
        claims.open(traced);
    }

    /// @dev Commits, and lets a block pass.
    function commitTo(address who, bytes32 claimId, bytes memory refutation) internal {
        vm.prank(who);
        claims.commit(Players.commitment(who, claimId, refutation, 0));
        nextBlock();
    }

    /// @dev A mock proof of the claimed statement by the other system.
    function proofOf(bytes32 orderId) internal view returns (bytes memory) {
        (Statement memory statement,) = market.statementFor(orderId, 0, PROVIDER, outputCommitment());
        statement.system = "sumcheck/v1";
        bytes32 root = StatementTree.leaf(StatementLib.digest(statement, market.domainSeparator()));
        return bytes.concat(SUMCHECK, MockBatchProof.part(statement, 0, root));
    }

    function settleClaim(bytes32 orderId) internal {
        bytes memory answer = outputBytes();
        vm.prank(VALIDATOR);
        market.settle(orderId, 0, answer, singlePath(), bytes.concat(OPTIMISTIC));
    }

    function nextBlock() internal {
        vm.roll(block.number + 1);
    }

    function assertClaim(bytes32 claimId, ClaimState expected) internal view {
        assertEq(uint256(claims.claimOf(claimId).state), uint256(expected), "claim state");
    }

    function assertTurn(bytes32 claimId, address challenger, Turn expected) internal view {
        assertEq(uint256(claims.challengeOf(claimId, challenger).turn), uint256(expected), "turn");
    }
}
