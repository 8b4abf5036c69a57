// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {AttestedKey} from "../../src/interfaces/IAttestationKeys.sol";
import {AttestationWorld} from "../base/AttestationWorld.sol";
import {AttestationActor} from "./AttestationActor.sol";

/// @notice Whatever everybody does around attested keys, the money adds up and the honest keep theirs.
contract AttestationInvariantTest is AttestationWorld {
    AttestationActor private _actor;

    function setUp() public {
        setUpAttestation();
        address[] memory accounts = new address[](4);
        (accounts[0], accounts[1], accounts[2], accounts[3]) = (PROVIDER, RIVAL, VALIDATOR, STRANGER);
        bytes32[3] memory models = [modelKey, registry.modelOf(modelKey).digest, toyKey];
        _actor = new AttestationActor(
            keys,
            quoteCheck,
            models,
            market.domainSeparator(),
            GOVERNOR,
            accounts,
            registrarKeys,
            measurements()
        );
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_actor);
    }

    /// @dev One function: each would walk the same walks from the same seed, again.
    function invariant_theMoneyAddsUpAndOnlyWhoLiedLoses() external view {
        _checkMoney();
        assertEq(_actor.unlawful(), 0, "unlawful steps");
    }

    /// @dev The random actor really gets everywhere: invariants over idle keys would prove nothing.
    function test_aRandomWalkSlashesDisprovesAndReleases() public {
        vm.pauseGasMetering();
        uint256 dice = uint256(keccak256("attested keys"));
        for (uint256 i; i < 1_600; ++i) {
            dice = uint256(keccak256(abi.encode(dice)));
            (uint256 a, uint256 b, uint256 c) = (dice >> 8, dice >> 72, dice >> 136);
            uint256 face = dice % 16;
            if (face < 3) _actor.register(a, b, c, (dice >> 200) % 2 == 0);
            else if (face == 3) _actor.register(a, b, 3 * (c >> 8) + 1, (dice >> 200) % 2 == 0);
            else if (face < 6) _actor.disprove(a, b);
            else if (face == 6) _actor.settle(a);
            else if (face < 8) _actor.contradict(a, b, c, (dice >> 200) % 3 == 0);
            else if (face == 8) _actor.end(a, b, c % 2 == 0);
            else if (face < 11) _actor.release(a);
            else if (face < 14) _actor.registrar(a, b, uint96(c));
            else if (face == 14) _actor.withdraw(a);
            else _actor.passTime(a);
            if (i % 50 == 0) _checkMoney();
        }
        _checkMoney();
        assertEq(_actor.unlawful(), 0, "unlawful steps");
        assertTrue(_actor.slashedKeys() > 5, "slashed");
        assertTrue(_actor.disproven() > 2, "disproven");
        assertTrue(_actor.upheld() > 0, "upheld");
        assertTrue(_actor.released() > 5, "released");
    }

    /// @dev A slashed key's stake is zero, and a released one's key is forgotten by the actor.
    function _checkMoney() private view {
        uint256 owed = keys.creditOf(BURNED);
        for (uint256 i; i < _actor.accountCount(); ++i) {
            owed += keys.creditOf(_actor.accounts(i));
        }
        for (uint256 i; i < _actor.registrarCount(); ++i) {
            address registrar = vm.addr(_actor.registrarKeys(i));
            (uint96 bond,,,,) = keys.registrarOf(registrar);
            owed += bond + keys.creditOf(registrar);
        }
        for (uint256 i; i < _actor.keyCount(); ++i) {
            AttestedKey memory record = keys.keyOf(_actor.addressOf(i));
            (,,, uint96 bond) = keys.disproofOf(_actor.addressOf(i));
            owed += record.stake + bond;
        }
        assertEq(token.balanceOf(address(keys)), owed, "stakes, bonds and credits");
    }
}
