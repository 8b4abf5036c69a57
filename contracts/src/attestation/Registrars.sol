// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Ledger} from "../money/Ledger.sol";
import {AttestationGovernance, AttestationParametersLib} from "./AttestationGovernance.sol";

/// @notice An account that checks quotes off the chain and signs for them.
/// @param bond what it loses when one of them is shown not to be genuine, in token units.
/// @param releasedAfter last second at which its bond is held, once it has left.
/// @param number its place in a registration's bitmap, for ever.
/// @param appointed whether its signatures count.
struct Registrar {
    uint96 bond;
    uint40 releasedAfter;
    uint8 number;
    bool known;
    bool appointed;
}

/// @title Registrars: appointed by governance, bonded by themselves
abstract contract Registrars is Ledger, AttestationGovernance {
    uint256 internal constant MAXIMUM_REGISTRARS = 256;
    /// @notice How long a disproof can be answered: collateral on the chain that is missing or out of date makes a
    /// check refuse what is genuine, until somebody brings it up to date.
    uint256 public constant REPLY_TIME = 1 days;
    /// @dev For settling a disproof of a window's last second before a bond is free.
    uint256 private constant SETTLE_TIME = 1 days;

    mapping(address account => Registrar) public registrarOf;
    /// @notice Registrars by their numbers.
    address[] public registrars;

    /// @notice Lets an account's signatures count, once it has put up its bond.
    function appoint(address account) external onlyOwner {
        Registrar storage registrar = registrarOf[account];
        if (registrar.appointed) revert AlreadyRegistrar(account);
        if (!registrar.known) {
            if (registrars.length == MAXIMUM_REGISTRARS) revert TooManyRegistrars(MAXIMUM_REGISTRARS);
            registrar.known = true;
            registrar.number = uint8(registrars.length);
            registrars.push(account);
        }
        registrar.appointed = true;
        emit RegistrarAppointed(account, registrar.number);
    }

    /// @notice Ends an appointment; by the owner.
    function dismiss(address account) external onlyOwner {
        _leave(account);
    }

    /// @notice Ends the caller's appointment.
    function retire() external {
        _leave(msg.sender);
    }

    /// @notice Adds to the caller's bond.
    function bond(uint96 amount) external nonReentrant {
        Registrar storage registrar = registrarOf[msg.sender];
        if (!registrar.appointed) revert NotRegistrar(msg.sender);
        registrar.bond += amount;
        emit RegistrarBonded(msg.sender, registrar.bond);
        _collect(msg.sender, amount);
    }

    /// @notice Credits the caller's bond, once it has left and nothing that it signed can be disproven any more.
    function releaseBond() external nonReentrant {
        Registrar storage registrar = registrarOf[msg.sender];
        uint96 amount = registrar.bond;
        if (amount == 0) revert NothingToRelease(msg.sender);
        if (registrar.appointed || block.timestamp <= registrar.releasedAfter) {
            revert BondStillHeld(msg.sender, registrar.releasedAfter);
        }
        registrar.bond = 0;
        _credit(msg.sender, amount);
    }

    /// @dev The registrars who signed, as a bitmap; reverts unless there are enough, each with its bond.
    function _signersOf(bytes32 digest, bytes[] calldata signatures) internal view returns (uint256 bitmap) {
        (uint256 threshold, uint256 minimum) = (parameters().threshold, parameters().registrarBond);
        if (signatures.length < threshold || signatures.length > AttestationParametersLib.MAXIMUM_THRESHOLD) {
            revert TooFewRegistrars(signatures.length, threshold);
        }
        address last;
        for (uint256 i; i < signatures.length; ++i) {
            address signer = ECDSA.recoverCalldata(digest, signatures[i]);
            if (signer <= last) revert RegistrarsNotAscending(signer);
            Registrar storage registrar = registrarOf[signer];
            if (!registrar.appointed) revert NotRegistrar(signer);
            if (registrar.bond < minimum) revert RegistrarWithoutBond(signer, registrar.bond, minimum);
            bitmap |= 1 << registrar.number;
            last = signer;
        }
    }

    /// @dev Takes the whole bonds of these registrars, who lose their appointments with them.
    function _takeBonds(uint256 bitmap, address key) internal returns (uint256 total) {
        for (uint256 number; bitmap != 0; ++number) {
            if (bitmap & 1 == 1) {
                address account = registrars[number];
                Registrar storage registrar = registrarOf[account];
                total += registrar.bond;
                emit RegistrarSlashed(account, key, registrar.bond);
                registrar.bond = 0;
                registrar.appointed = false;
            }
            bitmap >>= 1;
        }
    }

    function _leave(address account) private {
        Registrar storage registrar = registrarOf[account];
        if (!registrar.appointed) revert NotRegistrar(account);
        registrar.appointed = false;
        registrar.releasedAfter =
            uint40(block.timestamp + AttestationParametersLib.MAXIMUM_WINDOW + REPLY_TIME + SETTLE_TIME);
        emit RegistrarLeft(account, registrar.releasedAfter);
    }
}
