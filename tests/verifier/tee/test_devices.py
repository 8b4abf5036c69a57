"""GPUs beside an enclave: registered ones that answered its key, and every substitute refused."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from avow.verifier.attestation.nvidia.binding import device_nonce, evidence_digest
from avow.verifier.attestation.nvidia.device import check_gpu
from avow.verifier.attestation.nvidia.evidence import parse_evidence_list
from avow.verifier.canonical import Json
from avow.verifier.errors import VerificationError
from avow.verifier.fields import to_base64, to_hex
from avow.verifier.keccak import keccak256
from avow.verifier.verify import verify
from tests.verifier.attestation.examples import AT
from tests.verifier.attestation.nvidia.simulated import MadeDevice, Maker
from tests.verifier.attestation.nvidia.test_device import (
    DRIVER_VALUES,
    DRIVER_VERSION,
    VBIOS_VALUES,
    VBIOS_VERSION,
)
from tests.verifier.tee.enclave import OTHER_KEY, REGISTRATION, Enclave, address, policy

NONCE = device_nonce(REGISTRATION.challenge, address())


@pytest.fixture(scope="module")
def maker() -> Maker:
    """One simulated maker of devices."""
    return Maker()


def answers(made: Sequence[MadeDevice], nonce: bytes = NONCE) -> bytes:
    """The devices' evidence, as one list."""
    listed: list[Any] = []
    for one in made:
        listed += json.loads(one.evidence(one.report(nonce)))
    return json.dumps(listed).encode()


def digest(data: bytes, maker: Maker, nonce: bytes = NONCE) -> bytes:
    """What the enclave registers of devices."""
    return evidence_digest(
        [
            check_gpu(
                one,
                *(nonce, AT),
                driver=None,
                vbios=None,
                unsafe_missing_golden_values=True,
                test_root=maker.trusted(),
            )
            for one in parse_evidence_list(data)
        ]
    )


def terms(maker: Maker, **changes: Json) -> dict[str, Json]:
    """What the caller asks of devices, with golden values of driver and VBIOS."""
    root = maker.root.encoded
    manifests = (
        maker.golden_values(DRIVER_VERSION, DRIVER_VALUES),
        maker.golden_values(VBIOS_VERSION, VBIOS_VALUES),
    )
    asked: dict[str, Json] = {
        "golden_values": [base64.b64encode(one).decode() for one in manifests],
        "unsafe_simulated_root": {
            "certificate": to_base64(root),
            "sha256": to_hex(hashlib.sha256(root).digest()),
        },
    }
    return {key: one for key, one in (asked | changes).items() if one != "absent"}


def enclave(devices: bytes, gpu: bytes) -> Enclave:
    """An enclave that registered the digest and shows the evidence."""
    return Enclave(registration=replace(REGISTRATION, gpu=gpu), devices=devices)


def test_devices_that_answered_the_enclaves_key_pass(maker: Maker) -> None:
    data = answers([maker.device(), maker.device()])
    bundle = enclave(data, digest(data, maker)).bundle().encode()
    verdict = verify(bundle, policy(devices=terms(maker)))
    steps = {step.name: step.established for step in verdict.steps}
    assert steps["gpu"].startswith("2 answered a nonce of the enclave's key; it does not show")
    assert {"device chain", "device signature", "device nonce", "driver golden values"} <= set(
        steps
    )
    opened = {line.partition(":")[0] for line in verdict.not_checked}
    assert "device revocation" in opened
    assert "gpu" not in opened
    # A policy that says nothing about devices is told that nothing was established.
    silent = verify(bundle, policy())
    assert [line for line in silent.not_checked if line.startswith("gpu: the policy says nothing")]
    assert "device chain" not in [step.name for step in silent.steps]


def refused(bundle: Enclave, asked: dict[str, Json], reason: str) -> str:
    """The step that refuses the bundle under the terms."""
    with pytest.raises(VerificationError, match=reason) as refusal:
        verify(bundle.bundle().encode(), policy(devices=asked))
    return refusal.value.step


def test_a_policy_that_asks_for_devices_needs_them(maker: Maker) -> None:
    data = answers([maker.device()])
    gpu = digest(data, maker)
    assert refused(Enclave(), terms(maker), "registered none") == "gpu"
    missing = Enclave(registration=replace(REGISTRATION, gpu=gpu))
    assert refused(missing, terms(maker), "is missing") == "gpu"
    assert refused(enclave(data, bytes(32)), terms(maker), "did not register") == "gpu"


def test_other_devices_than_the_registered_are_refused(maker: Maker) -> None:
    one, other = maker.device(), maker.device()
    gpu = digest(answers([one]), maker)
    for data in (answers([other]), answers([one, other])):
        assert refused(enclave(data, gpu), terms(maker), "not the devices") == "gpu"
    assert refused(enclave(answers([one, one]), gpu), terms(maker), "twice") == "parse"


@pytest.mark.parametrize("who", ["another key", "another challenge"])
def test_an_answer_to_another_nonce_is_refused(maker: Maker, who: str) -> None:
    if who == "another key":
        nonce = device_nonce(REGISTRATION.challenge, address(OTHER_KEY))
    else:
        nonce = device_nonce(keccak256(b"yesterday"), address())
    data = answers([maker.device()], nonce)
    gpu = digest(data, maker, nonce)
    assert refused(enclave(data, gpu), terms(maker), "was asked") == "device nonce"


def test_golden_values_of_every_version_must_be_there(maker: Maker) -> None:
    data = answers([maker.device()])
    made = enclave(data, digest(data, maker))
    none = terms(maker, golden_values=[])
    assert refused(made, none, "none were given") == "driver golden values"
    lenient = terms(maker, golden_values=[], unsafe_missing_golden_values=True)
    verdict = verify(made.bundle().encode(), policy(devices=lenient))
    opened = {line.partition(":")[0] for line in verdict.not_checked}
    assert {"driver golden values", "VBIOS golden values"} <= opened
    wrong = maker.golden_values(VBIOS_VERSION, {0: (bytes(48),)})
    right = maker.golden_values(DRIVER_VERSION, DRIVER_VALUES)
    asked = terms(maker, golden_values=[to_base64(right), to_base64(wrong)])
    assert refused(made, asked, "measurements 0") == "VBIOS golden values"


def test_devices_have_an_allow_list_of_their_own(maker: Maker) -> None:
    made = maker.device()
    data = answers([made])
    (found,) = parse_evidence_list(data)
    device = check_gpu(
        found,
        *(NONCE, AT),
        driver=None,
        vbios=None,
        unsafe_missing_golden_values=True,
        test_root=maker.trusted(),
    )
    shown = enclave(data, digest(data, maker))
    listed = terms(maker, platforms=[to_hex(device.platform)])
    assert verify(shown.bundle().encode(), policy(devices=listed))
    other = terms(maker, platforms=[to_hex(bytes(32))])
    assert refused(shown, other, "not on the policy's list") == "gpu"


def test_simulated_devices_need_their_own_flag_and_a_simulated_enclave(maker: Maker) -> None:
    data = answers([maker.device()])
    shown = enclave(data, digest(data, maker))
    bare = terms(maker, unsafe_simulated_root="absent")
    assert refused(shown, bare, "root") == "golden values chain"
    assert refused(shown, bare | {"golden_values": []}, "root") == "device chain"
    with pytest.raises(VerificationError, match="belong to a simulated enclave"):
        policy(devices=terms(maker), unsafe_simulated_root="absent")
