// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {BatchClaim, Statement} from "../types/Statement.sol";

/// @notice A selector is unused, in use, or withdrawn for ever.
enum RouterEntryState {
    None,
    Active,
    Tombstoned
}

/// @notice What a selector stands for.
/// @param implementation the adapter; its code is pinned.
/// @param gasCap gas given to the adapter.
/// @param tombstonedAt when it was withdrawn, or zero.
/// @param codehash EXTCODEHASH of the adapter when it was added.
/// @param specification hash of the written specification of the seal's format.
/// @dev What a verification reads stands in the first two words.
struct RouterEntry {
    address implementation;
    uint32 gasCap;
    RouterEntryState state;
    uint56 tombstonedAt;
    bytes32 codehash;
    bytes32 specification;
}

/// @notice A new entry. The selector is derived from `system`.
struct RouterEntryConfig {
    string system;
    address implementation;
    bytes32 codehash;
    bytes32 specification;
    uint32 gasCap;
}

/// @title Chooses the adapter by the first four bytes of a seal
interface IProofRouter {
    event EntryAdded(
        bytes4 indexed selector,
        string system,
        address implementation,
        bytes32 codehash,
        bytes32 specification,
        uint32 gasCap
    );
    event EntryTombstoned(bytes4 indexed selector);
    event GuardianChanged(address indexed guardian);
    event VerificationPaused();
    event VerificationResumed();

    error EntryUnknown(bytes4 selector);
    error EntryTaken(bytes4 selector);
    error EntryRetired(bytes4 selector);
    error ImplementationWithoutCode(address implementation);
    error ImplementationCodeDiffers(address implementation, bytes32 expected, bytes32 found);
    error GasCapOutOfBounds(uint256 gasCap, uint256 minimum, uint256 maximum);
    error SealTooShort(uint256 length);
    error SelectorMismatch(bytes4 seal, bytes4 statement);
    error NoClaims();
    error VerificationIsPaused();
    error NotPaused();
    error NotGuardian(address caller);

    /// @notice Whether the seal proves the statement, bound to the root.
    /// @dev Never accepts on a revert, on missing code, on changed code or on a malformed answer.
    /// @return accepted true only when the adapter answered exactly true.
    /// @return reason at most 132 bytes of the adapter's revert data when it refused.
    function verify(bytes32 modelKey, Statement calldata statement, bytes32 root, bytes calldata seal)
        external
        view
        returns (bool accepted, bytes memory reason);

    /// @notice Whether the seal, with each claim's part, proves every one of the claims, bound to the root.
    /// The adapter gets the entry's gas for each claim, at most the highest cap of an entry.
    /// @dev As strict as `verify`; an empty list is never accepted.
    function verifyBatch(bytes32 modelKey, BatchClaim[] calldata claims, bytes32 root, bytes calldata seal)
        external
        view
        returns (bool accepted, bytes memory reason);

    /// @notice Whether the adapter of the statement's system says that the statement was shown to be wrong. The
    /// adapter gets the entry's gas; one that does not know the question says no.
    /// @dev Reverts while verification is stopped, and for a selector that is not in use.
    function refuted(bytes32 modelKey, Statement calldata statement) external view returns (bool);

    /// @notice The entry of a selector (state None when there never was one).
    function entryOf(bytes4 selector) external view returns (RouterEntry memory);

    /// @notice Whether seals of this selector are verified at this moment.
    function isActive(bytes4 selector) external view returns (bool);

    /// @notice Whether verification under this selector was impossible at any time from `since` until now.
    function interruptedSince(bytes4 selector, uint64 since) external view returns (bool);
}
