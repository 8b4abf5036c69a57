// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

import {Challenge, Turn} from "../interfaces/IClaims.sol";
import {TracedClaim} from "../interfaces/IReferee.sol";
import {IWatch, Outcome, Plant, Watcher, WatchParameters} from "../interfaces/IWatch.sol";
import {Ledger} from "../money/Ledger.sol";
import {Claims} from "./Claims.sol";
import {Plants} from "./watch/Plants.sol";
import {Stakes} from "./watch/Stakes.sol";
import {WatchClock} from "./watch/WatchClock.sol";

/// @title The watch over claims: what an exposed plant is to each validator that was on duty
/// @notice Its parts, from the clock upwards: WatchClock, Ledger, Stakes, Verdicts, Plants, and here what
/// validators get and lose. The owner says who plants, and can do nothing else.
contract Watch is Plants {
    mapping(bytes32 claimId => mapping(address validator => Outcome)) private _outcomes;

    constructor(Claims claims_, address owner_, address planter_, WatchParameters memory parameters_)
        WatchClock(parameters_)
        Ledger(IERC20(claims_.token()))
        Stakes(claims_)
        Plants(owner_, planter_)
    {}

    /// @inheritdoc IWatch
    function answer(
        TracedClaim calldata traced,
        bytes calldata refutation,
        bytes32 salt,
        bytes32[] calldata path
    ) external nonReentrant {
        bytes32 claimId = traced.statementRoot;
        Plant storage exposed = _exposed(claimId);
        uint32 epoch = exposed.epoch;
        uint256 last = timesOf(epoch).answersBy;
        if (block.timestamp > last) revert TooLate(last);
        _requireUndecided(claimId, exposed, msg.sender);
        bytes32 leaf = verdictLeaf(msg.sender, epoch, claimId, keccak256(refutation), salt);
        if (!MerkleProof.verifyCalldata(path, verdictRootOf(msg.sender, epoch), leaf)) {
            revert VerdictDiffers(claimId, msg.sender);
        }
        _tracedClaim(traced);
        _requireRefuted(traced, refutation);
        _outcomes[claimId][msg.sender] = Outcome.Found;
        ++exposed.finders;
        emit PlantFound(claimId, msg.sender);
    }

    /// @inheritdoc IWatch
    function chargeMiss(bytes32 claimId, address validator) external nonReentrant {
        Plant storage exposed = _exposed(claimId);
        _requireAnswered(exposed.epoch);
        _requireUndecided(claimId, exposed, validator);
        _requireNotChallenged(claimId, validator, exposed.epoch);
        _outcomes[claimId][validator] = Outcome.Missed;
        uint256 penalty = _burn(validator, _validators[validator], parameters().missPenalty);
        emit PlantMissed(claimId, validator, penalty);
    }

    /// @inheritdoc IWatch
    function close(bytes32 claimId) external nonReentrant {
        Plant storage exposed = _exposed(claimId);
        _requireAnswered(exposed.epoch);
        if (exposed.closed) revert AlreadyClosed(claimId);
        uint256 bounty = parameters().bounty;
        uint256 finders = exposed.finders;
        uint256 share = finders == 0 ? 0 : bounty / finders;
        exposed.closed = true;
        exposed.share = uint96(share);
        budget += bounty - share * finders;
        emit PlantClosed(claimId, uint32(finders), share);
    }

    /// @inheritdoc IWatch
    function payBounty(bytes32 claimId, address validator) external nonReentrant {
        Plant storage exposed = _exposed(claimId);
        if (!exposed.closed) revert TooEarly(timesOf(exposed.epoch).answersBy + 1);
        if (_outcomes[claimId][validator] != Outcome.Found) revert NotFound(claimId, validator);
        _outcomes[claimId][validator] = Outcome.Paid;
        _credit(validator, exposed.share);
        emit BountyPaid(claimId, validator, exposed.share);
    }

    /// @inheritdoc IWatch
    function outcomeOf(bytes32 claimId, address validator) external view returns (Outcome) {
        return _outcomes[claimId][validator];
    }

    function _exposed(bytes32 claimId) private view returns (Plant storage exposed) {
        exposed = _plants[claimId];
        if (exposed.epoch == 0) revert NotExposed(claimId);
    }

    function _requireAnswered(uint32 epoch) private view {
        uint256 first = timesOf(epoch).answersBy + 1;
        if (block.timestamp < first) revert TooEarly(first);
    }

    /// @dev The validator was on duty for the plant, and has neither answered nor paid. Nobody watches itself.
    function _requireUndecided(bytes32 claimId, Plant storage exposed, address account) private view {
        Outcome outcome = _outcomes[claimId][account];
        if (outcome != Outcome.None) revert AlreadyDecided(claimId, account, outcome);
        Watcher storage validator = _validators[account];
        uint32 epoch = exposed.epoch;
        if (account == exposed.provider || !_watched(account, validator, exposed.modelKey, epoch)) {
            revert NotOnDuty(claimId, account);
        }
        if (!isDuty(_seedOf(account, validator, epoch), claimId)) revert NotOnDuty(claimId, account);
    }

    /// @dev Who cannot refute yet, because the tensors are not shown, says with its bond that they are wrong. After
    /// verdicts were due that says nothing: the exposure, which waits to be mined, names the claim.
    function _requireNotChallenged(bytes32 claimId, address validator, uint32 epoch) private view {
        Challenge memory challenge = claims.challengeOf(claimId, validator);
        if (challenge.turn == Turn.None || challenge.openedAt > timesOf(epoch).verdictsBy) return;
        revert Challenged(claimId, validator);
    }
}
