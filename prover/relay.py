"""The relay: carries messages from the outbox to the broker."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from celery import Celery
from kombu.exceptions import ChannelError, OperationalError
from redis.exceptions import RedisError

from avow.prover.app import broker_priority, queue_name, task_name
from avow.prover.database import Database
from avow.prover.errors import BrokerUnavailable
from avow.prover.outbox import claim_due, due, mark_sent, release
from avow.prover.queue import Clock
from avow.prover.queues import WorkQueue

_LOG = logging.getLogger("avow.prover")


class Relay:
    """Sends due messages; what cannot be sent stays in the outbox.

    `down` is whether the broker refused the last message; the log was told once.
    """

    def __init__(self, app: Celery, database: Database, clock: Clock) -> None:
        self._app = app
        self._database = database
        self._clock = clock
        self.down = False

    def once(self) -> int:
        """Sends what is due and returns how many messages the broker took.

        Raises BrokerUnavailable when it took none of what was due; says so in the log once.
        """
        now = self._clock()
        with self._database.read() as session:
            if not due(session, now):
                return 0
        with self._database.write() as session:
            messages = claim_due(session, now)
        sent = 0
        for message in messages:
            try:
                self._app.send_task(
                    task_name(message.task),
                    args=[message.job_id, message.leg],
                    queue=queue_name(message.queue),
                    retry=False,
                    priority=broker_priority(message.priority),
                )
            except (OperationalError, RedisError, OSError) as error:
                with self._database.write() as session:
                    release(session, [item.id for item in messages[sent:]])
                self._say_down(error)
                raise BrokerUnavailable(f"broker: {_first_line(error)}") from error
            with self._database.write() as session:
                mark_sent(session, message.id, self._clock())
            sent += 1
        if sent:
            self._say_up()
        return sent

    def waiting(self, queues: Iterable[WorkQueue]) -> dict[WorkQueue, int]:
        """How many messages each queue of the broker holds; raises BrokerUnavailable.

        Where none holds any, what was sent before and taken by nobody since is lost, or in the
        hands of a process that has not begun: soon it may be asked for again.
        """
        try:
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0)
                channel = connection.default_channel
                return {queue: _length(channel, queue_name(queue)) for queue in queues}
        except (OperationalError, RedisError, OSError) as error:
            raise BrokerUnavailable(f"broker: {_first_line(error)}") from error

    def probe(self) -> None:
        """Asks the broker for a sign of life, so that its absence is told before a job waits.

        Raises BrokerUnavailable; says so in the log once.
        """
        try:
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0)
        except (OperationalError, RedisError, OSError) as error:
            self._say_down(error)
            raise BrokerUnavailable(f"broker: {_first_line(error)}") from error
        self._say_up()

    def _say_up(self) -> None:
        if self.down:
            _LOG.warning("broker: reachable again")
        self.down = False

    def _say_down(self, error: Exception) -> None:
        if not self.down:
            _LOG.error("broker: cannot be reached, jobs wait (%s)", _first_line(error))
        self.down = True


def _length(channel: Any, queue: str) -> int:
    try:
        return int(channel.queue_declare(queue=queue, passive=True).message_count)
    except ChannelError:
        # Redis has no empty lists.
        return 0


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
