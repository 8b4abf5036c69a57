// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {Outcome, WatchParameters} from "../../src/interfaces/IWatch.sol";
import {WatchWorld} from "../base/WatchWorld.sol";
import {WatchActor} from "./WatchActor.sol";

/// @notice Whatever everybody does around a watch, the money adds up, and who does its duty loses nothing.
contract WatchInvariantTest is WatchWorld {
    WatchActor private _actor;

    function setUp() public {
        setUpWatch();
        WatchParameters memory parameters = watchParameters();
        parameters.dutyBps = 6_000;
        watch = newWatch(claims, GOVERNOR, PLANTER, parameters);
        address[] memory validators = new address[](4);
        (validators[0], validators[1], validators[2], validators[3]) = (WATCHER, SLEEPER, RIVAL, VALIDATOR);
        for (uint256 i; i < 4; ++i) {
            approveWatch(validators[i]);
        }
        approveWatch(STRANGER);
        vm.prank(STRANGER);
        watch.fund(100 * BOUNTY);
        _actor = new WatchActor(watch, modelKey, REQUESTER, PROVIDER, validators);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_actor);
    }

    /// @dev One function: each would walk the same walks from the same seed, again.
    function invariant_theMoneyAddsUpAndWhoDoesItsDutyLosesNothing() external view {
        _checkMoney();
        _checkDuties();
    }

    /// @dev The random actor really reaches every end: invariants over idle validators would prove nothing.
    function test_aRandomWalkPaysAndChargesInEveryWay() public {
        vm.pauseGasMetering();
        uint256 dice = uint256(keccak256("watch"));
        for (uint256 i; i < 1_200; ++i) {
            dice = uint256(keccak256(abi.encode(dice)));
            _step(dice % 18, dice >> 8, dice >> 72);
            if (i % 50 == 0) _checkMoney();
        }
        _checkMoney();
        _checkDuties();
        assertTrue(_actor.exposureCount() > 7, "exposed");
        assertTrue(_actor.reached(Outcome.Found) > 5, "found");
        assertTrue(_actor.reached(Outcome.Paid) > 3, "paid");
        assertTrue(_actor.reached(Outcome.Missed) > 1, "missed");
        assertTrue(_actor.charged() > 3, "silent");
        assertTrue(_actor.released() > 1, "released");
    }

    function _step(uint256 face, uint256 a, uint256 b) private {
        if (face < 3) _actor.claim(a);
        else if (face == 3) _actor.join(a);
        else if (face == 4) _actor.depart(a, b);
        else if (face == 5) _actor.release(a);
        else if (face == 6) _actor.commit(a, b, b % 8 < 6);
        else if (face < 9) _actor.reveal(a, b);
        else if (face < 11) _actor.expose(a);
        else if (face == 11) _actor.answer(a, b);
        else if (face == 12) _actor.chargeMiss(a, b);
        else if (face == 13) _actor.pay(a, b);
        else if (face == 14) b % 4 == 0 ? _actor.overturn(a) : _actor.chargeSilence(a);
        else if (face == 15) _actor.withdraw(a);
        else _actor.passTime(a);
    }

    function _checkMoney() private view {
        uint256 owed = watch.budget() + watch.creditOf(BURNED) + _actor.reserved();
        for (uint256 i; i < _actor.validatorCount(); ++i) {
            address account = _actor.validators(i);
            owed += stakeOf(account) + watch.creditOf(account);
        }
        assertEq(token.balanceOf(address(watch)), owed, "stakes, budget, bounties and credits");
        assertEq(watch.creditOf(PLANTER) + watch.creditOf(PROVIDER), 0, "the planter collects nothing");
        assertEq(watch.creditOf(GOVERNOR) + watch.creditOf(address(watch)), 0, "nor does the owner");
    }

    function _checkDuties() private view {
        assertEq(_actor.unlawful(), 0, "unlawful steps");
        assertEq(stakeOf(WATCHER), 2 * STAKE, "who does its duty");
    }
}
