// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Statement} from "../types/Statement.sol";
import {StatementPath} from "../types/StatementTree.sol";

/// @notice What speaks for a key, from nothing to a full check on this chain; a higher one is stronger.
enum Tier {
    None,
    Simulated,
    Registrar,
    ZkDcap,
    OnchainDcap
}

/// @notice Whether governance lets keys of a measurement be registered. Attended: where registrars look at what it
/// started, as for an image that runs what its host gives it and logs that. Approved: the measurement alone decides
/// what runs. Revoked is for ever.
enum MeasurementState {
    Unknown,
    Attended,
    Approved,
    Revoked
}

/// @notice Whether an operator lets its key answer for a registered model; Provable where a proof of another
/// answer, under the model's "sumcheck/v1", can cost it the stake.
enum Service {
    None,
    Served,
    Provable
}

/// @notice What governance can set, within bounds. What is registered already keeps the values of its moment.
/// @param minimumStake least stake of a key, in token units.
/// @param registrarBond least bond with which a registrar's signature counts.
/// @param challengeWindow seconds after which a key that registrars vouch for can be used.
/// @param threshold how many registrars have to sign.
struct AttestationParameters {
    uint96 minimumStake;
    uint96 registrarBond;
    uint32 challengeWindow;
    uint8 threshold;
}

/// @notice What an operator registers; all but `stake` is what the quote binds.
/// @param key the account whose signatures these are.
/// @param program digest of the program that it answers for.
/// @param challenge issued to the operator by this contract, not used before.
/// @param gpuEvidence digest of the GPU evidence; zero for none. Nothing on the chain looks at it.
/// @param tlsKey hash of the worker's TLS key; zero for none.
/// @param notAfter last second at which an answer of this key can be settled.
/// @param stake what the operator puts up, in token units.
struct Enrolment {
    address key;
    bytes32 program;
    bytes32 challenge;
    bytes32 gpuEvidence;
    bytes32 tlsKey;
    uint64 notAfter;
    uint96 stake;
}

/// @notice A key as it is stored.
/// @param activeFrom from when its answers are accepted.
/// @param revokedAt when it was revoked; zero if it was not.
/// @param slashed whether its stake was lost.
/// @param measurement digest of what its quote says was started.
/// @param quoteId digest of the signed part of its quote; zero for a simulated one.
/// @param platform what registrars say of the machine; zero where nobody said anything.
struct AttestedKey {
    address operator;
    uint40 activeFrom;
    uint40 notAfter;
    Tier tier;
    uint96 stake;
    uint40 revokedAt;
    bool slashed;
    bytes32 program;
    bytes32 measurement;
    bytes32 quoteId;
    bytes32 platform;
}

/// @notice What an accepted signature establishes.
struct Standing {
    address key;
    Tier tier;
    Service service;
    bytes32 program;
}

/// @notice An answer that a key signed.
/// @param path where the statement stands under the root that was signed.
/// @param domainSeparator under which the statement's digest was made.
/// @param time when it was signed.
struct SignedAnswer {
    Statement statement;
    StatementPath path;
    bytes32 domainSeparator;
    uint64 time;
    bytes signature;
}

/// @notice A statement with its proof.
struct ProvenAnswer {
    Statement statement;
    StatementPath path;
    bytes32 domainSeparator;
    bytes seal;
}

/// @title Keys of attested workers: who vouches for them, what they risk and when they end
interface IAttestationKeys {
    event ParametersChanged(AttestationParameters parameters);
    event GuardianChanged(address indexed guardian);
    event QuoteCheckChanged(address indexed check);
    event QuoteProofCheckChanged(address indexed check);
    event MeasurementApproved(bytes32 indexed measurement, bool attended);
    event MeasurementRevoked(bytes32 indexed measurement);
    event RegistrarAppointed(address indexed registrar, uint8 number);
    event RegistrarBonded(address indexed registrar, uint256 bond);
    event RegistrarLeft(address indexed registrar, uint256 bondReleasedAfter);
    event RegistrarSlashed(address indexed registrar, address indexed key, uint256 bond);
    event ChallengeIssued(address indexed operator, bytes32 challenge, uint256 expires);
    event KeyRegistered(
        address indexed key,
        address indexed operator,
        bytes32 indexed program,
        AttestedKey record,
        bytes32 document
    );
    /// @notice A key for which nothing speaks but itself: for development, below every default minimum.
    event SimulatedKeyRegistered(address indexed key, address indexed operator);
    /// @notice Registrars vouch for a quote; until `activeFrom` anybody can disprove it.
    event KeyVouchedFor(address indexed key, bytes32 quoteHash, uint256 registrars, uint40 activeFrom);
    event KeyServes(address indexed key, bytes32 indexed modelKey, Service service);
    event KeyLeaves(address indexed key, uint40 notAfter);
    event KeyRevoked(address indexed key);
    event StakeReleased(address indexed key, address indexed operator, uint256 stake);
    /// @notice The check refuses a registered quote; until then anybody can show that it does not.
    event DisproofOpened(address indexed key, address indexed by, uint256 bond, uint256 until);
    event RegistrationUpheld(address indexed key, address indexed by, uint256 reward);
    event RegistrationDisproven(address indexed key, address indexed shownBy);
    event RegistrationOutdated(address indexed key, address indexed shownBy);
    event ContradictionCommitted(bytes32 indexed commitment, address indexed account);
    event AnswerContradicted(
        address indexed key, bytes32 indexed modelKey, bytes32 indexed leaf, bool refutable, address shownBy
    );
    event StakeSlashed(address indexed key, address indexed shownBy, uint256 reward, uint256 burned);

    error ParameterOutOfBounds(string name, uint256 value, uint256 minimum, uint256 maximum);
    error NotGuardian(address caller);
    error NotOperator(address key, address caller);
    error NotRegistrar(address account);
    error AlreadyRegistrar(address account);
    error TooManyRegistrars(uint256 maximum);
    error BondStillHeld(address registrar, uint256 until);
    error NothingToRelease(address account);
    error MeasurementNotApproved(bytes32 measurement);
    error MeasurementIsRevoked(bytes32 measurement);
    error ZeroMeasurement();
    error ChallengeNotIssued(bytes32 challenge, address operator);
    error ChallengeExpired(bytes32 challenge, uint256 expires);
    error ZeroKey();
    error ZeroProgram();
    error KeyTaken(address key);
    error StakeTooLow(uint256 stake, uint256 minimum);
    error NotAfterOutOfBounds(uint256 notAfter, uint256 earliest, uint256 latest);
    error SignerDiffers(address expected, address found);
    error EnclaveExposed();
    error ReportDataDiffers(bytes32 expected, bytes32 found);
    error SignedPartTooLong(uint256 length, uint256 expected);
    error TooFewRegistrars(uint256 count, uint256 threshold);
    error RegistrarsNotAscending(address signer);
    error RegistrarWithoutBond(address registrar, uint256 bond, uint256 minimum);
    error NoQuoteCheck();
    error QuoteNotGenuine();
    error NothingToDisprove(address key);
    error QuoteDiffers(bytes32 expected, bytes32 found);
    error NotDisproven(address key);
    error NothingToUphold(address key);
    error NothingToSettle(address key, uint256 until);
    error KeyUnknown(address key);
    error KeyPending(address key, uint256 activeFrom);
    error KeyExpired(address key, uint256 notAfter);
    error KeyIsRevoked(address key, uint256 revokedAt);
    error AnswerInFuture(uint256 time);
    error AnswerTooOld(uint256 time, uint256 earliest);
    error ModelOfAnotherProgram(bytes32 modelKey, bytes32 expected, bytes32 found);
    error ModelOfOtherKeys(bytes32 modelKey, address found);
    error MeasurementsDiffer(bytes32 modelKey, bytes32 registered, bytes32 found);
    error MeasurementNotListed(bytes32 measurement);
    error StakeStillHeld(address key, uint256 until);
    error NotCommitted(address caller);
    error SystemDiffers();
    error ModelNotProvable(address key, bytes32 modelKey);
    error SignedAfterEnd(address key, uint256 time);
    error NoContradiction(string field);
    error ProofRefused(bytes reason);
    error NotOverturned(bytes32 claimId);
    error NotOperatorsOwn(address operator, address provider);
    error AlreadyShown(bytes32 leaf);

    /// @notice Issues a value that a new quote has to bind; the caller can use it once, for a day.
    function issueChallenge() external returns (bytes32 challenge);

    /// @notice Registers a key for which nothing speaks but its own signature of the registration document.
    function registerSimulated(Enrolment calldata enrolment, bytes calldata signature) external;

    /// @notice Registers a key whose quote registrars checked. It can be used after the challenge window.
    /// @param platform what the registrars say of the machine.
    /// @param signatures of Registration, by ascending accounts.
    function registerVouched(
        Enrolment calldata enrolment,
        bytes calldata quote,
        bytes32 platform,
        bytes[] calldata signatures
    ) external;

    /// @notice Registers a key whose quote is checked here and now.
    function registerChecked(Enrolment calldata enrolment, bytes calldata quote) external;

    /// @notice Registers a key whose quote was shown to be genuine by a proof.
    /// @param signedPart header and body of the quote.
    function registerProven(Enrolment calldata enrolment, bytes calldata signedPart, bytes calldata proof)
        external;

    /// @notice Doubts a registration within its challenge window: the check does not find the quote that registrars
    /// vouched for, byte for byte, to be genuine; a check that fails has not either. The caller puts up the least
    /// stake, and the key is not accepted, until this is upheld or settled. Where the check finds the quote outdated,
    /// the registration ends and nobody loses anything. Nothing is disproven where no check was set.
    function disprove(address key, bytes calldata quote) external;

    /// @notice Shows, within the reply time, that the check holds the doubted quote to be genuine after all, as
    /// when collateral on the chain was missing. The doubter's bond to the caller.
    function uphold(address key, bytes calldata quote) external;

    /// @notice Ends a registration that nobody upheld. Half of the stake and of the registrars' bonds to who
    /// disproved it, half burned; by anyone.
    function settleDisproof(address key) external;

    /// @notice Lets a key answer for a registered model; its operator only, who has made the registration again
    /// and found it to be right. Cannot be taken back.
    /// @param outputs the digest of the record's outputs, and
    /// @param measurements those that the model's owner allows, 48 bytes each, both as the registered key binds them;
    /// that of the key is among them, unless it is a simulated one.
    function serve(address key, bytes32 modelKey, bytes32 outputs, bytes calldata measurements) external;

    /// @notice Ends a key after the longest age of an answer, unless it ends before; its operator only.
    function retireKey(address key) external;

    /// @notice Ends a key at once; its operator only.
    function revokeKey(address key) external;

    /// @notice Credits the stake of a key that ended long enough ago to its operator; by anyone.
    function releaseStake(address key) external;

    /// @notice Notes that the caller knows a contradiction, which nobody can then copy from its transaction.
    /// @param commitment keccak256(abi.encode(caller, leaf of the signed statement, keccak256(seal), salt)).
    function commit(bytes32 commitment) external;

    /// @notice Shows a proof by "sumcheck/v1" that the program gives another output for the input of an answer
    /// that a key signed. Half of the key's stake to the caller, half burned.
    function contradictByProof(
        bytes32 modelKey,
        SignedAnswer calldata signed,
        ProvenAnswer calldata proven,
        bytes32 salt
    ) external;

    /// @notice Shows that the key's operator claimed the same answer by "optimistic/v1" and was overturned.
    /// @param claimKey the key of the claimed statement.
    function contradictByClaim(SignedAnswer calldata signed, bytes32 claimKey) external;

    /// @notice What a signature over a root and a time establishes at this moment; reverts when it is nothing.
    /// @param modelKey the model whose service is asked for; zero for none.
    function standing(bytes32 modelKey, bytes32 root, uint64 time, bytes calldata signature)
        external
        view
        returns (Standing memory);

    /// @notice Whether the statement, with that leaf under that model, was signed by a key of its provider and
    /// contradicted. Once true, it stays true.
    function isContradicted(bytes32 modelKey, bytes32 leaf) external view returns (bool);

    /// @notice A stored key (tier None when there is none).
    function keyOf(address key) external view returns (AttestedKey memory);

    /// @notice EIP-712 domain separator of the market's statements.
    function statementDomain() external view returns (bytes32);
}
