// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ILedger} from "./ILedger.sol";
import {TracedClaim} from "./IReferee.sol";

/// @notice What a watch is made with; nobody can change it.
/// @param minimumStake least stake of who joins, in token units; it covers two silent epochs.
/// @param missPenalty what a missed plant costs.
/// @param bounty what the finders of a plant share.
/// @param epoch seconds of an epoch.
/// @param verdictDelay seconds after an epoch in which its verdicts can still be committed.
/// @param revealTime seconds after that in which seeds and plants are revealed; at least an epoch, so that one
/// transaction per epoch can do for verdicts and seed.
/// @param answerTime seconds after that in which finders show what they found; as long again, penalties fall.
/// @param dutyBps share of the claims that a validator has to check, in basis points.
/// @param maximumPlants most plants of an epoch.
struct WatchParameters {
    uint96 minimumStake;
    uint96 missPenalty;
    uint96 bounty;
    uint32 epoch;
    uint32 verdictDelay;
    uint32 revealTime;
    uint32 answerTime;
    uint16 dutyBps;
    uint16 maximumPlants;
}

/// @notice Last seconds of an epoch's parts.
/// @param begins first second of the epoch.
/// @param ends last second of the epoch.
/// @param verdictsBy last second at which its verdicts can be committed.
/// @param revealsBy last second at which its seed and its plants can be revealed.
/// @param answersBy last second at which findings of its plants can be shown.
/// @param penaltiesBy last second for which stakes of the epoch stay bound.
struct EpochTimes {
    uint256 begins;
    uint256 ends;
    uint256 verdictsBy;
    uint256 revealsBy;
    uint256 answersBy;
    uint256 penaltiesBy;
}

/// @notice A validator as it is stored.
/// @param stake what it can lose, in token units.
/// @param firstEpoch first epoch of its duties; zero for no validator.
/// @param lastEpoch last epoch of its duties; the type's maximum until it leaves.
/// @param revealed epoch whose seed `seed` is.
/// @param charged last epoch for whose silence it has paid, if that is later than `revealed`.
/// @param seed the last revealed seed, or the anchor; keccak256 of each seed is the seed of the epoch before.
struct Watcher {
    uint96 stake;
    uint32 firstEpoch;
    uint32 lastEpoch;
    uint32 revealed;
    uint32 charged;
    bytes32 seed;
}

/// @notice First and last epoch in which a validator watches a model; zeros for never.
struct Watching {
    uint32 from;
    uint32 until;
}

/// @notice A revealed plant as it is stored.
/// @param epoch in which it was claimed; zero for no plant.
/// @param finders validators that have shown that they found it.
/// @param share what each of them gets, once it is closed.
struct Plant {
    address provider;
    uint32 epoch;
    uint32 finders;
    bool closed;
    bytes32 modelKey;
    uint96 share;
}

/// @notice What a plant was to a validator on duty.
enum Outcome {
    None,
    Found,
    Paid,
    Missed
}

/// @title The watch over claims of "optimistic/v1": who has to look at which, and what looking is worth
/// @notice A validator's duties follow from seeds that it committed to when it joined. Its verdicts are hidden until
/// nothing can be changed. Some claims are plants, known beforehand to be wrong: a validator that found
/// one is paid, one that had to find it and did not loses a part of its stake.
interface IWatch is ILedger {
    event ValidatorJoined(address indexed validator, uint256 stake, bytes32 anchor, uint32 firstEpoch);
    event ValidatorLeft(address indexed validator, uint32 lastEpoch);
    event StakeReleased(address indexed validator, uint256 stake);
    event WatchBegun(address indexed validator, bytes32 indexed modelKey, uint32 fromEpoch);
    event WatchEnded(address indexed validator, bytes32 indexed modelKey, uint32 lastEpoch);
    event VerdictsCommitted(address indexed validator, uint32 indexed epoch, bytes32 root);
    event SeedRevealed(address indexed validator, uint32 indexed epoch, bytes32 seed);
    event SilenceCharged(address indexed validator, uint32 lastEpoch, uint256 epochs, uint256 penalty);
    event PlanterChanged(address indexed planter);
    event BudgetRaised(address indexed payer, uint256 amount);
    event PlantCommitted(bytes32 indexed commitment);
    event PlantExposed(
        bytes32 indexed claimId, uint32 indexed epoch, bytes32 modelKey, TracedClaim traced, bytes refutation
    );
    event PlantFound(bytes32 indexed claimId, address indexed validator);
    event PlantMissed(bytes32 indexed claimId, address indexed validator, uint256 penalty);
    event PlantClosed(bytes32 indexed claimId, uint32 finders, uint256 share);
    event BountyPaid(bytes32 indexed claimId, address indexed validator, uint256 share);

    error ParameterOutOfBounds(string name, uint256 value, uint256 minimum, uint256 maximum);
    error AlreadyValidator(address account);
    error NotValidator(address account);
    error AlreadyLeft(address account, uint32 lastEpoch);
    error NotLeft(address account);
    error StakeTooLow(uint256 stake, uint256 minimum);
    error StakeBound(address account, uint256 until);
    error ModelNotLearned(bytes32 modelKey);
    error AlreadyWatching(address account, bytes32 modelKey);
    error NotWatching(address account, bytes32 modelKey);
    /// @notice Duties of the last time that the account watched this model can still cost it something.
    error DutiesUndecided(address account, bytes32 modelKey, uint256 until);
    error EpochNotServed(address account, uint32 epoch);
    error TooEarly(uint256 first);
    error TooLate(uint256 last);
    error AlreadyRevealed(address account, uint32 epoch);
    error SeedTooFar(uint256 epochs, uint256 maximum);
    error SeedDiffers(bytes32 expected, bytes32 found);
    error SeedNotRevealed(address account, uint32 epoch);
    error NothingToCharge(address account);
    error NotPlanter(address account);
    error AlreadyPlanted(bytes32 commitment);
    error NotPlantedBefore(bytes32 claimId, uint256 plantedAt, uint256 claimedAt);
    error AlreadyExposed(bytes32 claimId);
    error NotExposed(bytes32 claimId);
    error ClaimDiffers(bytes32 claimId);
    error StatementDiffers(bytes32 expected, bytes32 found);
    error InputByUri(bytes32 orderId);
    /// @notice Everybody could know that the claim was wrong before verdicts were due.
    error OverturnedBefore(bytes32 claimId, uint256 overturnedAt, uint256 verdictsBy);
    error TooManyPlants(uint32 epoch, uint256 maximum);
    error BudgetTooLow(uint256 budget, uint256 bounty);
    error NotRefuted(bytes32 claimId);
    error NotOnDuty(bytes32 claimId, address validator);
    error AlreadyDecided(bytes32 claimId, address validator, Outcome outcome);
    /// @notice The validator has challenged the claim itself, which is no miss.
    error Challenged(bytes32 claimId, address validator);
    error NotFound(bytes32 claimId, address validator);
    error VerdictDiffers(bytes32 claimId, address validator);
    error AlreadyClosed(bytes32 claimId);

    /// @notice Stakes `amount`; duties begin with the next epoch.
    /// @param anchor keccak256 of the seed of the next epoch; each seed is keccak256 of the next one.
    function join(uint96 amount, bytes32 anchor) external;

    /// @notice Ends the caller's duties with this epoch.
    function exit() external;

    /// @notice Credits the stake of a validator whose duties are over and can cost it nothing any more.
    function releaseStake() external;

    /// @notice The caller watches this model from the next epoch on. It must have been learned, so that
    /// what is found can be challenged.
    function watch(bytes32 modelKey) external;

    /// @notice The caller watches this model to the end of this epoch.
    function unwatch(bytes32 modelKey) external;

    /// @notice Commits to the caller's verdicts on claims of an epoch; the last commitment in time counts.
    /// @param root of the tree with sorted pairs over `verdictLeaf`s; any word when there are none.
    function commitVerdicts(uint32 epoch, bytes32 root) external;

    /// @notice Reveals the caller's seed of an epoch, and with it those of all epochs before.
    function revealSeed(uint32 epoch, bytes32 seed) external;

    /// @notice `commitVerdicts` and `revealSeed`: what a validator sends once per epoch.
    function attest(uint32 epoch, bytes32 root, uint32 seedEpoch, bytes32 seed) external;

    /// @notice Takes the penalty for every epoch whose seed was not revealed in time; by anyone.
    function chargeSilence(address validator) external;

    /// @notice Adds to what bounties are paid of; by anyone. Nobody gets it back.
    function fund(uint256 amount) external;

    /// @notice Notes that a claim will be wrong, or nothing; the planter only.
    /// @param commitment keccak256(abi.encode(claimId, salt)), or any word.
    function plant(bytes32 commitment) external;

    /// @notice Reveals a plant, after verdicts are due and before the claim can be final, and overturns it, if nobody
    /// did before.
    /// @param refutation shows that the claim is wrong.
    /// @param refutationSalt with it this contract is committed to the refutation in the contract of claims:
    /// commit(keccak256(abi.encode(this contract, claimId, keccak256(refutation), refutationSalt))).
    function expose(
        bytes32 orderId,
        uint8 leg,
        TracedClaim calldata traced,
        bytes calldata refutation,
        bytes32 salt,
        bytes32 refutationSalt
    ) external;

    /// @notice Shows that the caller found an exposed plant before verdicts were due.
    /// @param refutation the one that the caller's verdict is a commitment to.
    /// @param path siblings of the verdict's leaf, from the leaf upwards.
    function answer(
        TracedClaim calldata traced,
        bytes calldata refutation,
        bytes32 salt,
        bytes32[] calldata path
    ) external;

    /// @notice Takes the penalty of a validator on duty that neither found nor challenged a plant; by anyone.
    function chargeMiss(bytes32 claimId, address validator) external;

    /// @notice Divides the bounty among the finders; what is left returns to the budget. By anyone.
    function close(bytes32 claimId) external;

    /// @notice Credits a finder's share; by anyone.
    function payBounty(bytes32 claimId, address validator) external;

    /// @notice Who may plant.
    function planter() external view returns (address);

    /// @notice What bounties can still be paid of.
    function budget() external view returns (uint256);

    /// @notice The parameters.
    function parameters() external view returns (WatchParameters memory);

    /// @notice What an epoch without a seed costs: as much as missing every plant that it can have.
    function silencePenalty() external view returns (uint256);

    /// @notice The epoch of a moment.
    function epochAt(uint256 time) external view returns (uint32);

    /// @notice When an epoch's parts begin and end.
    function timesOf(uint32 epoch) external view returns (EpochTimes memory);

    /// @notice A stored validator (firstEpoch zero when there is none).
    function validatorOf(address account) external view returns (Watcher memory);

    /// @notice Since when and until when a validator watches a model.
    function watchingOf(address account, bytes32 modelKey) external view returns (Watching memory);

    /// @notice The last committed root; meant for the last epoch whose number has the same remainder by 32.
    function verdictRootOf(address account, uint32 epoch) external view returns (bytes32);

    /// @notice A stored plant (epoch zero when there is none).
    function plantOf(bytes32 claimId) external view returns (Plant memory);

    /// @notice What an exposed plant was to a validator.
    function outcomeOf(bytes32 claimId, address validator) external view returns (Outcome);

    /// @notice When that commitment was planted, or zero.
    function plantedAt(bytes32 commitment) external view returns (uint256);

    /// @notice Whether who has that seed has to check the claim.
    function isDuty(bytes32 seed, bytes32 claimId) external view returns (bool);

    /// @notice A verdict that a claim is wrong, as a leaf of a validator's tree.
    function verdictLeaf(
        address validator,
        uint32 epoch,
        bytes32 claimId,
        bytes32 refutationDigest,
        bytes32 salt
    ) external pure returns (bytes32);
}
