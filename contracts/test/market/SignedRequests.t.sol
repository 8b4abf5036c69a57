// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

import {Market, MarketConfig} from "../../src/Market.sol";
import {IAvowMarket} from "../../src/interfaces/IAvowMarket.sol";
import {Callback, LegRequest, OrderRequest} from "../../src/types/Order.sol";
import {SignedRequest} from "../../src/types/SignedRequest.sol";
import {MarketWorld} from "../base/MarketWorld.sol";

/// @notice Signs, by ERC-1271, whatever one digest it was told to.
contract MockWallet is IERC1271 {
    bytes32 public agreed;

    function agree(bytes32 digest) external {
        agreed = digest;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == agreed ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

/// @notice Orders signed off chain.
contract SignedRequestsTest is MarketWorld {
    uint256 private constant KEY = 0xA11CE;
    address private _signer;

    function setUp() public {
        setUpWorld();
        _signer = vm.addr(KEY);
        enrich(_signer);
    }

    function test_anyoneBringsASignedOrderAndTheSignerPays() public {
        SignedRequest memory signed = _signed(7);
        bytes memory signature = _sign(signed, market.domainSeparator());
        bytes32 expected = market.orderIdOf(_signer, 0);
        uint256 before = token.balanceOf(_signer);
        vm.prank(STRANGER);
        bytes32 id = market.requestFor(signed, signature);
        assertEq(id, expected, "id");
        assertEq(market.orderOf(id).requester, _signer, "requester");
        assertEq(before - token.balanceOf(_signer), PRICE, "price");
        assertTrue(market.isNonceUsed(_signer, 7), "nonce");
        lock(id);
        deliver(id, 0);
        settle(id, 0);
    }

    function test_aSignedOrderOpensOnce() public {
        SignedRequest memory signed = _signed(7);
        bytes memory signature = _sign(signed, market.domainSeparator());
        market.requestFor(signed, signature);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.NonceUsed.selector, _signer, 7));
        market.requestFor(signed, signature);
    }

    function test_noncesHaveNoOrderAndCanBeCancelled() public {
        uint256[3] memory nonces = [uint256(300), 2, type(uint256).max];
        for (uint256 i; i < 3; ++i) {
            SignedRequest memory each = _signed(nonces[i]);
            market.requestFor(each, _sign(each, market.domainSeparator()));
        }
        vm.prank(_signer);
        market.cancelNonce(5);
        SignedRequest memory signed = _signed(5);
        bytes memory signature = _sign(signed, market.domainSeparator());
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.NonceUsed.selector, _signer, 5));
        market.requestFor(signed, signature);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.NonceUsed.selector, _signer, 5));
        vm.prank(_signer);
        market.cancelNonce(5);
    }

    function test_nobodyCancelsAnothersNonce() public {
        vm.prank(STRANGER);
        market.cancelNonce(7);
        assertTrue(!market.isNonceUsed(_signer, 7), "untouched");
    }

    function test_aSignatureHasADeadline() public {
        SignedRequest memory signed = _signed(7);
        bytes memory signature = _sign(signed, market.domainSeparator());
        vm.warp(signed.deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.SignedRequestExpired.selector, signed.deadline));
        market.requestFor(signed, signature);
        vm.warp(signed.deadline);
        market.requestFor(signed, signature);
    }

    function test_everyFieldIsSigned() public {
        bytes memory signature = _sign(_full(), market.domainSeparator());
        uint256 before = vm.snapshotState();
        market.requestFor(_full(), signature);
        vm.revertToState(before);
        for (uint256 field; field < 15; ++field) {
            SignedRequest memory altered = _full();
            OrderRequest memory order = altered.terms;
            if (field == 0) order.modelKey = registry.modelKeyOf(RIVAL, keccak256("model"));
            else if (field == 1) order.input.scheme = 3;
            else if (field == 2) order.input.value = keccak256("other");
            else if (field == 3) order.inputData = hex"00";
            else if (field == 4) order.inputUri = "https://example.org/other";
            else if (field == 5) order.legs[0].selector = OTHER;
            else if (field == 6) order.legs[0].deadline += 1;
            else if (field == 7) order.legs[0].shareBps -= 1;
            else if (field == 8) order.price -= 1;
            else if (field == 9) order.bond += 1;
            else if (field == 10) order.lockDeadline += 1;
            else if (field == 11) order.callback.target = STRANGER;
            else if (field == 12) order.callback.gasLimit += 1;
            else if (field == 13) altered.nonce += 1;
            else altered.deadline += 1;
            vm.expectRevert(abi.encodeWithSelector(IAvowMarket.SignatureInvalid.selector, _signer));
            market.requestFor(altered, signature);
        }
    }

    function test_nobodySignsForAnother() public {
        SignedRequest memory signed = _signed(7);
        bytes memory signature = _sign(signed, market.domainSeparator());
        signed.requester = REQUESTER;
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.SignatureInvalid.selector, REQUESTER));
        market.requestFor(signed, signature);
    }

    function test_defect8_aSignedOrderDoesNotReplayOnAnotherChainOrMarket() public {
        SignedRequest memory signed = _signed(7);
        bytes memory signature = _sign(signed, market.domainSeparator());
        Market twin = newMarket(
            MarketConfig(token, registry, router, validators, GOVERNOR, GUARDIAN, TREASURY),
            defaultParameters()
        );
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.SignatureInvalid.selector, _signer));
        twin.requestFor(signed, signature);
        vm.chainId(block.chainid + 1);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.SignatureInvalid.selector, _signer));
        market.requestFor(signed, signature);
    }

    function test_aContractSignsByErc1271() public {
        MockWallet wallet = new MockWallet();
        enrich(address(wallet));
        SignedRequest memory signed = _signed(7);
        signed.requester = address(wallet);
        vm.expectRevert(abi.encodeWithSelector(IAvowMarket.SignatureInvalid.selector, address(wallet)));
        market.requestFor(signed, "");
        wallet.agree(_digest(signed, market.domainSeparator()));
        bytes32 id = market.requestFor(signed, "");
        assertEq(market.orderOf(id).requester, address(wallet), "requester");
    }

    function _signed(uint256 nonce) private view returns (SignedRequest memory) {
        return SignedRequest(terms(), _signer, nonce, block.timestamp + 30 minutes);
    }

    function _full() private view returns (SignedRequest memory signed) {
        signed = _signed(9);
        signed.terms = uriTerms();
        signed.terms.legs = new LegRequest[](2);
        signed.terms.legs[0] = LegRequest(EZKL, uint64(START + 1 days), 4_000);
        signed.terms.legs[1] = LegRequest(OTHER, uint64(START + 2 days), 6_000);
        signed.terms.callback = Callback(address(this), 100_000);
    }

    function _sign(SignedRequest memory signed, bytes32 separator) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(KEY, _digest(signed, separator));
        return abi.encodePacked(r, s, v);
    }

    function _digest(SignedRequest memory signed, bytes32 separator) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", separator, _struct(signed)));
    }

    function _struct(SignedRequest memory signed) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "SignedRequest(OrderRequest terms,address requester,uint256 nonce,uint256 deadline)Callback(address target,uint32 gasLimit)Commitment(uint16 scheme,bytes32 value)LegRequest(bytes4 selector,uint64 deadline,uint16 shareBps)OrderRequest(bytes32 modelKey,Commitment input,bytes inputData,string inputUri,LegRequest[] legs,uint128 price,uint128 bond,uint64 lockDeadline,Callback callback)"
                ),
                _orderStruct(signed.terms),
                signed.requester,
                signed.nonce,
                signed.deadline
            )
        );
    }

    function _orderStruct(OrderRequest memory order) private pure returns (bytes32) {
        bytes memory legs;
        for (uint256 i; i < order.legs.length; ++i) {
            legs = bytes.concat(
                legs,
                keccak256(
                    abi.encode(
                        keccak256("LegRequest(bytes4 selector,uint64 deadline,uint16 shareBps)"),
                        order.legs[i]
                    )
                )
            );
        }
        return keccak256(
            abi.encode(
                keccak256(
                    "OrderRequest(bytes32 modelKey,Commitment input,bytes inputData,string inputUri,LegRequest[] legs,uint128 price,uint128 bond,uint64 lockDeadline,Callback callback)Callback(address target,uint32 gasLimit)Commitment(uint16 scheme,bytes32 value)LegRequest(bytes4 selector,uint64 deadline,uint16 shareBps)"
                ),
                order.modelKey,
                keccak256(abi.encode(keccak256("Commitment(uint16 scheme,bytes32 value)"), order.input)),
                keccak256(order.inputData),
                keccak256(bytes(order.inputUri)),
                keccak256(legs),
                order.price,
                order.bond,
                order.lockDeadline,
                keccak256(abi.encode(keccak256("Callback(address target,uint32 gasLimit)"), order.callback))
            )
        );
    }
}
