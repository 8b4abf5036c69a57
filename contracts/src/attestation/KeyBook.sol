// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {
    AttestedKey,
    Enrolment,
    IAttestationKeys,
    MeasurementState,
    Standing,
    Tier
} from "../interfaces/IAttestationKeys.sol";
import {AttestationDigests} from "./AttestationDigests.sol";
import {QuoteReader} from "./QuoteReader.sol";
import {Registrars} from "./Registrars.sol";
import {Services} from "./Services.sol";

/// @notice What a quote says of a registration, as `QuoteReader` has read it.
/// @param document digest of the registration document.
/// @param id keccak256 of the signed part.
struct Quoted {
    bytes32 document;
    bytes32 id;
    bytes32 measurement;
    uint256 signedLength;
}

/// @title Keys from their registration to the return of their stakes
/// @notice A key is registered once. Whatever ends it, its stake stays until no leg that it could have answered
/// is open any more.
abstract contract KeyBook is Registrars, Services, EIP712 {
    address public constant BURNED = 0x000000000000000000000000000000000000dEaD;
    /// @notice Longest life of a key: collateral lives about that long, and a quote is as good as its collateral.
    uint256 internal constant MAXIMUM_LIFE = 31 days;
    /// @notice Oldest signature that is accepted; longer than a delivered leg waits for its settlement.
    uint256 public constant MAXIMUM_AGE = 8 days;
    /// @notice How long a stake stays after its key's end: longer than any leg is open, 90 days to its deadline
    /// and 7 to its settlement.
    uint256 public constant NOTICE = 98 days;
    uint256 internal constant CHALLENGE_LIFE = 1 days;
    /// @notice What stands as the measurement of every simulated key.
    bytes32 internal constant SIMULATED = keccak256("SIMULATED");

    QuoteReader internal immutable quoteReader;

    struct Issued {
        address operator;
        uint40 expires;
    }

    mapping(bytes32 challenge => Issued) public challengeOf;
    uint256 private _challenges;

    constructor() {
        quoteReader = new QuoteReader();
    }

    /// @inheritdoc IAttestationKeys
    function issueChallenge() external returns (bytes32 challenge) {
        challenge = keccak256(
            abi.encode(block.chainid, address(this), msg.sender, ++_challenges, blockhash(block.number - 1))
        );
        uint40 expires = uint40(block.timestamp + CHALLENGE_LIFE);
        challengeOf[challenge] = Issued(msg.sender, expires);
        emit ChallengeIssued(msg.sender, challenge, expires);
    }

    /// @inheritdoc IAttestationKeys
    function registerSimulated(Enrolment calldata enrolment, bytes calldata signature) external nonReentrant {
        Quoted memory none = Quoted(quoteReader.documentOf(enrolment), 0, SIMULATED, 0);
        bytes32 words = AttestationDigests.registration(enrolment.key, msg.sender, none.document, 0, 0);
        // Nobody takes the place of another's key.
        address signer = ECDSA.recoverCalldata(_hashTypedDataV4(words), signature);
        if (signer != enrolment.key) revert SignerDiffers(enrolment.key, signer);
        if (measurementState[SIMULATED] == MeasurementState.Revoked) revert MeasurementIsRevoked(SIMULATED);
        emit SimulatedKeyRegistered(enrolment.key, msg.sender);
        _register(enrolment, Tier.Simulated, block.timestamp, none, 0);
    }

    /// @inheritdoc IAttestationKeys
    function retireKey(address key) external {
        AttestedKey storage record = _operators(key);
        uint40 end = uint40(block.timestamp + MAXIMUM_AGE);
        if (end < record.notAfter) record.notAfter = end;
        emit KeyLeaves(key, record.notAfter);
    }

    /// @inheritdoc IAttestationKeys
    function revokeKey(address key) external {
        AttestedKey storage record = _operators(key);
        if (record.revokedAt != 0) revert KeyIsRevoked(key, record.revokedAt);
        record.revokedAt = uint40(block.timestamp);
        emit KeyRevoked(key);
    }

    /// @inheritdoc IAttestationKeys
    function releaseStake(address key) external nonReentrant {
        AttestedKey storage record = _existing(key);
        uint96 stake = record.stake;
        if (stake == 0) revert NothingToRelease(key);
        uint256 end = _endOf(record);
        if (block.timestamp <= end + NOTICE) revert StakeStillHeld(key, end + NOTICE);
        record.stake = 0;
        _credit(record.operator, stake);
        emit StakeReleased(key, record.operator, stake);
    }

    /// @inheritdoc IAttestationKeys
    function standing(bytes32 modelKey, bytes32 root, uint64 time, bytes calldata signature)
        external
        view
        returns (Standing memory)
    {
        if (time > block.timestamp) revert AnswerInFuture(time);
        if (block.timestamp - time > MAXIMUM_AGE) revert AnswerTooOld(time, block.timestamp - MAXIMUM_AGE);
        address key = _signerOf(root, time, signature);
        AttestedKey storage record = _existing(key);
        if (block.timestamp < record.activeFrom) revert KeyPending(key, record.activeFrom);
        if (block.timestamp > record.notAfter) revert KeyExpired(key, record.notAfter);
        if (record.revokedAt != 0) revert KeyIsRevoked(key, record.revokedAt);
        bytes32 measurement = record.measurement;
        if (measurementState[measurement] == MeasurementState.Revoked) {
            revert MeasurementIsRevoked(measurement);
        }
        return Standing(key, record.tier, serviceOf[key][modelKey], record.program);
    }

    /// @inheritdoc IAttestationKeys
    function keyOf(address key) external view returns (AttestedKey memory) {
        return _keys[key];
    }

    /// @dev Stores a key of the caller and takes its stake.
    function _register(
        Enrolment calldata enrolment,
        Tier tier,
        uint256 activeFrom,
        Quoted memory quoted,
        bytes32 platform
    ) internal {
        _check(enrolment, activeFrom);
        _useChallenge(enrolment.challenge);
        AttestedKey memory record = AttestedKey({
            operator: msg.sender,
            activeFrom: uint40(activeFrom),
            notAfter: uint40(enrolment.notAfter),
            tier: tier,
            stake: enrolment.stake,
            revokedAt: 0,
            slashed: false,
            program: enrolment.program,
            measurement: quoted.measurement,
            quoteId: quoted.id,
            platform: platform
        });
        _keys[enrolment.key] = record;
        emit KeyRegistered(enrolment.key, msg.sender, enrolment.program, record, quoted.document);
        _collect(msg.sender, enrolment.stake);
    }

    /// @dev The last second of which anybody has accepted an answer of this key, at this moment's knowledge.
    function _endOf(AttestedKey storage record) internal view returns (uint256 end) {
        end = record.notAfter;
        if (record.revokedAt != 0 && record.revokedAt < end) end = record.revokedAt;
    }

    /// @dev Half of what is lost is burned: who shows its own lie loses that half.
    function _lose(address shownBy, address key, uint256 amount) internal {
        uint256 reward = amount / 2;
        _credit(shownBy, reward);
        _credit(BURNED, amount - reward);
        emit StakeSlashed(key, shownBy, reward, amount - reward);
    }

    /// @dev Ends a key whose stake is lost, once; returns what it was.
    function _takeStake(AttestedKey storage record) internal returns (uint256 stake) {
        stake = record.stake;
        record.stake = 0;
        record.slashed = true;
        if (record.revokedAt == 0) record.revokedAt = uint40(block.timestamp);
    }

    function _signerOf(bytes32 root, uint64 time, bytes calldata signature) internal view returns (address) {
        return ECDSA.recoverCalldata(_hashTypedDataV4(AttestationDigests.answers(root, time)), signature);
    }

    function _check(Enrolment calldata enrolment, uint256 activeFrom) private view {
        if (enrolment.key == address(0)) revert ZeroKey();
        if (enrolment.program == 0) revert ZeroProgram();
        if (_keys[enrolment.key].tier != Tier.None) revert KeyTaken(enrolment.key);
        uint256 minimum = parameters().minimumStake;
        if (enrolment.stake < minimum) revert StakeTooLow(enrolment.stake, minimum);
        uint256 latest = block.timestamp + MAXIMUM_LIFE;
        if (enrolment.notAfter <= activeFrom || enrolment.notAfter > latest) {
            revert NotAfterOutOfBounds(enrolment.notAfter, activeFrom + 1, latest);
        }
    }

    function _useChallenge(bytes32 challenge) private {
        Issued memory issued = challengeOf[challenge];
        if (issued.operator != msg.sender) revert ChallengeNotIssued(challenge, msg.sender);
        if (block.timestamp > issued.expires) revert ChallengeExpired(challenge, issued.expires);
        delete challengeOf[challenge];
    }
}
