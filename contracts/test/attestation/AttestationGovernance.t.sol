// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {
    AttestationParameters,
    IAttestationKeys,
    MeasurementState
} from "../../src/interfaces/IAttestationKeys.sol";
import {AttestationWorld} from "../base/AttestationWorld.sol";

/// @notice Who governs attested keys, within which bounds, and who are registrars.
contract AttestationGovernanceTest is AttestationWorld {
    function setUp() public {
        setUpAttestation();
    }

    function test_everyParameterHasItsBounds() public {
        string[4] memory names = ["minimumStake", "registrarBond", "challengeWindow", "threshold"];
        uint256[4] memory low = [uint256(2), 2, 1 hours, 1];
        uint256[4] memory high = [uint256(type(uint96).max), type(uint96).max, 7 days, 16];
        for (uint256 i; i < 4; ++i) {
            _set(_with(i, low[i]));
            _set(_with(i, high[i]));
            _refused(_with(i, low[i] - 1), names[i], low[i] - 1, low[i], high[i]);
            if (i > 1) _refused(_with(i, high[i] + 1), names[i], high[i] + 1, low[i], high[i]);
        }
    }

    function test_onlyTheOwnerGoverns() public {
        bytes[7] memory moves = [
            abi.encodeCall(keys.setParameters, (attestationParameters())),
            abi.encodeCall(keys.setGuardian, (STRANGER)),
            abi.encodeCall(keys.setQuoteCheck, (quoteCheck)),
            abi.encodeCall(keys.setQuoteProofCheck, (zkCheck)),
            abi.encodeCall(keys.approveMeasurement, (keccak256("image"), false)),
            abi.encodeCall(keys.appoint, (STRANGER)),
            abi.encodeCall(keys.dismiss, (vm.addr(registrarKeys[0])))
        ];
        for (uint256 i; i < moves.length; ++i) {
            vm.prank(GUARDIAN);
            (bool success, bytes memory reason) = address(keys).call(moves[i]);
            assertTrue(!success, "the guardian");
            assertEq(
                reason,
                abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, GUARDIAN),
                "reason"
            );
            vm.prank(GOVERNOR);
            (success,) = address(keys).call(moves[i]);
            assertTrue(success, "the owner");
        }
    }

    function test_ownerAndGuardianRevokeMeasurementsForEver() public {
        bytes32 image = keccak256("image");
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NotGuardian.selector, PROVIDER));
        vm.prank(PROVIDER);
        keys.revokeMeasurement(image);
        vm.prank(GOVERNOR);
        keys.approveMeasurement(image, false);
        vm.prank(GUARDIAN);
        keys.revokeMeasurement(image);
        assertTrue(keys.measurementState(image) == MeasurementState.Revoked, "revoked");
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.MeasurementIsRevoked.selector, image));
        vm.prank(GOVERNOR);
        keys.approveMeasurement(image, false);
        vm.prank(GOVERNOR);
        keys.revokeMeasurement(keccak256("another"));
        vm.expectRevert(IAttestationKeys.ZeroMeasurement.selector);
        vm.prank(GOVERNOR);
        keys.approveMeasurement(0, false);
        vm.prank(GOVERNOR);
        keys.setGuardian(address(0));
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.NotGuardian.selector, GUARDIAN));
        vm.prank(GUARDIAN);
        keys.revokeMeasurement(image);
    }

    /// @dev A stake that was enough when it was put up stays enough: no leg is lost to a change of terms.
    function test_aChangeOfTermsReachesNoKeyThatIsRegistered() public {
        registerVouched(PROVIDER, KEY);
        AttestationParameters memory changed = attestationParameters();
        changed.minimumStake = STAKE + 1;
        (changed.registrarBond, changed.challengeWindow, changed.threshold) = (REGISTRAR_BOND * 2, 7 days, 3);
        _set(changed);
        vm.warp(block.timestamp + CHALLENGE_WINDOW);
        serve(PROVIDER, KEY);
        bytes32 id = openAndDeliver(teeTerms());
        settleTee(id, teeSeal(KEY, id));
    }

    function test_registrarsComeAndGo() public {
        address registrar = vm.addr(registrarKeys[0]);
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.AlreadyRegistrar.selector, registrar));
        vm.prank(GOVERNOR);
        keys.appoint(registrar);
        vm.prank(GOVERNOR);
        keys.dismiss(registrar);
        bytes memory reason = abi.encodeWithSelector(IAttestationKeys.NotRegistrar.selector, registrar);
        vm.expectRevert(reason);
        vm.prank(GOVERNOR);
        keys.dismiss(registrar);
        vm.expectRevert(reason);
        vm.prank(registrar);
        keys.retire();
        vm.expectRevert(reason);
        vm.prank(registrar);
        keys.bond(1);
    }

    function test_aBitmapHoldsSoManyRegistrars() public {
        vm.startPrank(GOVERNOR);
        for (uint256 i; i < 253; ++i) {
            keys.appoint(address(uint160(0xF000 + i)));
        }
        vm.expectRevert(abi.encodeWithSelector(IAttestationKeys.TooManyRegistrars.selector, 256));
        keys.appoint(address(0xFFFFF));
        keys.dismiss(address(0xF000));
        keys.appoint(address(0xF000));
        vm.stopPrank();
        (,, uint8 number,,) = keys.registrarOf(address(uint160(0xF000 + 252)));
        assertEq(number, 255, "the last");
    }

    function _set(AttestationParameters memory parameters) private {
        vm.prank(GOVERNOR);
        keys.setParameters(parameters);
    }

    function _with(uint256 field, uint256 value)
        private
        pure
        returns (AttestationParameters memory parameters)
    {
        parameters = attestationParameters();
        if (field == 0) parameters.minimumStake = uint96(value);
        else if (field == 1) parameters.registrarBond = uint96(value);
        else if (field == 2) parameters.challengeWindow = uint32(value);
        else parameters.threshold = uint8(value);
    }

    function _refused(
        AttestationParameters memory parameters,
        string memory name,
        uint256 value,
        uint256 low,
        uint256 high
    ) private {
        vm.expectRevert(
            abi.encodeWithSelector(IAttestationKeys.ParameterOutOfBounds.selector, name, value, low, high)
        );
        vm.prank(GOVERNOR);
        keys.setParameters(parameters);
    }
}
