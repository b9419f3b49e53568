// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

import {AnchorRegistry} from "../src/AnchorRegistry.sol";
import {IAnchorRegistry} from "../src/IAnchorRegistry.sol";
import {Vm} from "./Vm.sol";

/// @dev What it takes to use a registry that has one administrator and one anchorer.
abstract contract RegistryUser {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint48 internal constant DELAY = 2 days;
    address internal constant ADMIN = address(0xAD31);
    address internal constant ANCHORER = address(0xA7C4);
    address internal constant STRANGER = address(0x57A6);
    address internal constant PREDECESSOR = address(0x01D);

    bytes32 internal constant ROOT = keccak256("root");
    bytes32 internal constant OTHER_ROOT = keccak256("other root");
    bytes32 internal constant LIST = keccak256("list");
    bytes32 internal constant DIGEST = keccak256("digest");

    AnchorRegistry internal registry;
    bytes32 internal role;
    bytes4[] internal selectors;
    mapping(bytes4 selector => bool) internal isSelector;

    function anchor(bytes32 root, uint64 leafCount) internal returns (uint64) {
        vm.prank(ANCHORER);
        return registry.anchor(root, leafCount);
    }

    function publish(bytes32 listId, uint64 version, bytes32 digest) internal {
        vm.prank(ANCHORER);
        registry.publishStatusList(listId, version, digest);
    }

    /// @dev Sends `data` as the whole calldata of a transaction of `sender`.
    function send(address sender, bytes memory data) internal returns (bool success, bytes memory result) {
        vm.prank(sender, sender);
        return address(registry).call(data);
    }

    /// @dev Fills `selectors` and `isSelector` with every function of the registry, by the compiler's list.
    function loadSelectors() internal {
        string memory artifact = vm.readFile("out/AnchorRegistry.sol/AnchorRegistry.json");
        string[] memory signatures = vm.parseJsonKeys(artifact, ".methodIdentifiers");
        for (uint256 i = 0; i < signatures.length; ++i) {
            bytes4 selector = bytes4(keccak256(bytes(signatures[i])));
            selectors.push(selector);
            isSelector[selector] = true;
        }
        vm.assertTrue(isSelector[registry.anchor.selector] && isSelector[registry.grantRole.selector]);
    }
}

/// @dev A new registry for each test, at a known time.
abstract contract RegistryTest is RegistryUser {
    function setUp() public virtual {
        registry = new AnchorRegistry(DELAY, ADMIN, ANCHORER, PREDECESSOR);
        role = registry.ANCHORER_ROLE();
        vm.warp(1_800_000_000);
        vm.roll(1_000);
    }

    function assertAnchor(bytes32 root, IAnchorRegistry.Anchor memory expected) internal view {
        vm.assertEq(abi.encode(registry.anchorOf(root)), abi.encode(expected));
    }

    function assertStatusList(bytes32 listId, IAnchorRegistry.StatusList memory expected) internal view {
        vm.assertEq(abi.encode(registry.statusListOf(listId)), abi.encode(expected));
    }

    function assertNotAnchored(bytes32 root) internal view {
        assertAnchor(root, IAnchorRegistry.Anchor(0, 0, 0, 0));
    }
}
