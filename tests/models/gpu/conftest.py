"""Tests of a real GPU; `make test-gpu` runs them, and nothing else does."""

import os
from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave this folder alone unless the devices to test are named."""
    return None if os.environ.get("AVOW_TEST_GPU") else True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test that takes a `device` on each one that is named; none is ever skipped."""
    if "device" in metafunc.fixturenames:
        from avow.models.devices import Device

        names = os.environ["AVOW_TEST_GPU"].split()
        metafunc.parametrize("device", [Device(name) for name in names], ids=names)
