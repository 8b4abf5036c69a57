// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Field, R} from "./Field.sol";
import {Tape} from "./Tape.sol";

/// @notice The fixed part of a blob. Names are those of `docs/reference/sumcheck-evm.md`; addresses of memory
/// follow what the blob itself says. `order` is r, for code that runs seldom and is shorter with a variable.
struct Blob {
    uint256 variables;
    uint256 summed;
    uint256 degree;
    uint256 stackVariables;
    uint256 columns;
    uint256 width;
    uint256 batchVariables;
    uint256 batch;
    uint256 keyRows;
    uint256 firstWitnessRow;
    uint256 witnessRows;
    uint256 firstHelperRow;
    uint256 helperRows;
    uint256 reads;
    uint256 factors;
    uint256 constants;
    uint256 stepsAtR;
    uint256 stepsAtS;
    uint256 stepsAtZ;
    uint256 firstWeight;
    uint256 tapeWords;
    uint256 inner;
    uint256 ends;
    uint256 inputs;
    uint256 outputs;
    uint256 equalities;
    bytes32 program;
    bytes32 key;
    bytes32 srs;
    uint256 tauG2;
    uint256 rows;
    uint256 body;
    uint256 end;
    uint256 order;
}

/// @notice Reads a blob from an account's code.
library BlobReader {
    uint256 private constant HEADER = 272;

    error BlobMalformed();

    /// @notice Copies the account's code to memory and reads its fixed part.
    function read(Blob memory blob, address account) internal view {
        unchecked {
            uint256 size = account.code.length;
            uint256 start;
            assembly ("memory-safe") {
                start := mload(0x40)
                // A word of zeros behind it, as steps are read by whole words.
                mstore(0x40, add(start, and(add(size, 95), not(31))))
                extcodecopy(account, start, 0, size)
                mstore(add(start, size), 0)
            }
            if (size < HEADER) revert BlobMalformed();
            uint256 word = Field.load(start);
            if (word >> 240 != 1) revert BlobMalformed();
            blob.variables = (word >> 232) & 0xff;
            blob.summed = (word >> 224) & 0xff;
            blob.degree = (word >> 216) & 0xff;
            blob.stackVariables = (word >> 208) & 0xff;
            blob.columns = (word >> 200) & 0xff;
            blob.width = (word >> 192) & 0xff;
            blob.batchVariables = (word >> 184) & 0xff;
            blob.batch = (word >> 152) & 0xffffffff;
            blob.keyRows = (word >> 136) & 0xffff;
            blob.firstWitnessRow = (word >> 120) & 0xffff;
            blob.witnessRows = (word >> 104) & 0xffff;
            blob.firstHelperRow = (word >> 88) & 0xffff;
            blob.helperRows = (word >> 72) & 0xffff;
            blob.reads = (word >> 56) & 0xffff;
            blob.factors = (word >> 40) & 0xffff;
            blob.constants = (word >> 24) & 0xffff;
            blob.inputs = (word >> 16) & 0xff;
            blob.outputs = (word >> 8) & 0xff;
            blob.equalities = word & 0xff;
            word = Field.load(start + 32);
            blob.stepsAtR = word >> 240;
            blob.stepsAtS = (word >> 224) & 0xffff;
            blob.stepsAtZ = (word >> 208) & 0xffff;
            blob.firstWeight = (word >> 192) & 0xffff;
            blob.tapeWords = (word >> 160) & 0xffffffff;
            blob.inner = (word >> 152) & 0xff;
            blob.ends = (word >> 144) & 0xff;
            if (blob.columns < 5 || blob.columns > blob.stackVariables) revert BlobMalformed();
            blob.program = bytes32(Field.load(start + 48));
            blob.key = bytes32(Field.load(start + 80));
            blob.srs = bytes32(Field.load(start + 112));
            blob.tauG2 = start + 144;
            blob.rows = start + HEADER;
            blob.body = start + HEADER + 64 * blob.keyRows;
            blob.end = start + size;
            blob.order = R;
        }
    }

    /// @notice The one length that a proof can have.
    function proofBytes(Blob memory blob) internal pure returns (uint256) {
        unchecked {
            uint256 folds = (blob.columns - 2) / 3;
            uint256 points = blob.witnessRows + blob.helperRows + folds + 1;
            uint256 scalars = 3 * blob.variables + blob.reads + blob.degree * blob.summed + blob.factors + 2
                * blob.stackVariables + 2 + (1 << (blob.columns - 3 * folds)) + 8 * folds;
            return 64 * points + 32 * scalars;
        }
    }

    /// @notice Everything of the blob was read, and nothing was written beyond the tape.
    function requireEnd(Blob memory blob, Tape memory tape) internal pure {
        if (tape.code != blob.end || tape.top > tape.base + 32 * blob.tapeWords) revert BlobMalformed();
    }
}
