// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {StatementLib} from "./Statement.sol";
import {LegRequest, OrderRequest} from "./Order.sol";

/// @notice An order that its requester signed off chain and anybody may bring to the market.
/// @param terms the order.
/// @param requester who signed, pays and is refunded.
/// @param nonce any number the requester has not used; nonces have no order.
/// @param deadline last second at which the market takes it.
struct SignedRequest {
    OrderRequest terms;
    address requester;
    uint256 nonce;
    uint256 deadline;
}

/// @notice EIP-712 encoding of signed requests.
library SignedRequestLib {
    bytes private constant CALLBACK_TYPE = "Callback(address target,uint32 gasLimit)";
    bytes private constant COMMITMENT_TYPE = "Commitment(uint16 scheme,bytes32 value)";
    bytes private constant LEG_TYPE = "LegRequest(bytes4 selector,uint64 deadline,uint16 shareBps)";
    bytes private constant ORDER_TYPE =
        "OrderRequest(bytes32 modelKey,Commitment input,bytes inputData,string inputUri,LegRequest[] legs,uint128 price,uint128 bond,uint64 lockDeadline,Callback callback)";
    bytes private constant SIGNED_TYPE =
        "SignedRequest(OrderRequest terms,address requester,uint256 nonce,uint256 deadline)";

    bytes32 internal constant CALLBACK_TYPEHASH = keccak256(CALLBACK_TYPE);
    bytes32 internal constant LEG_TYPEHASH = keccak256(LEG_TYPE);
    bytes32 internal constant ORDER_TYPEHASH =
        keccak256(abi.encodePacked(ORDER_TYPE, CALLBACK_TYPE, COMMITMENT_TYPE, LEG_TYPE));
    bytes32 internal constant SIGNED_TYPEHASH =
        keccak256(abi.encodePacked(SIGNED_TYPE, CALLBACK_TYPE, COMMITMENT_TYPE, LEG_TYPE, ORDER_TYPE));

    /// @notice hashStruct of a signed request.
    function hash(SignedRequest calldata signed) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(SIGNED_TYPEHASH, _hash(signed.terms), signed.requester, signed.nonce, signed.deadline)
        );
    }

    /// @dev In two halves, because the compiler's stack does not hold eleven words at once.
    function _hash(OrderRequest calldata terms) private pure returns (bytes32) {
        bytes memory first = abi.encode(
            ORDER_TYPEHASH,
            terms.modelKey,
            StatementLib.hash(terms.input),
            keccak256(terms.inputData),
            keccak256(bytes(terms.inputUri)),
            _hash(terms.legs)
        );
        bytes32 callback = keccak256(abi.encode(CALLBACK_TYPEHASH, terms.callback));
        return
            keccak256(bytes.concat(first, abi.encode(terms.price, terms.bond, terms.lockDeadline, callback)));
    }

    function _hash(LegRequest[] calldata legs) private pure returns (bytes32 result) {
        bytes32[] memory hashes = new bytes32[](legs.length);
        for (uint256 i; i < legs.length; ++i) {
            hashes[i] = keccak256(abi.encode(LEG_TYPEHASH, legs[i]));
        }
        assembly ("memory-safe") {
            result := keccak256(add(hashes, 32), mul(mload(hashes), 32))
        }
    }
}
