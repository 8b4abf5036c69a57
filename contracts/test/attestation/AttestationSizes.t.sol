// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Tier} from "../../src/interfaces/IAttestationKeys.sol";
import {AttestationWorld} from "../base/AttestationWorld.sol";

/// @notice Bytecode sizes as they are deployed; the limit of EIP-170 is 24,576 bytes.
contract AttestationSizesTest is AttestationWorld {
    function setUp() public {
        setUpAttestation();
    }

    function test_deployedCodeSizesAreTheRecordedOnes() public {
        _record("code of the attested keys, bytes", address(keys));
        _record("code of the tee adapter, bytes", address(tee));
        _record("code of the receipt verifier, bytes", address(newReceiptVerifier(keys, Tier.Registrar)));
        _record(
            "code of the check by a DCAP verifier, bytes", address(newDcapQuoteCheck(address(market), 6, 3))
        );
    }

    function _record(string memory sentence, address deployed) private {
        assertAtMost(deployed.code.length, 24_576, sentence);
        vm.snapshotValue("tee-sizes", sentence, deployed.code.length);
    }
}
