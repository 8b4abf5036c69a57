// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IWatch, Watcher, Watching} from "../../interfaces/IWatch.sol";
import {Ledger} from "../../money/Ledger.sol";
import {Claims} from "../Claims.sol";
import {WatchClock} from "./WatchClock.sol";

/// @title Who watches which models, and what it can lose
/// @notice A stake leaves in two ways only: to its owner, or burned by a rule. What is burned is a credit of an
/// account that nobody has the key of; anyone can send it there.
abstract contract Stakes is WatchClock, Ledger {
    address public constant BURNED = 0x000000000000000000000000000000000000dEaD;

    Claims public immutable claims;
    mapping(address account => Watcher) internal _validators;
    /// @dev By the first epoch, too: what an account watched before it joined again is over.
    mapping(address account => mapping(uint32 firstEpoch => mapping(bytes32 modelKey => Watching))) private
        _watching;

    constructor(Claims claims_) {
        claims = claims_;
    }

    /// @inheritdoc IWatch
    function join(uint96 amount, bytes32 anchor) external nonReentrant {
        if (_validators[msg.sender].firstEpoch != 0) revert AlreadyValidator(msg.sender);
        uint96 minimum = parameters().minimumStake;
        if (amount < minimum) revert StakeTooLow(amount, minimum);
        uint32 epoch = _now();
        _validators[msg.sender] = Watcher(amount, epoch + 1, type(uint32).max, epoch, epoch, anchor);
        emit ValidatorJoined(msg.sender, amount, anchor, epoch + 1);
        _collect(msg.sender, amount);
    }

    /// @inheritdoc IWatch
    function exit() external {
        _end(_staying(msg.sender), msg.sender);
    }

    /// @inheritdoc IWatch
    function releaseStake() external nonReentrant {
        Watcher storage validator = _validator(msg.sender);
        uint32 last = validator.lastEpoch;
        if (last == type(uint32).max) revert NotLeft(msg.sender);
        uint256 until = timesOf(last).penaltiesBy;
        if (block.timestamp <= until) revert StakeBound(msg.sender, until);
        _chargeOverdue(msg.sender, validator);
        uint256 stake = validator.stake;
        delete _validators[msg.sender];
        _credit(msg.sender, stake);
        emit StakeReleased(msg.sender, stake);
    }

    /// @inheritdoc IWatch
    function watch(bytes32 modelKey) external {
        Watcher storage validator = _staying(msg.sender);
        // What is found must be refutable.
        if (!claims.isLearned(modelKey)) revert ModelNotLearned(modelKey);
        Watching storage watching = _watching[msg.sender][validator.firstEpoch][modelKey];
        uint32 until = watching.until;
        if (until == type(uint32).max) revert AlreadyWatching(msg.sender, modelKey);
        if (watching.from != 0) {
            uint256 undecided = timesOf(until).penaltiesBy;
            if (block.timestamp <= undecided) revert DutiesUndecided(msg.sender, modelKey, undecided);
        }
        watching.from = _now() + 1;
        watching.until = type(uint32).max;
        emit WatchBegun(msg.sender, modelKey, watching.from);
    }

    /// @inheritdoc IWatch
    function unwatch(bytes32 modelKey) external {
        Watcher storage validator = _validator(msg.sender);
        Watching storage watching = _watching[msg.sender][validator.firstEpoch][modelKey];
        if (watching.until != type(uint32).max) revert NotWatching(msg.sender, modelKey);
        watching.until = _now();
        emit WatchEnded(msg.sender, modelKey, watching.until);
    }

    /// @inheritdoc IWatch
    function chargeSilence(address account) external nonReentrant {
        if (_chargeOverdue(account, _validator(account)) == 0) revert NothingToCharge(account);
    }

    /// @inheritdoc IWatch
    function validatorOf(address account) external view returns (Watcher memory) {
        return _validators[account];
    }

    /// @inheritdoc IWatch
    function watchingOf(address account, bytes32 modelKey) external view returns (Watching memory) {
        return _watching[account][_validators[account].firstEpoch][modelKey];
    }

    function _validator(address account) internal view returns (Watcher storage validator) {
        validator = _validators[account];
        if (validator.firstEpoch == 0) revert NotValidator(account);
    }

    /// @dev Whether the account had duties of that model in that epoch.
    function _watched(address account, Watcher storage validator, bytes32 modelKey, uint32 epoch)
        internal
        view
        returns (bool)
    {
        if (!_serves(validator, epoch)) return false;
        Watching storage watching = _watching[account][validator.firstEpoch][modelKey];
        return watching.from != 0 && watching.from <= epoch && epoch <= watching.until;
    }

    function _serves(Watcher storage validator, uint32 epoch) internal view returns (bool) {
        return validator.firstEpoch != 0 && validator.firstEpoch <= epoch && epoch <= validator.lastEpoch;
    }

    /// @dev Takes the penalty for each epoch of its duties whose seed is overdue; each is charged once.
    function _chargeOverdue(address account, Watcher storage validator) internal returns (uint256 epochs) {
        uint32 last = _lastOverdue();
        if (last > validator.lastEpoch) last = validator.lastEpoch;
        uint32 paid = validator.revealed < validator.charged ? validator.charged : validator.revealed;
        if (last <= paid) return 0;
        epochs = last - paid;
        validator.charged = last;
        uint256 penalty = _burn(account, validator, epochs * silencePenalty());
        emit SilenceCharged(account, last, epochs, penalty);
    }

    /// @dev Burns a part of the stake, and ends the duties of who could not pay for another silent epoch.
    function _burn(address account, Watcher storage validator, uint256 penalty) internal returns (uint256) {
        uint96 stake = validator.stake;
        if (penalty > stake) penalty = stake;
        validator.stake = stake - uint96(penalty);
        _credit(BURNED, penalty);
        if (validator.stake < silencePenalty() && validator.lastEpoch == type(uint32).max) {
            _end(validator, account);
        }
        return penalty;
    }

    function _end(Watcher storage validator, address account) private {
        validator.lastEpoch = _now();
        emit ValidatorLeft(account, validator.lastEpoch);
    }

    function _staying(address account) private view returns (Watcher storage validator) {
        validator = _validator(account);
        if (validator.lastEpoch != type(uint32).max) revert AlreadyLeft(account, validator.lastEpoch);
    }
}
