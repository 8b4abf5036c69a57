// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {SystemClaim} from "../interfaces/IModelRegistry.sol";
import {BatchItem, Leg, LegState, Order} from "../types/Order.sol";
import {BatchClaim, Statement, StatementLib} from "../types/Statement.sol";
import {StatementTree} from "../types/StatementTree.sol";
import {TensorLib} from "../types/Tensor.sol";
import {Settlement} from "./Settlement.sol";

/// @title Settlement of many legs by one proof
/// @notice An item that cannot be settled is left out before the proof is looked at, so it holds nobody up; a
/// wrong proof undoes everything. A leg becomes Settled as soon as it is taken in, so a second item of the same
/// leg finds it in the wrong state.
abstract contract BatchSettlement is Settlement {
    /// @dev What all items share, and what was taken in of them; the lists grow together up to `count`.
    /// @param places the position of each taken item among all items.
    struct Batch {
        bytes32 modelKey;
        bytes32 root;
        bytes4 selector;
        SystemClaim system;
        uint256 outputLength;
        uint256 count;
        uint256[] places;
        bytes32[] digests;
        BatchClaim[] claims;
    }

    /// @inheritdoc IAvowMarket
    function settleBatch(bytes32 modelKey, bytes32 root, BatchItem[] calldata items, bytes calldata seal)
        external
        nonReentrant
        returns (uint256)
    {
        Batch memory batch = _batch(modelKey, root, bytes4(seal), items.length);
        bytes memory reason;
        for (uint256 i; i < items.length; ++i) {
            bytes memory refusal = _take(batch, items[i], i);
            if (refusal.length == 0) continue;
            emit BatchItemSkipped(items[i].orderId, items[i].leg, refusal);
            reason = refusal;
        }
        if (batch.count == 0) revert NothingToSettle(reason);

        _checkBatch(batch, seal);

        for (uint256 i; i < batch.count; ++i) {
            BatchItem calldata item = items[batch.places[i]];
            _pay(item.orderId, item.leg, batch.system.royaltyReceiver, batch.digests[i], item.output);
        }
        for (uint256 i; i < batch.count; ++i) {
            BatchItem calldata item = items[batch.places[i]];
            Leg storage leg = _legs[item.orderId][item.leg];
            _callBack(item.orderId, item.leg, _orders[item.orderId], leg, item.output);
        }
        return batch.count;
    }

    function _batch(bytes32 modelKey, bytes32 root, bytes4 selector, uint256 size)
        private
        view
        returns (Batch memory batch)
    {
        batch.modelKey = modelKey;
        batch.root = root;
        batch.selector = selector;
        batch.system = registry.claimOf(modelKey, selector);
        batch.outputLength = TensorLib.byteLength(batch.system.outputs);
        batch.places = new uint256[](size);
        batch.digests = new bytes32[](size);
        batch.claims = new BatchClaim[](size);
    }

    /// @dev Takes an item in, or returns the error for which it is left out.
    function _take(Batch memory batch, BatchItem calldata item, uint256 place)
        private
        returns (bytes memory refusal)
    {
        bytes32 orderId = item.orderId;
        Order storage order = _orders[orderId];
        if (item.leg >= order.legCount) {
            return abi.encodeWithSelector(LegUnknown.selector, orderId, item.leg);
        }
        Leg storage leg = _legs[orderId][item.leg];
        if (order.modelKey != batch.modelKey || leg.selector != batch.selector) {
            return abi.encodeWithSelector(NotOfThisBatch.selector, orderId, item.leg);
        }
        refusal = _notSettleable(orderId, item.leg, order, leg);
        if (refusal.length != 0) return refusal;
        if (item.output.length != batch.outputLength) {
            return abi.encodeWithSelector(
                TensorLib.DataLengthDiffers.selector, batch.outputLength, item.output.length
            );
        }
        bytes32 found = TensorLib.digest(batch.system.outputs, item.output);
        if (found != leg.outputValue) {
            return abi.encodeWithSelector(OutputDiffers.selector, leg.outputValue, found);
        }
        Statement memory statement = _claim(orderId, order, leg, batch.system);
        bytes32 digest = StatementLib.digest(statement, _domainSeparatorV4());
        if (!StatementTree.stands(digest, item.path, batch.root)) {
            return abi.encodeWithSelector(StatementNotUnderRoot.selector, orderId, item.leg, batch.root);
        }

        leg.state = LegState.Settled;
        uint256 count = batch.count;
        batch.places[count] = place;
        batch.digests[count] = digest;
        batch.claims[count] = BatchClaim(statement, item.path.index, item.part);
        batch.count = count + 1;
    }

    /// @dev Reverts unless the seal proves all that was taken in.
    function _checkBatch(Batch memory batch, bytes calldata seal) private view {
        (uint256 count, BatchClaim[] memory claims) = (batch.count, batch.claims);
        // The list was made for all items; only as many are filled as were taken in.
        assembly ("memory-safe") {
            mstore(claims, count)
        }
        (bool accepted, bytes memory reason) = router.verifyBatch(batch.modelKey, claims, batch.root, seal);
        if (!accepted) revert ProofRefused(reason);
    }
}
