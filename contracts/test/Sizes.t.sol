// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISumcheckVerifier} from "../src/interfaces/ISumcheckVerifier.sol";
import {WatchWorld} from "./base/WatchWorld.sol";

/// @notice Bytecode sizes as they are deployed; the limit of EIP-170 is 24,576 bytes.
contract SizesTest is WatchWorld {
    function setUp() public {
        setUpWatch();
    }

    function test_deployedCodeSizesAreTheRecordedOnes() public {
        _record("code of the market, bytes", address(market));
        _record("code of the model registry, bytes", address(registry));
        _record("code of the proof router, bytes", address(router));
        _record("code of the ezkl adapter, bytes", address(adapter));
        _record("code of the validator set, bytes", address(validators));
        _record("code of claims and disputes, bytes", address(claims));
        _record("code of the watch, bytes", address(watch));
        _record("code of the optimistic adapter, bytes", address(optimistic));
        ISumcheckVerifier sumcheck = newSumcheckVerifier();
        _record("code of the sumcheck verifier, bytes", address(sumcheck));
        _record("code of the sumcheck adapter, bytes", address(newSumcheckAdapter(registry, sumcheck)));
        _record("code of the referee, bytes", address(newReferee()));
    }

    function _record(string memory sentence, address deployed) private {
        assertAtMost(deployed.code.length, 24_576, sentence);
        vm.snapshotValue("sizes", sentence, deployed.code.length);
    }
}
