// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

import {IBatchProofAdapter} from "./interfaces/IBatchProofAdapter.sol";
import {IProofAdapter} from "./interfaces/IProofAdapter.sol";
import {IProofRouter, RouterEntry, RouterEntryConfig, RouterEntryState} from "./interfaces/IProofRouter.sol";
import {IRefutableAdapter} from "./interfaces/IRefutableAdapter.sol";
import {BoundedCall} from "./types/BoundedCall.sol";
import {BatchClaim, Statement} from "./types/Statement.sol";

/// @title Chooses the adapter by the first four bytes of a seal
/// @notice The owner (meant to be a TimelockController) adds entries and withdraws them for ever; nothing
/// can be replaced. The guardian can stop and resume verification, nothing else: while it is stopped nobody
/// is paid and nobody is slashed for not settling.
contract ProofRouter is IProofRouter, Ownable2Step {
    uint256 public constant MINIMUM_GAS_CAP = 50_000;
    /// @dev With the largest callback, a long seal and EIP-150's shares still below the 16,777,216 gas of one
    /// transaction (EIP-7825): what no transaction can settle would cost an honest provider its bond.
    uint256 public constant MAXIMUM_GAS_CAP = 10_000_000;

    /// @dev What this contract needs besides the adapter's gas: account access and its own answer.
    uint256 private constant GAS_RESERVE = 20_000;

    address public guardian;
    bool public paused;
    uint64 public resumedAt;
    mapping(bytes4 selector => RouterEntry) private _entries;

    constructor(address owner_, address guardian_, RouterEntryConfig[] memory entries) Ownable(owner_) {
        guardian = guardian_;
        emit GuardianChanged(guardian_);
        for (uint256 i; i < entries.length; ++i) {
            _addEntry(entries[i]);
        }
    }

    /// @notice Adds an entry under a selector that was never used.
    function addEntry(RouterEntryConfig calldata config) external onlyOwner {
        _addEntry(config);
    }

    /// @notice Withdraws an entry for ever.
    function tombstoneEntry(bytes4 selector) external onlyOwner {
        RouterEntry storage current = _entries[selector];
        if (current.state == RouterEntryState.None) revert EntryUnknown(selector);
        if (current.state == RouterEntryState.Tombstoned) revert EntryRetired(selector);
        current.state = RouterEntryState.Tombstoned;
        current.tombstonedAt = uint56(block.timestamp);
        emit EntryTombstoned(selector);
    }

    /// @notice Changes who may stop verification; zero for nobody but the owner.
    function setGuardian(address guardian_) external onlyOwner {
        guardian = guardian_;
        emit GuardianChanged(guardian_);
    }

    /// @notice Stops verification.
    function pause() external {
        _checkGuardian();
        if (paused) revert VerificationIsPaused();
        paused = true;
        emit VerificationPaused();
    }

    /// @notice Resumes verification.
    function resume() external {
        _checkGuardian();
        if (!paused) revert NotPaused();
        paused = false;
        resumedAt = uint64(block.timestamp);
        emit VerificationResumed();
    }

    /// @inheritdoc IProofRouter
    function verify(bytes32 modelKey, Statement calldata statement, bytes32 root, bytes calldata seal)
        external
        view
        returns (bool accepted, bytes memory reason)
    {
        _checkSelector(seal, statement);
        (address implementation, uint256 gasCap) = _chosen(bytes4(seal));
        bytes memory data = abi.encodeCall(IProofAdapter.verify, (modelKey, statement, root, seal[4:]));
        return _ask(implementation, gasCap, data);
    }

    /// @inheritdoc IProofRouter
    function verifyBatch(bytes32 modelKey, BatchClaim[] calldata claims, bytes32 root, bytes calldata seal)
        external
        view
        returns (bool accepted, bytes memory reason)
    {
        if (claims.length == 0) revert NoClaims();
        for (uint256 i; i < claims.length; ++i) {
            _checkSelector(seal, claims[i].statement);
        }
        (address implementation, uint256 gasCap) = _chosen(bytes4(seal));
        uint256 amount = gasCap * claims.length;
        if (amount > MAXIMUM_GAS_CAP) amount = MAXIMUM_GAS_CAP;
        bytes memory data = abi.encodeCall(IBatchProofAdapter.verifyBatch, (modelKey, claims, root, seal[4:]));
        return _ask(implementation, amount, data);
    }

    /// @inheritdoc IProofRouter
    function refuted(bytes32 modelKey, Statement calldata statement) external view returns (bool answer) {
        bytes4 selector = bytes4(keccak256(bytes(statement.system)));
        (address implementation, uint256 gasCap) = _chosen(selector);
        bytes memory data = abi.encodeCall(IRefutableAdapter.refuted, (modelKey, statement));
        (answer,) = _ask(implementation, gasCap, data);
    }

    /// @inheritdoc IProofRouter
    function entryOf(bytes4 selector) external view returns (RouterEntry memory) {
        return _entries[selector];
    }

    /// @inheritdoc IProofRouter
    function isActive(bytes4 selector) external view returns (bool) {
        return !paused && _entries[selector].state == RouterEntryState.Active;
    }

    /// @inheritdoc IProofRouter
    function interruptedSince(bytes4 selector, uint64 since) external view returns (bool) {
        return paused || (resumedAt != 0 && resumedAt >= since)
            || _entries[selector].state != RouterEntryState.Active;
    }

    function _addEntry(RouterEntryConfig memory config) private {
        bytes4 selector = bytes4(keccak256(bytes(config.system)));
        RouterEntryState state = _entries[selector].state;
        if (state == RouterEntryState.Active) revert EntryTaken(selector);
        if (state == RouterEntryState.Tombstoned) revert EntryRetired(selector);
        if (config.gasCap < MINIMUM_GAS_CAP || config.gasCap > MAXIMUM_GAS_CAP) {
            revert GasCapOutOfBounds(config.gasCap, MINIMUM_GAS_CAP, MAXIMUM_GAS_CAP);
        }
        if (config.implementation.code.length == 0) revert ImplementationWithoutCode(config.implementation);
        bytes32 found = config.implementation.codehash;
        if (found != config.codehash) {
            revert ImplementationCodeDiffers(config.implementation, config.codehash, found);
        }
        _entries[selector] = RouterEntry({
            implementation: config.implementation,
            codehash: config.codehash,
            specification: config.specification,
            gasCap: config.gasCap,
            state: RouterEntryState.Active,
            tombstonedAt: 0
        });
        emit EntryAdded(
            selector,
            config.system,
            config.implementation,
            config.codehash,
            config.specification,
            config.gasCap
        );
    }

    /// @dev The entry of a selector, in use and with the code that was pinned.
    function _chosen(bytes4 selector) private view returns (address implementation, uint256 gasCap) {
        if (paused) revert VerificationIsPaused();
        RouterEntry storage chosen = _entries[selector];
        RouterEntryState state = chosen.state;
        if (state == RouterEntryState.None) revert EntryUnknown(selector);
        if (state == RouterEntryState.Tombstoned) revert EntryRetired(selector);
        (implementation, gasCap) = (chosen.implementation, chosen.gasCap);
        bytes32 found = implementation.codehash;
        if (found != chosen.codehash) {
            revert ImplementationCodeDiffers(implementation, chosen.codehash, found);
        }
    }

    function _checkSelector(bytes calldata seal, Statement calldata statement) private pure {
        if (seal.length < 4) revert SealTooShort(seal.length);
        bytes4 claimed = bytes4(keccak256(bytes(statement.system)));
        if (bytes4(seal) != claimed) revert SelectorMismatch(bytes4(seal), claimed);
    }

    function _ask(address implementation, uint256 amount, bytes memory data)
        private
        view
        returns (bool, bytes memory)
    {
        BoundedCall.requireGas(amount, GAS_RESERVE);
        return BoundedCall.staticTrue(implementation, amount, data);
    }

    function _checkGuardian() private view {
        if (msg.sender != guardian && msg.sender != owner()) revert NotGuardian(msg.sender);
    }
}
