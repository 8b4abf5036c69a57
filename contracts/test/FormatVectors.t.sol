// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Commitment} from "../src/types/Commitment.sol";
import {LegState} from "../src/types/Order.sol";
import {Statement, StatementLib} from "../src/types/Statement.sol";
import {StatementPath, StatementTree} from "../src/types/StatementTree.sol";
import {ElementType, TensorLib, TensorSchema} from "../src/types/Tensor.sol";
import {TestBase} from "./base/TestBase.sol";

/// @notice The vectors that Python and Solidity share.
contract FormatVectorsTest is TestBase {
    string private _json;

    function setUp() public {
        _json = vm.readFile("../tests/vectors/formats.json");
    }

    function test_everyTensorHasTheSharedDigest() public view {
        uint256 count = _count("tensors");
        for (uint256 i; i < count; ++i) {
            string memory spot = _at("tensors", i);
            uint256[] memory shape = vm.parseJsonUintArray(_json, string.concat(spot, ".shape"));
            TensorSchema memory schema;
            schema.elementType = ElementType(vm.parseJsonUint(_json, string.concat(spot, ".type_code")));
            schema.shape = new uint32[](shape.length);
            for (uint256 axis; axis < shape.length; ++axis) {
                schema.shape[axis] = uint32(shape[axis]);
            }
            bytes memory data = vm.parseJsonBytes(_json, string.concat(spot, ".data"));
            assertEq(
                TensorLib.digest(schema, data),
                vm.parseJsonBytes32(_json, string.concat(spot, ".digest")),
                spot
            );
        }
        assertTrue(count >= 4, "vectors cover every element type");
    }

    function test_everyListOfTensorsHasTheSharedDigest() public view {
        uint256 count = _count("tensor_lists");
        uint256 longer;
        for (uint256 i; i < count; ++i) {
            string memory spot = _at("tensor_lists", i);
            bytes32[] memory digests = vm.parseJsonBytes32Array(_json, string.concat(spot, ".digests"));
            (TensorSchema[] memory schemas, bytes memory data) = _tensorsWithDigests(digests);
            assertEq(
                TensorLib.digest(schemas, data),
                vm.parseJsonBytes32(_json, string.concat(spot, ".digest")),
                spot
            );
            if (digests.length > 1) ++longer;
        }
        assertTrue(longer > 0, "vectors cover lists of several tensors");
    }

    function test_everyStatementHasTheSharedDigest() public view {
        uint256 count = _count("statements");
        for (uint256 i; i < count; ++i) {
            string memory spot = _at("statements", i);
            bytes32 separator = keccak256(
                abi.encode(
                    keccak256(
                        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                    ),
                    keccak256("Avow"),
                    keccak256("1"),
                    vm.parseJsonUint(_json, string.concat(spot, ".chain_id")),
                    vm.parseJsonAddress(_json, string.concat(spot, ".market"))
                )
            );
            assertEq(separator, _word(spot, ".domain_separator"), spot);
            Statement memory statement = Statement({
                model: _word(spot, ".model"),
                system: vm.parseJsonString(_json, string.concat(spot, ".system")),
                program: _word(spot, ".program"),
                key: _word(spot, ".key"),
                input: _commitment(spot, ".input"),
                output: _commitment(spot, ".output"),
                order: _word(spot, ".order"),
                provider: vm.parseJsonAddress(_json, string.concat(spot, ".provider")),
                nonce: vm.parseJsonUint(_json, string.concat(spot, ".nonce"))
            });
            assertEq(StatementLib.hash(statement), _word(spot, ".struct_hash"), spot);
            assertEq(StatementLib.digest(statement, separator), _word(spot, ".digest"), spot);
        }
        assertTrue(count > 0, "there are statements");
    }

    function test_everyPathLeadsToTheSharedRoot() public view {
        uint256 count = _count("trees");
        for (uint256 i; i < count; ++i) {
            string memory spot = _at("trees", i);
            bytes32[] memory statements = vm.parseJsonBytes32Array(_json, string.concat(spot, ".statements"));
            bytes32 root = _word(spot, ".root");
            for (uint256 j; j < statements.length; ++j) {
                string memory path = string.concat(spot, ".paths[", vm.toString(j), "]");
                StatementPath memory standing = StatementPath(
                    vm.parseJsonUint(_json, string.concat(path, ".index")),
                    vm.parseJsonBytes32Array(_json, string.concat(path, ".siblings"))
                );
                assertEq(StatementTree.root(statements[j], standing), root, path);
            }
        }
        assertTrue(count > 1, "there are trees");
    }

    function test_everySelectorIsTheFirstFourBytesOfItsIdsHash() public view {
        uint256 count = _count("selectors");
        for (uint256 i; i < count; ++i) {
            string memory spot = _at("selectors", i);
            bytes4 selector =
                bytes4(keccak256(bytes(vm.parseJsonString(_json, string.concat(spot, ".system")))));
            assertEq(
                bytes32(selector),
                bytes32(bytes4(vm.parseJsonBytes(_json, string.concat(spot, ".selector")))),
                spot
            );
        }
        assertTrue(count > 0, "there are selectors");
    }

    function test_everyOrderIdIsTheHashOfChainMarketRequesterAndCounter() public view {
        uint256 count = _count("order_ids");
        for (uint256 i; i < count; ++i) {
            string memory spot = _at("order_ids", i);
            bytes32 order = keccak256(
                abi.encode(
                    vm.parseJsonUint(_json, string.concat(spot, ".chain_id")),
                    vm.parseJsonAddress(_json, string.concat(spot, ".market")),
                    vm.parseJsonAddress(_json, string.concat(spot, ".requester")),
                    vm.parseJsonUint(_json, string.concat(spot, ".counter"))
                )
            );
            assertEq(order, _word(spot, ".order"), spot);
        }
        assertTrue(count > 0, "there are order ids");
    }

    function test_legStatesHaveTheSharedNumbers() public view {
        string[8] memory names =
            ["NONE", "OPEN", "LOCKED", "DELIVERED", "SETTLED", "REFUNDED", "SLASHED", "CANCELLED"];
        assertEq(_count("leg_states"), names.length, "leg states");
        assertEq(uint256(type(LegState).max) + 1, names.length, "leg states of the contract");
        for (uint256 i; i < names.length; ++i) {
            string memory spot = _at("leg_states", i);
            assertEq(vm.parseJsonUint(_json, string.concat(spot, ".number")), i, spot);
            assertEq(bytes(vm.parseJsonString(_json, string.concat(spot, ".name"))), bytes(names[i]), spot);
        }
    }

    function _commitment(string memory spot, string memory field) private view returns (Commitment memory) {
        return Commitment(
            uint16(vm.parseJsonUint(_json, string.concat(spot, field, "_scheme"))),
            _word(spot, string.concat(field, "_value"))
        );
    }

    /// @dev The lists name tensors of the same file by their digests.
    function _tensorsWithDigests(bytes32[] memory digests)
        private
        view
        returns (TensorSchema[] memory schemas, bytes memory data)
    {
        schemas = new TensorSchema[](digests.length);
        uint256 count = _count("tensors");
        for (uint256 i; i < digests.length; ++i) {
            bool found;
            for (uint256 j; j < count && !found; ++j) {
                string memory spot = _at("tensors", j);
                if (_word(spot, ".digest") != digests[i]) continue;
                found = true;
                uint256[] memory shape = vm.parseJsonUintArray(_json, string.concat(spot, ".shape"));
                schemas[i].elementType =
                    ElementType(vm.parseJsonUint(_json, string.concat(spot, ".type_code")));
                schemas[i].shape = new uint32[](shape.length);
                for (uint256 axis; axis < shape.length; ++axis) {
                    schemas[i].shape[axis] = uint32(shape[axis]);
                }
                data = bytes.concat(data, vm.parseJsonBytes(_json, string.concat(spot, ".data")));
            }
            assertTrue(found, "a list names a tensor of the file");
        }
    }

    function _word(string memory spot, string memory field) private view returns (bytes32) {
        return vm.parseJsonBytes32(_json, string.concat(spot, field));
    }

    function _at(string memory list, uint256 index) private pure returns (string memory) {
        return string.concat(".", list, "[", vm.toString(index), "]");
    }

    function _count(string memory list) private view returns (uint256 count) {
        while (vm.keyExistsJson(_json, _at(list, count))) ++count;
    }
}
