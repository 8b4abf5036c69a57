// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title Development token
/// @notice Worth nothing: it exists so that a development chain has a token to pay with. A real market is
/// deployed with a real ERC-20 token. The whole supply is minted once; there is no owner.
contract PaymentToken is ERC20, ERC20Permit {
    constructor(address holder, uint256 supply)
        ERC20("Avow development token", "DEVAVOW")
        ERC20Permit("Avow development token")
    {
        _mint(holder, supply);
    }
}
