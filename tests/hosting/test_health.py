"""What counts as healthy, as busy, and as a change."""

from __future__ import annotations

import json
import logging
import threading

import pytest

from agentcore_mcp.hosting.health import Health, PingStatus
from tests.support.waiting import WAIT_S


@pytest.fixture
def health() -> Health:
    return Health(logging.getLogger("tests.health"))


def test_an_app_without_tasks_is_healthy(health: Health) -> None:
    assert health.status() is PingStatus.HEALTHY


def test_an_app_is_busy_until_its_last_task_is_complete(health: Health) -> None:
    first, second = health.add_task("first"), health.add_task("second")
    assert health.status() is PingStatus.HEALTHY_BUSY

    assert health.complete_task(first)
    assert health.status() is PingStatus.HEALTHY_BUSY

    assert health.complete_task(second)
    assert health.status() is PingStatus.HEALTHY


def test_a_task_can_be_completed_once(health: Health) -> None:
    task = health.add_task("work")

    assert [health.complete_task(task), health.complete_task(task)] == [True, False]


def test_task_ids_survive_a_trip_through_javascript(health: Health) -> None:
    ids = {health.add_task("work") for _ in range(100)}

    assert len(ids) == 100
    assert all(int(float(task)) == task for task in ids)


def test_a_forced_status_wins_over_the_check_and_the_tasks(health: Health) -> None:
    health.check = lambda: PingStatus.HEALTHY_BUSY
    health.add_task("work")

    health.force("Healthy")
    assert health.status() is PingStatus.HEALTHY

    health.force(None)
    assert health.status() is PingStatus.HEALTHY_BUSY


def test_only_a_known_status_can_be_forced(health: Health) -> None:
    with pytest.raises(ValueError, match="Sleepy"):
        health.force("Sleepy")


def test_the_check_wins_over_the_tasks(health: Health) -> None:
    health.add_task("work")
    health.check = lambda: "Healthy"

    assert health.status() is PingStatus.HEALTHY


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(4)])
def test_a_check_that_fails_or_wants_to_exit_leaves_the_status_to_the_tasks(
    health: Health, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def check() -> None:
        raise error

    health.check = check
    health.add_task("work")

    assert health.status() is PingStatus.HEALTHY_BUSY
    assert repr(error) in caplog.text or f"ValueError: {error}" in caplog.text


def test_the_time_moves_only_when_the_status_does(health: Health) -> None:
    health.status()
    first = health.changed_at

    health.status()
    assert health.changed_at == first

    task = health.add_task("work")
    health.status()
    second = health.changed_at
    assert second > first

    health.complete_task(task)
    assert health.changed_at == second, "it is the status that is looked at, when it is looked at"
    assert health.report() == {"status": "Healthy", "time_of_last_update": int(health.changed_at)}
    assert health.changed_at > second


def test_tasks_may_come_and_go_from_many_threads(health: Health) -> None:
    def come_and_go() -> None:
        for _ in range(200):
            task = health.add_task("work")
            health.task_info()
            health.complete_task(task)

    threads = [threading.Thread(target=come_and_go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)

    assert health.task_info() == {"active_count": 0, "running_jobs": []}


def test_a_status_is_a_string_as_the_published_one_is() -> None:
    assert json.dumps(PingStatus.HEALTHY) == '"Healthy"'
    assert str(PingStatus.HEALTHY) == "PingStatus.HEALTHY"
