// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {Market, MarketConfig} from "../../src/Market.sol";
import {OrderRequest} from "../../src/types/Order.sol";
import {MarketWorld} from "../base/MarketWorld.sol";

/// @notice Tells who sends or receives of every transfer before it happens, as ERC-777 does.
contract HookedToken is ERC20 {
    address private _told;

    constructor() ERC20("Hooked", "HOOK") {
        _mint(msg.sender, 1e30);
    }

    function tell(address told) external {
        _told = told;
    }

    function _update(address from, address to, uint256 value) internal override {
        if (_told != address(0) && (from == _told || to == _told)) Intruder(_told).onTransfer();
        super._update(from, to, value);
    }
}

/// @notice Says no instead of reverting, and moves nothing.
contract RefusingToken is ERC20 {
    constructor() ERC20("Refusing", "NO") {
        _mint(msg.sender, 1e30);
    }

    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return false;
    }
}

/// @notice Requests, locks and withdraws, and from within each transfer tries to get in once more.
contract Intruder {
    Market private immutable _market;
    bytes private _request;
    bytes32 private _open;
    uint256 public tried;
    uint256 public entered;

    error RequestFailed(bytes reason);

    constructor(Market market, IERC20 token) {
        _market = market;
        token.approve(address(market), type(uint256).max);
    }

    function prepare(OrderRequest memory terms, bytes32 open) external {
        _request = abi.encodeCall(_market.request, (terms));
        _open = open;
    }

    function request() external returns (bytes32) {
        (bool success, bytes memory answer) = address(_market).call(_request);
        if (!success) revert RequestFailed(answer);
        return abi.decode(answer, (bytes32));
    }

    function lock() external {
        _market.lock(_open);
    }

    function cancel(bytes32 id) external {
        _market.cancel(id);
    }

    function withdraw() external {
        _market.withdraw();
    }

    function onTransfer() external {
        _try(_request);
        _try(abi.encodeCall(_market.lock, (_open)));
        _try(abi.encodeCall(_market.cancel, (_open)));
        _try(abi.encodeCall(_market.expire, (_open, 0)));
        _try(abi.encodeCall(_market.withdraw, ()));
        _try(abi.encodeCall(_market.withdrawFor, (address(0xB001))));
    }

    function _try(bytes memory data) private {
        ++tried;
        (bool success,) = address(_market).call(data);
        if (success) ++entered;
    }
}

/// @notice The token is chosen at deployment and may still be odd: no oddity pays anybody twice.
contract HostileTokensTest is MarketWorld {
    function setUp() public {
        setUpWorld();
    }

    function test_whoIsToldOfItsTransfersGetsInNoSecondTime() public {
        HookedToken hooked = new HookedToken();
        Market other = _marketOf(hooked);
        Intruder intruder = new Intruder(other, hooked);
        assertTrue(hooked.transfer(address(intruder), 1e20), "transfer");
        hooked.tell(address(intruder));
        assertTrue(hooked.transfer(REQUESTER, 1e20), "transfer");
        vm.prank(REQUESTER);
        hooked.approve(address(other), type(uint256).max);
        vm.prank(REQUESTER);
        bytes32 open = other.request(terms());
        intruder.prepare(terms(), open);

        bytes32 own = intruder.request();
        assertEq(intruder.tried(), 6, "tried while the price moved");
        intruder.lock();
        assertEq(intruder.tried(), 12, "tried while the bond moved");
        intruder.cancel(own);
        intruder.withdraw();
        assertEq(intruder.tried(), 18, "tried while the credit moved");
        assertEq(intruder.entered(), 0, "entered");
        assertEq(other.counterOf(address(intruder)), 1, "one order");
        assertEq(hooked.balanceOf(address(other)), uint256(PRICE) + BOND, "escrow and bond");
        assertEq(other.creditOf(address(intruder)), 0, "nothing is left to take");
    }

    function test_aTokenThatSaysNoPaysForNothing() public {
        ERC20 refusing = new RefusingToken();
        Market other = _marketOf(refusing);
        vm.expectRevert();
        vm.prank(REQUESTER);
        other.request(terms());
        assertEq(other.counterOf(REQUESTER), 0, "no order");
    }

    function _marketOf(ERC20 other) private returns (Market) {
        return newMarket(
            MarketConfig(other, registry, router, validators, GOVERNOR, GUARDIAN, TREASURY),
            defaultParameters()
        );
    }
}
