// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Commitment} from "./Commitment.sol";

/// @notice The claim that a proof binds: this program of this model, on this input, gave this output,
/// for this order and this provider.
/// @param model digest of the model's core record.
/// @param system id of the proof system, for example "ezkl/v1".
/// @param program digest of the program that was proven.
/// @param key digest of the verifying key.
/// @param input commitment to the input tensors.
/// @param output commitment to the output tensors of the proven program.
/// @param order id of the market's order (zero off chain).
/// @param provider the account that is paid for this statement (zero off chain).
/// @param nonce never zero; on chain the order's nonce.
struct Statement {
    bytes32 model;
    string system;
    bytes32 program;
    bytes32 key;
    Commitment input;
    Commitment output;
    bytes32 order;
    address provider;
    uint256 nonce;
}

/// @notice A statement among those of one proof.
/// @param index its place under the proof's root, which is also the number of the proof's sample.
/// @param part what the proof system needs of this statement alone.
struct BatchClaim {
    Statement statement;
    uint256 index;
    bytes part;
}

/// @notice EIP-712 encoding of statements.
library StatementLib {
    bytes32 internal constant COMMITMENT_TYPEHASH = keccak256("Commitment(uint16 scheme,bytes32 value)");
    bytes32 internal constant STATEMENT_TYPEHASH = keccak256(
        "Statement(bytes32 model,string system,bytes32 program,bytes32 key,Commitment input,Commitment output,bytes32 order,address provider,uint256 nonce)Commitment(uint16 scheme,bytes32 value)"
    );

    /// @notice hashStruct of a commitment.
    function hash(Commitment memory commitment) internal pure returns (bytes32) {
        return keccak256(abi.encode(COMMITMENT_TYPEHASH, commitment.scheme, commitment.value));
    }

    /// @notice hashStruct of a statement.
    function hash(Statement memory statement) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                STATEMENT_TYPEHASH,
                statement.model,
                keccak256(bytes(statement.system)),
                statement.program,
                statement.key,
                hash(statement.input),
                hash(statement.output),
                statement.order,
                statement.provider,
                statement.nonce
            )
        );
    }

    /// @notice The statement digest: the EIP-712 digest under a market's domain separator.
    function digest(Statement memory statement, bytes32 domainSeparator) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domainSeparator, hash(statement)));
    }
}
