// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Challenge, Claim, ClaimParameters, ClaimState, IClaims, Turn} from "../interfaces/IClaims.sol";
import {IReferee, TracedClaim} from "../interfaces/IReferee.sol";
import {ClaimBook} from "./ClaimBook.sol";
import {KeySchemas} from "./KeySchemas.sol";
import {TraceTree} from "./TraceTree.sol";

/// @title Challenges: how they begin and end, whose turn it is, and the clocks
/// @notice Challenges of one claim go on side by side, each with its own clocks. The first that succeeds ends
/// the claim; the bonds of the others are reclaimed one by one.
abstract contract Challenges is ClaimBook {
    uint256 internal constant MAXIMUM_LEAVES = 1 << 20;

    IReferee public immutable referee;
    /// @notice Compares registered tensors with keys.
    KeySchemas public immutable keySchemas;
    /// @inheritdoc IClaims
    mapping(bytes32 key => uint32) public tensorsOf;
    mapping(bytes32 claimId => mapping(address challenger => Challenge)) internal _challenges;

    constructor(IReferee referee_) {
        referee = referee_;
        keySchemas = new KeySchemas(registry, referee_);
    }

    /// @inheritdoc IClaims
    function learn(bytes32 modelKey, bytes[] calldata inputs, bytes[] calldata outputs) external {
        (bytes32 key, uint32 tensors) = keySchemas.check(modelKey, inputs, outputs);
        isLearned[modelKey] = true;
        tensorsOf[key] = tensors;
        emit ModelLearned(modelKey, key, tensors);
    }

    /// @inheritdoc IClaims
    function open(TracedClaim calldata traced) external nonReentrant {
        bytes32 claimId = traced.statementRoot;
        Claim storage claim_ = _undecided(claimId);
        if (block.timestamp > claim_.windowEnd) revert WindowPassed(claimId, claim_.windowEnd);
        bytes32 root = _checkTraced(claim_, traced);
        Challenge storage challenge = _challenges[claimId][msg.sender];
        if (challenge.turn != Turn.None) revert AlreadyChallenged(claimId, msg.sender);

        ClaimParameters memory terms = parametersOf(claim_.version);
        ++claim_.open;
        challenge.turnSince = uint40(block.timestamp);
        challenge.openedAt = uint40(block.timestamp);
        challenge.providerLeft = uint24(terms.clock);
        challenge.challengerLeft = uint24(terms.clock);
        challenge.turn = root == 0 ? Turn.Trace : Turn.Children;
        challenge.levels = TraceTree.depth(tensorsOf[traced.key]);
        challenge.contested = root;
        emit ChallengeOpened(claimId, msg.sender, root, challenge.levels);
        _collect(msg.sender, terms.challengeBond);
    }

    /// @inheritdoc IClaims
    function timeout(bytes32 claimId, address challenger) external nonReentrant {
        Claim storage claim_ = _undecided(claimId);
        Challenge storage challenge = _challenges[claimId][challenger];
        Turn turn = challenge.turn;
        if (turn == Turn.None || turn == Turn.Ended) revert NotTheTurn(claimId, challenger, turn);
        ClaimParameters memory terms = parametersOf(claim_.version);
        uint256 deadline = _deadline(challenge, terms.extension);
        if (block.timestamp <= deadline) revert ClockStillRuns(claimId, challenger, deadline);
        if (_isProviders(turn)) {
            _win(claimId, claim_, challenger);
            return;
        }
        _loseChallengeBond(claimId, claim_, challenger, terms.challengeBond);
    }

    /// @inheritdoc IClaims
    function reclaim(bytes32 claimId, address challenger) external nonReentrant {
        Claim storage claim_ = _claims[claimId];
        ClaimState state = claim_.state;
        if (state != ClaimState.Upheld && state != ClaimState.Overturned) {
            revert ClaimNotFinal(claimId);
        }
        Challenge storage challenge = _challenges[claimId][challenger];
        Turn turn = challenge.turn;
        if (turn == Turn.None || turn == Turn.Ended) revert NothingToReclaim(claimId, challenger);
        ClaimParameters memory terms = parametersOf(claim_.version);
        // A challenge that is open beside an upheld claim was ended by its proof, at the end of the window as it is now.
        bool late = state == ClaimState.Upheld && !_isProviders(turn)
            && _deadline(challenge, terms.extension) < claim_.windowEnd;
        if (late) _loseChallengeBond(claimId, claim_, challenger, terms.challengeBond);
        else _returnChallengeBond(claimId, claim_, challenger, terms.challengeBond);
    }

    /// @inheritdoc IClaims
    function challengeOf(bytes32 claimId, address challenger) external view returns (Challenge memory) {
        return _challenges[claimId][challenger];
    }

    /// @inheritdoc IClaims
    function deadlineOf(bytes32 claimId, address challenger) external view returns (uint256) {
        Challenge storage challenge = _challenges[claimId][challenger];
        Claim storage claim_ = _claims[claimId];
        if (claim_.state != ClaimState.Standing) return 0;
        if (challenge.turn == Turn.None || challenge.turn == Turn.Ended) return 0;
        return _deadline(challenge, parametersOf(claim_.version).extension);
    }

    /// @dev Overturns the claim for an account; with its own challenge, if it has one, its bond comes back.
    function _win(bytes32 claimId, Claim storage claim_, address winner) internal {
        bool challenged = claim_.open != 0;
        _overturn(claimId, claim_, winner);
        if (!challenged) return;
        Turn turn = _challenges[claimId][winner].turn;
        if (turn == Turn.None || turn == Turn.Ended) return;
        _returnChallengeBond(claimId, claim_, winner, parametersOf(claim_.version).challengeBond);
    }

    /// @dev The challenge in which the provider has to make this move now, its clock stopped.
    function _providersMove(bytes32 claimId, address challenger, Turn turn)
        internal
        view
        returns (Challenge memory challenge)
    {
        Claim storage claim_ = _undecided(claimId);
        if (msg.sender != claim_.provider) revert NotProvider(claimId, msg.sender);
        challenge = _inTurn(claimId, claim_, challenger, turn);
    }

    /// @dev The caller's challenge, in which it has to make this move now, its clock stopped.
    function _challengersMove(bytes32 claimId, Turn turn) internal view returns (Challenge memory) {
        return _inTurn(claimId, _undecided(claimId), msg.sender, turn);
    }

    function _isProviders(Turn turn) internal pure returns (bool) {
        return turn != Turn.Pick && turn != Turn.Refutation;
    }

    function _inTurn(bytes32 claimId, Claim storage claim_, address challenger, Turn turn)
        private
        view
        returns (Challenge memory challenge)
    {
        challenge = _challenges[claimId][challenger];
        if (challenge.turn != turn) revert NotTheTurn(claimId, challenger, challenge.turn);
        uint256 extension = parametersOf(claim_.version).extension;
        uint256 deadline = _deadline(challenge, extension);
        if (block.timestamp > deadline) revert ClockRanOut(claimId, challenger, deadline);
        uint256 used = block.timestamp - challenge.turnSince;
        if (_isProviders(turn)) challenge.providerLeft = _less(challenge.providerLeft, used);
        else challenge.challengerLeft = _less(challenge.challengerLeft, used);
        challenge.turnSince = uint40(block.timestamp);
    }

    function _returnChallengeBond(bytes32 claimId, Claim storage claim_, address challenger, uint256 bond)
        private
    {
        _end(claimId, claim_, challenger);
        _credit(challenger, bond);
        emit ChallengeBondReturned(claimId, challenger, bond);
    }

    function _loseChallengeBond(bytes32 claimId, Claim storage claim_, address challenger, uint256 bond)
        private
    {
        _end(claimId, claim_, challenger);
        _credit(claim_.provider, bond);
        emit ChallengeLost(claimId, challenger, bond);
    }

    function _end(bytes32 claimId, Claim storage claim_, address challenger) private {
        _challenges[claimId][challenger].turn = Turn.Ended;
        if (claim_.state != ClaimState.Overturned) --claim_.open;
    }

    function _deadline(Challenge memory challenge, uint256 extension) private pure returns (uint256) {
        uint256 left = _isProviders(challenge.turn) ? challenge.providerLeft : challenge.challengerLeft;
        return challenge.turnSince + (left > extension ? left : extension);
    }

    function _less(uint24 left, uint256 used) private pure returns (uint24) {
        return used < left ? uint24(left - used) : 0;
    }
}
