// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AttestedKey,
    IAttestationKeys,
    ProvenAnswer,
    Service,
    SignedAnswer
} from "../interfaces/IAttestationKeys.sol";
import {IAvowMarket} from "../interfaces/IAvowMarket.sol";
import {IClaims} from "../interfaces/IClaims.sol";
import {IProofRouter} from "../interfaces/IProofRouter.sol";
import {Commitment, CommitmentScheme} from "../types/Commitment.sol";
import {Statement, StatementLib} from "../types/Statement.sol";
import {StatementTree} from "../types/StatementTree.sol";
import {Registrations} from "./Registrations.sol";

/// @title A signed answer that is shown to be wrong costs its key the stake
/// @notice A proof of another output of the same program for the same input shows it to be wrong. An overturned
/// claim shows it only of who made the claim: anybody can lose a claim of a right answer on purpose, so it counts
/// for keys of the claim's own provider alone.
abstract contract Contradictions is Registrations {
    bytes32 private constant SYSTEM = keccak256("tee/v1");
    bytes32 private constant PROOF_SYSTEM = keccak256("sumcheck/v1");
    string private constant CLAIM_SYSTEM = "optimistic/v1";

    IAvowMarket public immutable market;
    IProofRouter public immutable router;
    IClaims public immutable claims;
    /// @notice In which block a commitment was first made.
    mapping(bytes32 commitment => uint256) public committedIn;
    mapping(address key => mapping(bytes32 modelKey => mapping(bytes32 leaf => bool))) private _shown;
    mapping(bytes32 modelKey => mapping(bytes32 leaf => bool)) private _refutable;

    constructor(IAvowMarket market_, IProofRouter router_, IClaims claims_) {
        market = market_;
        router = router_;
        claims = claims_;
    }

    /// @inheritdoc IAttestationKeys
    function commit(bytes32 commitment) external {
        // Who repeats another's commitment must not make it younger.
        if (committedIn[commitment] == 0) committedIn[commitment] = block.number;
        emit ContradictionCommitted(commitment, msg.sender);
    }

    /// @inheritdoc IAttestationKeys
    function contradictByProof(
        bytes32 modelKey,
        SignedAnswer calldata signed,
        ProvenAnswer calldata proven,
        bytes32 salt
    ) external nonReentrant {
        (address key, bytes32 leaf) = _signed(signed);
        if (serviceOf[key][modelKey] != Service.Provable) revert ModelNotProvable(key, modelKey);
        _useCommitment(leaf, proven.seal, salt);
        _checkContradiction(signed.statement, proven.statement);
        _checkProof(modelKey, proven);
        _contradicted(key, modelKey, leaf, signed.statement.provider);
    }

    /// @inheritdoc IAttestationKeys
    function contradictByClaim(SignedAnswer calldata signed, bytes32 claimKey) external nonReentrant {
        (address key, bytes32 leaf) = _signed(signed);
        Statement memory claimed = signed.statement;
        address operator = _keys[key].operator;
        if (claimed.provider != operator) revert NotOperatorsOwn(operator, claimed.provider);
        bytes32 modelKey = market.orderOf(claimed.order).modelKey;
        claimed.system = CLAIM_SYSTEM;
        claimed.key = claimKey;
        bytes32 claimId = StatementTree.leaf(StatementLib.digest(claimed, signed.domainSeparator));
        if (!claims.isOverturned(claimId)) revert NotOverturned(claimId);
        _contradicted(key, modelKey, leaf, operator);
    }

    /// @inheritdoc IAttestationKeys
    function isContradicted(bytes32 modelKey, bytes32 leaf) external view returns (bool) {
        return _refutable[modelKey][leaf];
    }

    /// @inheritdoc IAttestationKeys
    function statementDomain() external view returns (bytes32) {
        return market.domainSeparator();
    }

    /// @dev The key that signed the answer, which is registered, and the leaf of its statement.
    function _signed(SignedAnswer calldata signed) private view returns (address key, bytes32 leaf) {
        if (keccak256(bytes(signed.statement.system)) != SYSTEM) revert SystemDiffers();
        bytes32 digest = StatementLib.digest(signed.statement, signed.domainSeparator);
        leaf = StatementTree.leaf(digest);
        key = _signerOf(StatementTree.root(digest, signed.path), signed.time, signed.signature);
        AttestedKey storage record = _existing(key);
        // What was signed after a key's end was accepted by nobody, and who stole it may have signed it.
        if (signed.time > _endOf(record)) revert SignedAfterEnd(key, signed.time);
    }

    function _useCommitment(bytes32 leaf, bytes calldata seal, bytes32 salt) private {
        bytes32 commitment = keccak256(abi.encode(msg.sender, leaf, keccak256(seal), salt));
        uint256 made = committedIn[commitment];
        if (made == 0 || made >= block.number) revert NotCommitted(msg.sender);
        delete committedIn[commitment];
    }

    /// @dev The same question, another answer; nothing of it hidden.
    function _checkContradiction(Statement calldata signed, Statement calldata proven) private pure {
        if (keccak256(bytes(proven.system)) != PROOF_SYSTEM) revert SystemDiffers();
        if (signed.model != proven.model) revert NoContradiction("model");
        if (signed.program != proven.program) revert NoContradiction("program");
        if (!_isPublic(signed.input) || !_isPublic(proven.input) || signed.input.value != proven.input.value)
        {
            revert NoContradiction("input");
        }
        if (
            !_isPublic(signed.output) || !_isPublic(proven.output)
                || signed.output.value == proven.output.value
        ) {
            revert NoContradiction("output");
        }
    }

    function _isPublic(Commitment calldata commitment) private pure returns (bool) {
        return commitment.scheme == CommitmentScheme.PUBLIC;
    }

    function _checkProof(bytes32 modelKey, ProvenAnswer calldata proven) private view {
        bytes32 digest = StatementLib.digest(proven.statement, proven.domainSeparator);
        bytes32 root = StatementTree.root(digest, proven.path);
        (bool accepted, bytes memory reason) = router.verify(modelKey, proven.statement, root, proven.seal);
        if (!accepted) revert ProofRefused(reason);
    }

    /// @dev Slashes once; a further answer of the same key is noted only. A leg can be refuted on it where its
    /// provider is the key's operator, who named the model: another's key must not end a leg of somebody else.
    function _contradicted(address key, bytes32 modelKey, bytes32 leaf, address provider) private {
        AttestedKey storage record = _keys[key];
        if (_shown[key][modelKey][leaf]) revert AlreadyShown(leaf);
        _shown[key][modelKey][leaf] = true;
        bool refutable = provider == record.operator;
        if (refutable) _refutable[modelKey][leaf] = true;
        emit AnswerContradicted(key, modelKey, leaf, refutable, msg.sender);
        if (!record.slashed) _lose(msg.sender, key, _takeStake(record));
    }
}
