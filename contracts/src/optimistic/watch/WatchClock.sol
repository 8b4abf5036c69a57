// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {EpochTimes, IWatch, WatchParameters} from "../../interfaces/IWatch.sol";

/// @notice The bounds of a watch's parameters.
library WatchParametersLib {
    /// @dev Epochs for which committed roots are kept, and half of those over which seeds are hashed back.
    uint256 internal constant KEPT = 32;

    /// @notice Reverts when a parameter is outside its bounds.
    function check(WatchParameters memory parameters) internal pure {
        uint256 epoch = parameters.epoch;
        _within("epoch", epoch, 10 minutes, 7 days);
        // Two epochs at most take verdicts at a time.
        _within("verdictDelay", parameters.verdictDelay, 5 minutes, epoch - 1);
        // So that one transaction does for an epoch's verdicts and the seed of the epoch before.
        _within("revealTime", parameters.revealTime, epoch, 8 * epoch);
        // Until a finder has answered, its root must not have been written over.
        uint256 before = uint256(parameters.verdictDelay) + parameters.revealTime;
        _within("answerTime", parameters.answerTime, 1 hours, (KEPT - 1) * epoch - before);
        _within("dutyBps", parameters.dutyBps, 1, 10_000);
        _within("maximumPlants", parameters.maximumPlants, 1, 64);
        _within("bounty", parameters.bounty, 1, type(uint96).max);
        _within("missPenalty", parameters.missPenalty, 1, type(uint96).max / (2 * parameters.maximumPlants));
        uint256 silence = uint256(parameters.missPenalty) * parameters.maximumPlants;
        _within("minimumStake", parameters.minimumStake, 2 * silence, type(uint96).max);
    }

    function _within(string memory name, uint256 value, uint256 minimum, uint256 maximum) private pure {
        if (value < minimum || value > maximum) {
            revert IWatch.ParameterOutOfBounds(name, value, minimum, maximum);
        }
    }
}

/// @title Epochs, and what is due when
/// @notice Everything is fixed for good: a stake is at risk under the terms under which it was put up.
abstract contract WatchClock is IWatch {
    uint256 private immutable _minimumStake;
    uint256 private immutable _missPenalty;
    uint256 private immutable _bounty;
    uint256 private immutable _epoch;
    uint256 private immutable _verdictDelay;
    uint256 private immutable _revealTime;
    uint256 private immutable _answerTime;
    uint256 private immutable _dutyBps;
    uint256 private immutable _maximumPlants;

    constructor(WatchParameters memory parameters_) {
        WatchParametersLib.check(parameters_);
        _minimumStake = parameters_.minimumStake;
        _missPenalty = parameters_.missPenalty;
        _bounty = parameters_.bounty;
        _epoch = parameters_.epoch;
        _verdictDelay = parameters_.verdictDelay;
        _revealTime = parameters_.revealTime;
        _answerTime = parameters_.answerTime;
        _dutyBps = parameters_.dutyBps;
        _maximumPlants = parameters_.maximumPlants;
    }

    /// @inheritdoc IWatch
    function isDuty(bytes32 seed, bytes32 claimId) public view returns (bool) {
        return uint256(keccak256(abi.encode(seed, claimId))) % 10_000 < _dutyBps;
    }

    /// @inheritdoc IWatch
    function parameters() public view returns (WatchParameters memory) {
        return WatchParameters({
            minimumStake: uint96(_minimumStake),
            missPenalty: uint96(_missPenalty),
            bounty: uint96(_bounty),
            epoch: uint32(_epoch),
            verdictDelay: uint32(_verdictDelay),
            revealTime: uint32(_revealTime),
            answerTime: uint32(_answerTime),
            dutyBps: uint16(_dutyBps),
            maximumPlants: uint16(_maximumPlants)
        });
    }

    /// @inheritdoc IWatch
    function silencePenalty() public view returns (uint256) {
        return _missPenalty * _maximumPlants;
    }

    /// @inheritdoc IWatch
    function epochAt(uint256 time) public view returns (uint32) {
        return uint32(time / _epoch);
    }

    /// @inheritdoc IWatch
    function timesOf(uint32 epoch) public view returns (EpochTimes memory times) {
        times.begins = epoch * _epoch;
        times.ends = times.begins + _epoch - 1;
        times.verdictsBy = times.ends + _verdictDelay;
        times.revealsBy = times.verdictsBy + _revealTime;
        times.answersBy = times.revealsBy + _answerTime;
        times.penaltiesBy = times.answersBy + _answerTime;
    }

    function _now() internal view returns (uint32) {
        return epochAt(block.timestamp);
    }

    /// @dev The last epoch whose seed is overdue; zero when none can be.
    function _lastOverdue() internal view returns (uint32) {
        // Overdue: (epoch + 1) * length - 1 + delay + time < now.
        uint256 since = _verdictDelay + _revealTime;
        if (block.timestamp < since + _epoch) return 0;
        return uint32((block.timestamp - since) / _epoch - 1);
    }
}
