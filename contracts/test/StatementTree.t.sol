// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {StatementPath, StatementTree} from "../src/types/StatementTree.sol";
import {TestBase} from "./base/TestBase.sol";

/// @notice Paths in the Merkle tree of statements.
contract StatementTreeTest is TestBase {
    function root(bytes32 digest, StatementPath memory path) external pure returns (bytes32) {
        return StatementTree.root(digest, path);
    }

    function test_aSingleStatementIsItsOwnRoot() public pure {
        assertEq(
            StatementTree.root(bytes32("s"), StatementPath(0, new bytes32[](0))),
            keccak256(abi.encodePacked(hex"00", bytes32("s"))),
            "leaf"
        );
    }

    function test_aPathDeeperThanSixteenIsRefused() public {
        this.root(bytes32("s"), StatementPath(0, new bytes32[](16)));
        vm.expectRevert(abi.encodeWithSelector(StatementTree.PathTooDeep.selector, 17, 16));
        this.root(bytes32("s"), StatementPath(0, new bytes32[](17)));
    }

    function test_anIndexOutsideTheTreeIsRefused() public {
        vm.expectRevert(abi.encodeWithSelector(StatementTree.IndexOutsideTree.selector, 1, 0));
        this.root(bytes32("s"), StatementPath(1, new bytes32[](0)));
        vm.expectRevert(abi.encodeWithSelector(StatementTree.IndexOutsideTree.selector, 8, 3));
        this.root(bytes32("s"), StatementPath(8, new bytes32[](3)));
    }

    function testFuzz_statementSideAndSiblingEnterTheRoot(bytes32 digest, bytes32 sibling, bytes32 other)
        public
        pure
    {
        vm.assume(sibling != other && sibling != StatementTree.leaf(digest));
        bytes32[] memory siblings = new bytes32[](1);
        siblings[0] = sibling;
        bytes32 left = StatementTree.root(digest, StatementPath(0, siblings));
        assertTrue(left != StatementTree.root(digest, StatementPath(1, siblings)), "side");
        siblings[0] = other;
        assertTrue(left != StatementTree.root(digest, StatementPath(0, siblings)), "sibling");
    }

    function test_aNodeIsNoLeaf() public pure {
        bytes32 joined = StatementTree.node(bytes32("a"), bytes32("b"));
        assertTrue(joined != keccak256(abi.encodePacked(bytes32("a"), bytes32("b"))), "prefixed");
        assertTrue(joined != StatementTree.leaf(bytes32("a")), "kinds differ");
    }
}
