// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {Claim, ClaimParameters, IClaims} from "../interfaces/IClaims.sol";
import {IProofRouter} from "../interfaces/IProofRouter.sol";
import {IReferee, TracedClaim} from "../interfaces/IReferee.sol";
import {Ledger} from "../money/Ledger.sol";
import {Challenges} from "./Challenges.sol";
import {ClaimBook} from "./ClaimBook.sol";
import {ClaimTerms} from "./ClaimTerms.sol";
import {RevealGame} from "./RevealGame.sol";

/// @title Claims of "optimistic/v1": answers that anybody can overturn
/// @notice Its parts, from the money upwards: Ledger, ClaimTerms, ClaimBook, Challenges, RevealGame, and
/// here what ends most disputes: the refutation of one element. Nobody can stop it, not even its owner.
contract Claims is RevealGame {
    /// @inheritdoc IClaims
    mapping(bytes32 commitment => uint256) public committedIn;

    constructor(
        IAvowMarket market_,
        IProofRouter router_,
        IReferee referee_,
        address owner_,
        ClaimParameters memory parameters_
    )
        Ledger(IERC20(market_.token()))
        ClaimTerms(market_.registry(), owner_, parameters_)
        ClaimBook(market_, router_)
        Challenges(referee_)
    {}

    /// @inheritdoc IClaims
    function commit(bytes32 commitment) external {
        // Who repeats another's commitment must not make it younger.
        if (committedIn[commitment] == 0) committedIn[commitment] = block.number;
        emit RefutationCommitted(commitment, msg.sender);
    }

    /// @inheritdoc IClaims
    /// @dev What it calls is called statically, so that its own guard need not be set.
    function refute(TracedClaim calldata traced, bytes calldata refutation, bytes32 salt)
        external
        nonReentrantView
    {
        bytes32 claimId = traced.statementRoot;
        Claim storage claim_ = _undecided(claimId);
        _checkTraced(claim_, traced);
        if (traced.traceRoot == 0) revert TraceRootMissing(claimId);
        _useCommitment(claimId, refutation, salt);
        if (!referee.refutes(traced, refutation)) revert NotRefuted(claimId);
        _win(claimId, claim_, msg.sender);
    }

    function _useCommitment(bytes32 claimId, bytes calldata refutation, bytes32 salt) private {
        bytes32 commitment = keccak256(abi.encode(msg.sender, claimId, keccak256(refutation), salt));
        uint256 made = committedIn[commitment];
        if (made == 0 || made >= block.number) revert NotCommitted(claimId, msg.sender);
        delete committedIn[commitment];
    }
}
