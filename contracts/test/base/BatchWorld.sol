// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {SystemRegistration} from "../../src/interfaces/IModelRegistry.sol";
import {RouterEntryConfig} from "../../src/interfaces/IProofRouter.sol";
import {Commitment, CommitmentScheme} from "../../src/types/Commitment.sol";
import {BatchItem, OrderRequest} from "../../src/types/Order.sol";
import {Statement} from "../../src/types/Statement.sol";
import {StatementPath, StatementTree} from "../../src/types/StatementTree.sol";
import {TensorLib} from "../../src/types/Tensor.sol";
import {MockBatchAdapter, MockBatchProof} from "../mocks/MockBatchAdapter.sol";
import {EzklFixture} from "./EzklFixture.sol";
import {MarketWorld} from "./MarketWorld.sol";

/// @notice A batch of delivered legs as one proof speaks of them.
struct Packed {
    bytes32 root;
    BatchItem[] items;
    bytes seal;
}

/// @notice Makes batches of the mock proof system.
library Packing {
    bytes4 internal constant SELECTOR = bytes4(keccak256("batch/v1"));

    /// @notice The batch in which these legs are proven to have given this output.
    function pack(IAvowMarket market, bytes32[] memory ids, uint8[] memory legs, bytes memory output)
        internal
        view
        returns (Packed memory packed)
    {
        Commitment memory commitment =
            Commitment(CommitmentScheme.PUBLIC, TensorLib.digest(EzklFixture.outputs(), output));
        Statement[] memory statements = new Statement[](ids.length);
        bytes32[] memory digests = new bytes32[](ids.length);
        for (uint256 i; i < ids.length; ++i) {
            (statements[i], digests[i]) =
                market.statementFor(ids[i], legs[i], market.orderOf(ids[i]).provider, commitment);
        }
        packed.root = StatementTree.root(digests[0], pathOf(digests, 0));
        packed.items = new BatchItem[](ids.length);
        for (uint256 i; i < ids.length; ++i) {
            packed.items[i] = BatchItem({
                orderId: ids[i],
                leg: legs[i],
                output: bytes.concat(output),
                path: pathOf(digests, i),
                part: MockBatchProof.part(statements[i], i, packed.root)
            });
        }
        packed.seal = bytes.concat(SELECTOR, MockBatchProof.body(packed.root));
    }

    /// @notice The path of a leaf in the tree of these statements; what lies beyond them are zeros.
    function pathOf(bytes32[] memory digests, uint256 index)
        internal
        pure
        returns (StatementPath memory path)
    {
        uint256 depth;
        while (1 << depth < digests.length) {
            ++depth;
        }
        bytes32[] memory level = new bytes32[](1 << depth);
        for (uint256 i; i < digests.length; ++i) {
            level[i] = StatementTree.leaf(digests[i]);
        }
        path = StatementPath(index, new bytes32[](depth));
        for (uint256 height; height < depth; ++height) {
            path.siblings[height] = level[(index >> height) ^ 1];
            for (uint256 i; i < level.length >> (height + 1); ++i) {
                level[i] = StatementTree.node(level[2 * i], level[2 * i + 1]);
            }
        }
    }
}

/// @notice The world with a proof system whose one proof speaks of many orders.
abstract contract BatchWorld is MarketWorld {
    bytes4 internal constant BATCH = Packing.SELECTOR;

    MockBatchAdapter internal batchAdapter;

    function setUpBatches() internal {
        setUpWorld();
        batchAdapter = new MockBatchAdapter();
        vm.prank(GOVERNOR);
        router.addEntry(
            RouterEntryConfig("batch/v1", address(batchAdapter), address(batchAdapter).codehash, 0, 400_000)
        );
        // The program of "ezkl/v1", so that one leg can name both.
        SystemRegistration memory registration = systemRegistration("batch/v1");
        registration.program = systemRegistration("ezkl/v1").program;
        vm.prank(OWNER);
        registry.addSystem(modelKey, registration);
    }

    function batchTerms() internal view returns (OrderRequest memory order) {
        order = terms();
        order.legs[0].selectors = BATCH;
    }

    /// @dev One leg by either of two systems.
    function eitherTerms() internal view returns (OrderRequest memory order) {
        order = terms();
        order.legs[0].selectors = either(EZKL, BATCH);
    }

    function deliverMany(uint256 count) internal returns (bytes32[] memory ids) {
        ids = new bytes32[](count);
        for (uint256 i; i < count; ++i) {
            ids[i] = openAndDeliver(batchTerms());
        }
    }

    /// @dev The batch in which each order's first leg is proven.
    function pack(bytes32[] memory ids) internal view returns (Packed memory) {
        return pack(ids, new uint8[](ids.length));
    }

    function pack(bytes32[] memory ids, uint8[] memory legs) internal view returns (Packed memory) {
        return Packing.pack(market, ids, legs, outputBytes());
    }

    function settleBatch(Packed memory packed) internal returns (uint256) {
        vm.prank(VALIDATOR);
        return market.settleBatch(modelKey, packed.root, packed.items, packed.seal);
    }
}
