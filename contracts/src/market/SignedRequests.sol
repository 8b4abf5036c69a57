// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {SignedRequest, SignedRequestLib} from "../types/SignedRequest.sol";
import {OrderBook} from "./OrderBook.sol";

/// @title Orders signed off chain
/// @notice Chain and market are in the EIP-712 domain, so a signature opens one order on one market. A
/// contract signs by ERC-1271.
abstract contract SignedRequests is OrderBook, EIP712 {
    using BitMaps for BitMaps.BitMap;

    mapping(address requester => BitMaps.BitMap) private _nonces;

    constructor() EIP712("Avow", "1") {}

    /// @inheritdoc IAvowMarket
    function requestFor(SignedRequest calldata signed, bytes calldata signature)
        external
        nonReentrant
        returns (bytes32)
    {
        if (block.timestamp > signed.deadline) revert SignedRequestExpired(signed.deadline);
        _useNonce(signed.requester, signed.nonce);
        bytes32 digest = _hashTypedDataV4(SignedRequestLib.hash(signed));
        if (!SignatureChecker.isValidSignatureNow(signed.requester, digest, signature)) {
            revert SignatureInvalid(signed.requester);
        }
        return _request(signed.terms, signed.requester);
    }

    /// @inheritdoc IAvowMarket
    function cancelNonce(uint256 nonce) external {
        _useNonce(msg.sender, nonce);
        emit NonceCancelled(msg.sender, nonce);
    }

    /// @inheritdoc IAvowMarket
    function isNonceUsed(address requester, uint256 nonce) external view returns (bool) {
        return _nonces[requester].get(nonce);
    }

    function _useNonce(address requester, uint256 nonce) private {
        if (_nonces[requester].get(nonce)) revert NonceUsed(requester, nonce);
        _nonces[requester].set(nonce);
    }
}
