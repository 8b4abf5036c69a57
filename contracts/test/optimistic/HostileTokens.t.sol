// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {MarketConfig} from "../../src/Market.sol";
import {IClaims} from "../../src/interfaces/IClaims.sol";
import {ILedger} from "../../src/interfaces/ILedger.sol";
import {DisputeWorld} from "../base/DisputeWorld.sol";
import {Lie, Trace} from "./ToyTrace.sol";

/// @notice A token that can lose a unit of what is paid in, and can tell an account of its transfers.
contract OddToken is ERC20 {
    address public told;
    address public taxed;

    constructor() ERC20("Odd", "ODD") {
        _mint(msg.sender, 1e30);
    }

    function tell(address account) external {
        told = account;
    }

    function tax(address payee) external {
        taxed = payee;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (to == taxed && from != address(0)) {
            super._update(from, address(0xFEE), 1);
            --value;
        }
        super._update(from, to, value);
        if (told != address(0)) Intruder(told).hook();
    }
}

/// @notice Tries every door of the claims while its own payment moves.
contract Intruder {
    IClaims private immutable _claims;
    bytes[] private _moves;
    uint256 public tried;
    uint256 public entered;

    constructor(IClaims claims) {
        _claims = claims;
    }

    function prepare(bytes calldata data) external {
        _moves.push(data);
    }

    function hook() external {
        for (uint256 i; i < _moves.length; ++i) {
            ++tried;
            (bool success,) = address(_claims).call(_moves[i]);
            if (success) ++entered;
        }
    }
}

/// @notice No oddity of the token pays anybody twice, or lets a bond be smaller than it is.
contract ClaimTokensTest is DisputeWorld {
    OddToken private _odd;

    function setUp() public {
        setUpDisputes();
        _odd = new OddToken();
        market = newMarket(
            MarketConfig(IERC20(address(_odd)), registry, router, validators, GOVERNOR, GUARDIAN, TREASURY),
            longParameters()
        );
        claims = newClaims(market, router, referee, GOVERNOR, claimParameters());
        learn();
        address[3] memory accounts = [REQUESTER, PROVIDER, RIVAL];
        for (uint256 i; i < 3; ++i) {
            assertTrue(_odd.transfer(accounts[i], 1e20), "transfer");
            vm.prank(accounts[i]);
            _odd.approve(address(market), type(uint256).max);
            vm.prank(accounts[i]);
            _odd.approve(address(claims), type(uint256).max);
        }
    }

    function test_aBondThatArrivesShortIsRefused() public {
        bytes32 id = delivered();
        _odd.tax(address(claims));
        vm.expectRevert(abi.encodeWithSelector(ILedger.TransferDiffers.selector, CLAIM_BOND, CLAIM_BOND - 1));
        claimWith(id, keccak256("root"));
        _odd.tax(address(0));
        Trace memory trace = honest(id);
        claimWith(id, trace.root);
        assertEq(_odd.balanceOf(address(claims)), CLAIM_BOND, "whole");
    }

    function test_whoIsToldOfItsTransferGetsInNoSecondTime() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
        Intruder intruder = new Intruder(claims);
        vm.prank(PROVIDER);
        assertTrue(_odd.transfer(address(intruder), 1e19), "transfer");
        challenge(RIVAL, id, trace.root);
        vm.warp(START + CLOCK + 1);
        claims.timeout(statementRoot(id), RIVAL);
        intruder.prepare(abi.encodeCall(ILedger.withdraw, ()));
        intruder.prepare(abi.encodeCall(ILedger.withdrawFor, (RIVAL)));
        intruder.prepare(abi.encodeCall(ILedger.withdrawFor, (BURNED)));
        intruder.prepare(abi.encodeCall(IClaims.finish, (statementRoot(id))));
        intruder.prepare(abi.encodeCall(IClaims.reclaim, (statementRoot(id), RIVAL)));
        intruder.prepare(abi.encodeCall(IClaims.timeout, (statementRoot(id), RIVAL)));
        _odd.tell(address(intruder));
        vm.prank(RIVAL);
        assertEq(claims.withdraw(), REWARD + CHALLENGE_BOND, "paid once");
        assertEq(intruder.tried(), 6, "tried while the credit moved");
        assertEq(intruder.entered(), 0, "entered");
        vm.expectRevert(abi.encodeWithSelector(ILedger.NothingToWithdraw.selector, RIVAL));
        vm.prank(RIVAL);
        claims.withdraw();
    }

    function test_creditPaysTheNextBond() public {
        (bytes32 id, Trace memory trace) = claimed(Lie.None, 0, 0);
        challenge(RIVAL, id, trace.root);
        vm.warp(START + CLOCK + 1);
        claims.timeout(statementRoot(id), RIVAL);
        (id, trace) = claimed(Lie.None, 0, 0);
        uint256 before = _odd.balanceOf(RIVAL);
        challenge(RIVAL, id, trace.root);
        assertEq(_odd.balanceOf(RIVAL), before, "no tokens moved");
        assertEq(claims.creditOf(RIVAL), REWARD, "credit");
    }
}
