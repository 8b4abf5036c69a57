// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

import {AttestationParameters, IAttestationKeys, MeasurementState} from "../interfaces/IAttestationKeys.sol";
import {IQuoteCheck, IQuoteProofCheck} from "../interfaces/IQuoteCheck.sol";

/// @notice The bounds of the parameters of attestation.
library AttestationParametersLib {
    uint256 internal constant MINIMUM_WINDOW = 1 hours;
    uint256 internal constant MAXIMUM_WINDOW = 7 days;
    uint256 internal constant MAXIMUM_THRESHOLD = 16;

    /// @notice Reverts when a parameter is outside its bounds.
    function check(AttestationParameters memory parameters) internal pure {
        // Half of what is lost is burned, and the other half must be something.
        _within("minimumStake", parameters.minimumStake, 2, type(uint96).max);
        _within("registrarBond", parameters.registrarBond, 2, type(uint96).max);
        _within("challengeWindow", parameters.challengeWindow, MINIMUM_WINDOW, MAXIMUM_WINDOW);
        _within("threshold", parameters.threshold, 1, MAXIMUM_THRESHOLD);
    }

    function _within(string memory name, uint256 value, uint256 minimum, uint256 maximum) private pure {
        if (value < minimum || value > maximum) {
            revert IAttestationKeys.ParameterOutOfBounds(name, value, minimum, maximum);
        }
    }
}

/// @title What can be governed of attested keys
/// @notice The owner (meant to be a TimelockController) sets bounded parameters, approves measurements and names
/// the checks of quotes. The guardian can revoke a measurement, nothing else. Neither can touch a stake, a bond or
/// a credit that this contract holds, nor bring back what was revoked. A revocation costs bonds of the market:
/// legs that were delivered and not settled cannot be, and are slashed unless the router is paused before.
abstract contract AttestationGovernance is IAttestationKeys, Ownable2Step {
    address public guardian;
    IQuoteCheck public quoteCheck;
    IQuoteProofCheck public quoteProofCheck;
    mapping(bytes32 measurement => MeasurementState) public measurementState;
    AttestationParameters private _parameters;

    constructor(address owner_, address guardian_, AttestationParameters memory parameters_) Ownable(owner_) {
        _setGuardian(guardian_);
        _setParameters(parameters_);
    }

    /// @notice Sets the terms of what is registered from now on.
    function setParameters(AttestationParameters calldata parameters_) external onlyOwner {
        _setParameters(parameters_);
    }

    /// @notice Sets who may revoke measurements; zero for nobody but the owner.
    function setGuardian(address guardian_) external onlyOwner {
        _setGuardian(guardian_);
    }

    /// @notice Sets what checks whole quotes from now on; zero for nothing, and no registration can be disproven.
    function setQuoteCheck(IQuoteCheck check) external onlyOwner {
        quoteCheck = check;
        emit QuoteCheckChanged(address(check));
    }

    /// @notice Sets what checks proofs about quotes from now on; zero for nothing.
    function setQuoteProofCheck(IQuoteProofCheck check) external onlyOwner {
        quoteProofCheck = check;
        emit QuoteProofCheckChanged(address(check));
    }

    /// @notice Lets keys of a measurement be registered: an image that measures the program it says it runs.
    /// @param attended whether registrars have to look at what it started; otherwise the measurement must decide it.
    function approveMeasurement(bytes32 measurement, bool attended) external onlyOwner {
        if (measurement == 0) revert ZeroMeasurement();
        if (measurementState[measurement] == MeasurementState.Revoked) {
            revert MeasurementIsRevoked(measurement);
        }
        measurementState[measurement] = attended ? MeasurementState.Attended : MeasurementState.Approved;
        emit MeasurementApproved(measurement, attended);
    }

    /// @notice Refuses every answer of keys of a measurement, for ever; by owner or guardian. Pause the router
    /// first, or honest providers lose the bonds of legs that wait for their settlement.
    function revokeMeasurement(bytes32 measurement) external {
        if (msg.sender != guardian && msg.sender != owner()) revert NotGuardian(msg.sender);
        measurementState[measurement] = MeasurementState.Revoked;
        emit MeasurementRevoked(measurement);
    }

    /// @notice The terms of a new registration.
    function parameters() public view returns (AttestationParameters memory) {
        return _parameters;
    }

    function _setParameters(AttestationParameters memory parameters_) private {
        AttestationParametersLib.check(parameters_);
        _parameters = parameters_;
        emit ParametersChanged(parameters_);
    }

    function _setGuardian(address guardian_) private {
        guardian = guardian_;
        emit GuardianChanged(guardian_);
    }
}
