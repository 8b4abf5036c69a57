// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReferee, TracedClaim} from "../../src/interfaces/IReferee.sol";
import {DenseLayer} from "../base/DenseLayer.sol";
import {Refutation} from "../base/RefereeWorld.sol";

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

    /// @dev A picture of 3 x 224 x 224 bytes in a program of 64 tensors, which a trace has otherwise than the order.
    function test_gasOfAPictureIsTheRecordedOne() public {
        keyPart = abi.encodePacked(uint32(1), uint32(64), uint8(1), uint32(63));
        for (uint256 i; i < 64; ++i) {
            descriptors.push(abi.encodePacked("descriptor", i));
            tensors.push(abi.encodePacked("tensor", i));
        }
        bytes memory axes = abi.encodePacked(uint32(3), uint32(50_176), uint32(224), uint32(224));
        axes = bytes.concat(hex"0103", axes, abi.encodePacked(uint32(224), uint32(1)));
        descriptors[0] =
            abi.encodePacked(uint8(0), axes, uint8(0), uint8(0), uint8(1), int64(-128), int64(127), uint8(0));
        bytes memory shape = abi.encodePacked(hex"0103", uint32(3), uint32(224), uint32(224));
        bytes32 stated = keccak256("the root of another picture");
        bytes32 rooted = keccak256(bytes.concat(keccak256("avow.tensor.tree.v1"), shape, stated));
        inputDigest = keccak256(bytes.concat(keccak256("avow.tensors.tree.v1"), hex"01", rooted));
        Refutation memory made = refutation(3, 0, 0, abi.encodePacked(uint16(0), root(tensors[0])), 0, 1);
        made.rest = abi.encodePacked(stated);
        bytes memory asked = abi.encodeCall(IReferee.refutes, (claim(), encode(made)));
        (bool success, bytes memory answer) = address(referee).call(asked);
        vm.snapshotGasLastCall("referee", "refute a traced picture of 3 x 224 x 224 by its root");
        assertTrue(success && abi.decode(answer, (bool)), "another picture is refuted");
    }
}
