// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReferee, TracedClaim} from "../../src/interfaces/IReferee.sol";
import {DenseLayer} from "../base/DenseLayer.sol";

/// @notice Gas of refuting one of 256 outputs of a dense layer of bytes, as whole transactions.
/// forge-config: default.isolate = true
/// forge-config: campaign.isolate = true
contract RefereeGasTest is DenseLayer {
    function setUp() public {
        referee = newReferee();
    }

    function test_gasOfADotProductIsTheRecordedOne() public {
        uint32[3] memory lengths = [uint32(256), 1024, 4096];
        uint256[3] memory marks = [uint256(120_000), 190_000, 520_000];
        string[3] memory names = ["256", "1024", "4096"];
        for (uint256 i; i < lengths.length; ++i) {
            (TracedClaim memory claimed, bytes memory made) = dense(lengths[i], 77);
            // Not by its interface: only what is no static call counts as a transaction.
            (bool success, bytes memory answer) =
                address(referee).call(abi.encodeCall(IReferee.refutes, (claimed, made)));
            string memory name =
                string.concat("refute one of 256 outputs of a dense layer, products: ", names[i]);
            assertAtMost(vm.snapshotGasLastCall("referee", name), marks[i], name);
            assertTrue(success && abi.decode(answer, (bool)), "an element that is wrong is refuted");
        }
    }

    function test_theElementThatIsMeasuredIsRecomputed() public {
        (TracedClaim memory claimed, bytes memory made) = dense(1024, 0);
        assertTrue(!referee.refutes(claimed, made), "the right one stands");
    }
}
