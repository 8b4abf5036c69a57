// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EpochTimes, IWatch, Watcher} from "../../interfaces/IWatch.sol";
import {Stakes} from "./Stakes.sol";
import {WatchParametersLib} from "./WatchClock.sol";

/// @title Seeds that say what a validator has to check, and commitments to what it found
/// @notice All seeds of a validator are fixed when it joins: each is the hash of the next one, and the first stands
/// in the anchor. So nobody else knows its duties, and it cannot choose them after seeing the claims.
abstract contract Verdicts is Stakes {
    uint256 private constant MOST_SEEDS = 2 * WatchParametersLib.KEPT;

    mapping(address account => mapping(uint256 slot => bytes32)) private _roots;

    /// @inheritdoc IWatch
    function attest(uint32 epoch, bytes32 root, uint32 seedEpoch, bytes32 seed) external nonReentrant {
        _commitVerdicts(epoch, root);
        _revealSeed(seedEpoch, seed);
    }

    /// @inheritdoc IWatch
    function commitVerdicts(uint32 epoch, bytes32 root) external {
        _commitVerdicts(epoch, root);
    }

    /// @inheritdoc IWatch
    function revealSeed(uint32 epoch, bytes32 seed) external nonReentrant {
        _revealSeed(epoch, seed);
    }

    /// @inheritdoc IWatch
    function verdictRootOf(address account, uint32 epoch) public view returns (bytes32) {
        return _roots[account][epoch % WatchParametersLib.KEPT];
    }

    /// @inheritdoc IWatch
    /// @dev Hashed twice: a leaf is no pair of nodes.
    function verdictLeaf(
        address validator,
        uint32 epoch,
        bytes32 claimId,
        bytes32 refutationDigest,
        bytes32 salt
    ) public pure returns (bytes32) {
        bytes32 verdict = keccak256(abi.encode(validator, epoch, claimId, refutationDigest, salt));
        return keccak256(abi.encodePacked(verdict));
    }

    /// @dev The seed of an epoch, out of the last one that the validator revealed.
    function _seedOf(address account, Watcher storage validator, uint32 epoch)
        internal
        view
        returns (bytes32)
    {
        if (epoch > validator.revealed) revert SeedNotRevealed(account, epoch);
        return _hashed(validator.seed, validator.revealed - epoch);
    }

    /// @dev In the epoch itself, too: a later root takes the place of an earlier one.
    function _commitVerdicts(uint32 epoch, bytes32 root) private {
        if (!_serves(_validators[msg.sender], epoch)) revert EpochNotServed(msg.sender, epoch);
        EpochTimes memory times = timesOf(epoch);
        if (block.timestamp < times.begins) revert TooEarly(times.begins);
        if (block.timestamp > times.verdictsBy) revert TooLate(times.verdictsBy);
        _roots[msg.sender][epoch % WatchParametersLib.KEPT] = root;
        emit VerdictsCommitted(msg.sender, epoch, root);
    }

    /// @dev Never before the verdicts of all are fixed. A late seed is taken, and the silence charged.
    function _revealSeed(uint32 epoch, bytes32 seed) private {
        Watcher storage validator = _validators[msg.sender];
        if (!_serves(validator, epoch)) revert EpochNotServed(msg.sender, epoch);
        uint32 revealed = validator.revealed;
        if (epoch <= revealed) revert AlreadyRevealed(msg.sender, epoch);
        uint256 first = timesOf(epoch).verdictsBy + 1;
        if (block.timestamp < first) revert TooEarly(first);
        bytes32 found = _hashed(seed, epoch - revealed);
        if (found != validator.seed) revert SeedDiffers(validator.seed, found);
        _chargeOverdue(msg.sender, validator);
        validator.revealed = epoch;
        validator.seed = seed;
        emit SeedRevealed(msg.sender, epoch, seed);
    }

    function _hashed(bytes32 seed, uint256 times) private pure returns (bytes32) {
        if (times > MOST_SEEDS) revert SeedTooFar(times, MOST_SEEDS);
        for (uint256 i; i < times; ++i) {
            seed = keccak256(abi.encodePacked(seed));
        }
        return seed;
    }
}
