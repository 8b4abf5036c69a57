// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {IBatchProofAdapter} from "../interfaces/IBatchProofAdapter.sol";
import {IClaims} from "../interfaces/IClaims.sol";
import {IProofAdapter} from "../interfaces/IProofAdapter.sol";
import {IRefutableAdapter} from "../interfaces/IRefutableAdapter.sol";
import {BatchClaim, Statement, StatementLib} from "../types/Statement.sol";
import {StatementTree} from "../types/StatementTree.sol";

/// @title Adapter of "optimistic/v1": what stood up to its window counts as shown
/// @notice A seal has no body. That exactly this statement was claimed, for this order and by this provider,
/// and that nothing can overturn it any more, is asked of the contract of claims; of which model the order is, of the
/// market: a statement does not name the owner, on whose terms it was claimed.
contract OptimisticAdapter is IProofAdapter, IBatchProofAdapter, IRefutableAdapter {
    bytes32 private constant SYSTEM = keccak256("optimistic/v1");

    IClaims public immutable claims;

    error SystemDiffers();
    error SealNotEmpty();
    error RootDiffers(bytes32 expected, bytes32 found);
    error NotFinal(bytes32 claimId);
    error ModelDiffers(bytes32 expected, bytes32 found);
    error NoClaims();

    constructor(IClaims claims_) {
        claims = claims_;
    }

    /// @inheritdoc IProofAdapter
    function verify(bytes32 modelKey, Statement calldata statement, bytes32 root, bytes calldata body)
        external
        view
        returns (bool)
    {
        if (body.length != 0) revert SealNotEmpty();
        IAvowMarket market = claims.market();
        bytes32 claimId = _claimId(statement, market.domainSeparator());
        if (claimId != root) revert RootDiffers(claimId, root);
        if (!claims.isFinal(claimId)) revert NotFinal(claimId);
        _checkModel(market, modelKey, statement);
        return true;
    }

    /// @inheritdoc IBatchProofAdapter
    /// @dev The root binds nothing here: each statement was claimed by itself.
    function verifyBatch(bytes32 modelKey, BatchClaim[] calldata items, bytes32, bytes calldata body)
        external
        view
        returns (bool)
    {
        if (body.length != 0) revert SealNotEmpty();
        if (items.length == 0) revert NoClaims();
        IAvowMarket market = claims.market();
        bytes32 domain = market.domainSeparator();
        for (uint256 i; i < items.length; ++i) {
            if (items[i].part.length != 0) revert SealNotEmpty();
            bytes32 claimId = _claimId(items[i].statement, domain);
            if (!claims.isFinal(claimId)) revert NotFinal(claimId);
            _checkModel(market, modelKey, items[i].statement);
        }
        return true;
    }

    /// @inheritdoc IRefutableAdapter
    function refuted(bytes32 modelKey, Statement calldata statement) external view returns (bool) {
        IAvowMarket market = claims.market();
        if (!claims.isOverturned(_claimId(statement, market.domainSeparator()))) return false;
        _checkModel(market, modelKey, statement);
        return true;
    }

    /// @dev Of a statement that was claimed, so that its order exists.
    function _checkModel(IAvowMarket market, bytes32 modelKey, Statement calldata statement) private view {
        bytes32 found = market.orderOf(statement.order).modelKey;
        if (found != modelKey) revert ModelDiffers(modelKey, found);
    }

    function _claimId(Statement calldata statement, bytes32 domain) private pure returns (bytes32) {
        if (keccak256(bytes(statement.system)) != SYSTEM) revert SystemDiffers();
        return StatementTree.leaf(StatementLib.digest(statement, domain));
    }
}
