"""Holders: a dead process of this machine is known as such, one elsewhere never is."""

import os
import subprocess
from dataclasses import replace

import psutil

from avow.prover.holder import is_gone, parse_holder, this_process


def test_a_running_process_is_not_gone() -> None:
    mine = this_process("w1")
    assert parse_holder(mine.text()) == mine and mine.pid == os.getpid()
    assert not is_gone(mine.text())


def test_an_ended_process_is_gone_even_as_a_zombie() -> None:
    child = subprocess.Popen(["sleep", "60"])
    started = round(psutil.Process(child.pid).create_time() * 1000)
    holder = replace(this_process("w1"), pid=child.pid, started=started).text()
    assert not is_gone(holder)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(holder)
    child.wait()
    assert is_gone(holder)


def test_a_reused_process_number_is_another_process() -> None:
    assert is_gone(replace(this_process("w1"), started=1).text())


def test_nothing_is_known_of_other_machines_or_texts() -> None:
    elsewhere = replace(this_process("w1"), machine="other-12345678", pid=1, started=1)
    assert not is_gone(elsewhere.text())
    assert not is_gone("") and not is_gone("nonsense") and not is_gone("a|b|c|d")
