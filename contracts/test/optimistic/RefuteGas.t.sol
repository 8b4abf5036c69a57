// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ClaimState} from "../../src/interfaces/IClaims.sol";
import {SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {TracedClaim} from "../../src/interfaces/IReferee.sol";
import {KeySchemas} from "../../src/optimistic/KeySchemas.sol";
import {DenseLayer} from "../base/DenseLayer.sol";
import {DisputeWorld} from "../base/DisputeWorld.sol";
import {Players} from "../base/Players.sol";

/// @notice Makes lies about a dense layer, under any statement.
contract Liar is DenseLayer {
    function lie(uint32 inner, bytes32 root) external returns (TracedClaim memory, bytes memory) {
        statementRoot = root;
        return dense(inner, 77);
    }
}

/// @notice Gas of overturning a claim of a wrong dense layer in one shot, as a whole transaction, with the real referee.
/// forge-config: default.isolate = true
/// forge-config: campaign.isolate = true
contract RefuteGasTest is DisputeWorld {
    Liar private _liar;

    function setUp() public {
        setUpDisputes();
        claims = newClaims(market, router, newReferee(), GOVERNOR, claimParameters());
        vm.prank(PROVIDER);
        token.approve(address(claims), type(uint256).max);
        _liar = new Liar();
    }

    function test_gasOfOneShotIsTheRecordedOne() public {
        _refute(256, "256, a winner's first credit", 155_000);
        _refute(256, "256", 120_000);
        _refute(1024, "1024", 190_000);
        _refute(4096, "4096", 520_000);
    }

    function _refute(uint32 inner, string memory said, uint256 mark) private {
        (TracedClaim memory traced, bytes memory refutation) = _lie(inner, said);
        bytes32 claimId = traced.statementRoot;
        bytes32 salt = keccak256("salt");
        vm.prank(RIVAL);
        claims.commit(Players.commitment(RIVAL, claimId, refutation, salt));
        nextBlock();
        vm.prank(RIVAL);
        claims.refute(traced, refutation, salt);
        string memory name =
            string.concat("overturn a claim of one of 256 outputs of a dense layer, products: ", said);
        assertAtMost(vm.snapshotGasLastCall("claims", name), mark, name);
        assertClaim(claimId, ClaimState.Overturned);
    }

    /// @dev A claim by a model whose key is the layer's.
    function _lie(uint32 inner, string memory name)
        private
        returns (TracedClaim memory traced, bytes memory refutation)
    {
        (traced,) = _liar.lie(inner, 0);
        modelKey = registerModel(OWNER, name);
        SystemRegistration memory registration = systemRegistration("optimistic/v1");
        (registration.key, registration.program) = (traced.key, traced.program);
        vm.prank(OWNER);
        registry.addSystem(modelKey, registration);
        // The layer's program has no descriptors beside the one that is refuted: nothing to compare schemas with.
        bytes memory call = abi.encodeWithSelector(KeySchemas.check.selector, modelKey);
        vm.mockCall(address(claims.keySchemas()), call, abi.encode(traced.key, uint32(64)));
        claims.learn(modelKey, new bytes[](0), new bytes[](0));
        bytes32 id = delivered();
        TracedClaim memory made;
        (made, refutation) = _liar.lie(inner, statementRoot(id));
        claimWith(id, made.traceRoot);
        traced = tracedOf(id, made.traceRoot);
    }
}
