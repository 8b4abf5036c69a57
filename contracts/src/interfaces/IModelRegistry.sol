// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TensorSchema} from "../types/Tensor.sol";

/// @notice What an owner says of a model version when registering it.
/// @param digest the model digest: hash of the core record, which names the owner off chain.
/// @param royaltyReceiver who is credited the royalty of each settled order; zero only without a royalty.
/// @param royaltyBps share of the price in basis points.
/// @param inputs the input tensors in the model's order.
/// @param uri where the core record can be obtained.
struct ModelRegistration {
    bytes32 digest;
    address royaltyReceiver;
    uint16 royaltyBps;
    TensorSchema[] inputs;
    string uri;
}

/// @notice A registered model version. Nothing but `deprecated` ever changes.
struct ModelVersion {
    bytes32 digest;
    address owner;
    address royaltyReceiver;
    uint16 royaltyBps;
    bool deprecated;
    TensorSchema[] inputs;
    string uri;
}

/// @notice What an owner says of one proof system of a model version.
/// @param system id of the system, for example "ezkl/v1"; its selector is derived from it.
/// @param recordDigest digest of the off-chain system record.
/// @param program digest of the proven program.
/// @param key digest of the verifying key.
/// @param verifier the contract that checks this key's proofs.
/// @param verifierCodehash EXTCODEHASH of `verifier`, compared now and again at each verification.
/// @param inputScheme the commitment scheme that an order's input must use.
/// @param outputs the output tensors of the proven program.
/// @param proofLayout where binding, input and output stand among the proof's public values (per system).
/// @param uri where the system record can be obtained.
struct SystemRegistration {
    string system;
    bytes32 recordDigest;
    bytes32 program;
    bytes32 key;
    address verifier;
    bytes32 verifierCodehash;
    uint16 inputScheme;
    TensorSchema[] outputs;
    bytes proofLayout;
    string uri;
}

/// @notice A registered proof system of a model version. Nothing but `deprecated` ever changes.
/// @param addedAt when it was registered.
struct SystemVersion {
    string system;
    bytes32 recordDigest;
    bytes32 program;
    bytes32 key;
    address verifier;
    uint16 inputScheme;
    bool deprecated;
    uint64 addedAt;
    bytes32 verifierCodehash;
    TensorSchema[] outputs;
    bytes proofLayout;
    string uri;
}

/// @notice What one verification needs of a registration: few words of storage.
/// @param model the model digest.
/// @param verifier the contract or the data that this key's proofs are checked against.
struct SystemBinding {
    bytes32 model;
    bytes32 program;
    bytes32 key;
    address verifier;
    bytes32 verifierCodehash;
    uint16 inputScheme;
}

/// @notice What a new order needs to know of a model version.
struct ModelTerms {
    uint16 royaltyBps;
    bool deprecated;
    TensorSchema[] inputs;
}

/// @notice What a new order needs to know of a proof system.
struct SystemTerms {
    uint16 inputScheme;
    bool deprecated;
    TensorSchema[] outputs;
}

/// @notice What a settlement needs: the registered part of a statement, who is credited the royalty, and the
/// tensors of the answer.
/// @param model the model digest.
struct SystemClaim {
    bytes32 model;
    address royaltyReceiver;
    string system;
    bytes32 program;
    bytes32 key;
    TensorSchema[] outputs;
}

/// @title Immutable model versions and their proof systems
/// @notice A version is keyed by keccak256(abi.encode(owner, model digest)). Whoever registers a digest
/// does so under its own address, so that nobody can occupy another's model: a copy of the digest is
/// another key, which no order of the real model names.
interface IModelRegistry {
    event ModelRegistered(
        bytes32 indexed modelKey, address indexed owner, bytes32 indexed digest, string uri
    );
    event ModelDeprecated(bytes32 indexed modelKey);
    event SystemAdded(
        bytes32 indexed modelKey,
        bytes4 indexed selector,
        string system,
        bytes32 recordDigest,
        bytes32 program,
        bytes32 key,
        address verifier,
        bytes32 verifierCodehash
    );
    event SystemDeprecated(bytes32 indexed modelKey, bytes4 indexed selector);

    error ModelUnknown(bytes32 modelKey);
    error ModelAlreadyRegistered(bytes32 modelKey);
    error ModelAlreadyDeprecated(bytes32 modelKey);
    error NotModelOwner(bytes32 modelKey, address caller);
    error SystemUnknown(bytes32 modelKey, bytes4 selector);
    error SystemAlreadyAdded(bytes32 modelKey, bytes4 selector);
    error SystemAlreadyDeprecated(bytes32 modelKey, bytes4 selector);
    error ZeroDigest();
    error RoyaltyTooHigh(uint256 royaltyBps, uint256 maximum);
    error RoyaltyWithoutReceiver();
    error TextTooLong(uint256 length, uint256 maximum);
    error LayoutTooLong(uint256 length, uint256 maximum);
    error SystemIdEmpty();
    error VerifierWithoutCode(address verifier);
    error VerifierCodeDiffers(address verifier, bytes32 expected, bytes32 found);
    error InputSchemeUnknown(uint16 scheme);
    /// @notice The model's inputs decide how they are committed to where they are public.
    error InputSchemeDiffers(uint16 expected, uint16 found);

    /// @notice Registers a version under the caller's address.
    function registerModel(ModelRegistration calldata registration) external returns (bytes32 modelKey);

    /// @notice Adds a proof system to the caller's own version: once per system, for ever.
    function addSystem(bytes32 modelKey, SystemRegistration calldata registration)
        external
        returns (bytes4 selector);

    /// @notice Stops new orders of a version. Orders that exist are served and settled as agreed.
    function deprecateModel(bytes32 modelKey) external;

    /// @notice Stops new orders that ask for this system.
    function deprecateSystem(bytes32 modelKey, bytes4 selector) external;

    /// @notice The key under which `owner` registers, or has registered, `digest`.
    function modelKeyOf(address owner, bytes32 digest) external pure returns (bytes32);

    /// @notice The selector of a system id: the first four bytes of its keccak256.
    function selectorOf(string calldata system) external pure returns (bytes4);

    /// @notice A registered version; reverts with `ModelUnknown`.
    function modelOf(bytes32 modelKey) external view returns (ModelVersion memory);

    /// @notice A registered system of a version; reverts with `SystemUnknown`.
    function systemOf(bytes32 modelKey, bytes4 selector) external view returns (SystemVersion memory);

    /// @notice What a new order needs of a registered version; reverts with `ModelUnknown`.
    function modelTermsOf(bytes32 modelKey) external view returns (ModelTerms memory);

    /// @notice What a new order needs of a registered system; reverts with `SystemUnknown`.
    function systemTermsOf(bytes32 modelKey, bytes4 selector) external view returns (SystemTerms memory);

    /// @notice When a system was registered; reverts with `SystemUnknown`.
    function addedAt(bytes32 modelKey, bytes4 selector) external view returns (uint64);

    /// @notice What a settlement needs of a registered system; reverts with `SystemUnknown`.
    function claimOf(bytes32 modelKey, bytes4 selector) external view returns (SystemClaim memory);

    /// @notice What a verification needs of a registered system; reverts with `SystemUnknown`.
    function bindingOf(bytes32 modelKey, bytes4 selector) external view returns (SystemBinding memory);

    /// @notice The `proofLayout` of a registered system; reverts with `SystemUnknown`.
    function layoutOf(bytes32 modelKey, bytes4 selector) external view returns (bytes memory);
}
