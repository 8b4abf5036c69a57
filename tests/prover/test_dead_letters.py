"""Work that is given up is seen by the operator, and goes on where it was when asked for again."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from click.testing import CliRunner

from avow.api.cli import job as job_commands
from avow.prover.attempt import Outcome, attempt
from avow.prover.errors import IllegalTransition, Refused, TryAgain, UnknownJob
from avow.prover.inference import infer
from avow.prover.outbox import Task
from avow.prover.proving import prove
from avow.prover.request import OrderContext
from avow.prover.systems.system import Tick
from avow.verifier.lifecycle import JobState
from tests.prover.tiny import Shop, request


def failing(error: Exception) -> Callable[[Tick], None]:
    """A hook that raises."""

    def hook(_tick: Tick) -> None:
        raise error

    return hook


def spoil(shop: Shop, error: Exception) -> str:
    """A job that is answered and whose proof is given up; its id."""
    job = shop.queue.submit(request())
    assert attempt(shop.bench(), job.id, 0, Task.INFER, infer) is Outcome.DONE
    shop.system.on_prove = failing(error)
    while shop.queue.status(job.id).state is not JobState.FAILED:
        attempt(shop.bench(), job.id, 0, Task.PROVE, prove)
        shop.clock.now += 120_000
    shop.system.on_prove = lambda tick: None
    return job.id


def test_a_task_that_failed_too_often_is_a_dead_letter(any_shop: Shop) -> None:
    job_id = spoil(any_shop, TryAgain("the child died"))
    (letter,) = any_shop.queue.dead_letters()
    assert (letter.job_id, letter.task, letter.leg) == (job_id, "prove", 0)
    assert letter.attempts == any_shop.config.max_attempts
    assert letter.reason == "the child died"
    assert any_shop.queue.dead_letters(before=letter.at) == []
    assert any_shop.queue.dead_letters(before=letter.at + 1) == [letter]


def test_it_goes_on_where_it_was_with_its_attempts_anew(any_shop: Shop) -> None:
    job_id = spoil(any_shop, TryAgain("the child died"))
    again = any_shop.queue.retry(job_id)
    assert again.state is JobState.ANSWERED and again.answer is not None
    assert any_shop.queue.dead_letters() == []
    # It may fail as often as before.
    any_shop.system.on_prove = failing(TryAgain("once more"))
    assert attempt(any_shop.bench(), job_id, 0, Task.PROVE, prove) is Outcome.AGAIN
    any_shop.system.on_prove = lambda tick: None
    any_shop.clock.now += 120_000
    assert attempt(any_shop.bench(), job_id, 0, Task.PROVE, prove) is Outcome.DONE
    assert any_shop.queue.status(job_id).state is JobState.PROVEN
    assert any_shop.system.answered == 1


def test_without_an_answer_it_is_answered_again(shop: Shop) -> None:
    job = shop.queue.submit(request())
    shop.system.on_answer = failing(Refused("no such operation"))
    assert attempt(shop.bench(), job.id, 0, Task.INFER, infer) is Outcome.FAILED
    (letter,) = shop.queue.dead_letters()
    assert (letter.task, letter.attempts, letter.reason) == ("infer", 1, "no such operation")
    shop.system.on_answer = lambda tick: None
    assert shop.queue.retry(job.id).state is JobState.QUEUED
    assert attempt(shop.bench(), job.id, 0, Task.INFER, infer) is Outcome.DONE


def test_a_late_job_of_its_own_has_a_new_deadline_an_order_has_not(shop: Shop) -> None:
    job_id = spoil(shop, Refused("no"))
    shop.clock.now += shop.config.job_seconds * 1000 + 1
    again = shop.queue.retry(job_id)
    assert again.deadline == again.evidence[0].deadline
    assert again.deadline == shop.clock.now + shop.config.job_seconds * 1000
    deadline = shop.clock.now // 1000 + 60
    place = OrderContext(1, b"\1" * 20, b"\2" * 32, b"\3" * 20, 7, 0, deadline)
    ordered = shop.queue.submit(replace(request(), order=place))
    shop.system.on_answer = failing(Refused("no"))
    assert attempt(shop.bench(), ordered.id, 0, Task.INFER, infer) is Outcome.FAILED
    shop.clock.now += 61_000
    with pytest.raises(IllegalTransition, match="deadline has passed"):
        shop.queue.retry(ordered.id)
    assert [letter.job_id for letter in shop.queue.dead_letters()] == [ordered.id]


def test_only_a_failed_job_is_asked_for_again(shop: Shop) -> None:
    job = shop.queue.submit(request())
    with pytest.raises(IllegalTransition, match="only a failed job"):
        shop.queue.retry(job.id)
    with pytest.raises(UnknownJob):
        shop.queue.retry("none")


def test_the_operators_commands(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_commands, "open_installation", lambda: (shop.queue, shop.config))
    job_id = spoil(shop, TryAgain("the child died"))
    run = CliRunner()
    listed = run.invoke(job_commands.job, ["dead-letters", "list"])
    assert listed.output == f"{job_id}  prove x 3  the child died\n"
    shown = run.invoke(job_commands.job, ["dead-letters", "show", job_id])
    assert "proving -> failed: prove failed 3 times, last: the child died" in shown.output
    retried = run.invoke(job_commands.job, ["dead-letters", "retry", "--all"])
    assert retried.output == f"{job_id}  answered: asked for again by the operator\n"
    assert run.invoke(job_commands.job, ["dead-letters", "list", "--json"]).output == "[]\n"
    refused = run.invoke(job_commands.job, ["dead-letters", "retry", job_id])
    assert isinstance(refused.exception, IllegalTransition)
    neither = run.invoke(job_commands.job, ["dead-letters", "retry"])
    assert "either job ids or --all" in str(neither.exception)
