"""Runs whose process was killed or interrupted: what is recorded stays, the rest can be resumed."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.launcher import WorkerStatus

import chatsdk_migration
from chatsdk_migration.instance.launcher import HealthCheckedRunLauncher
from chatsdk_migration.instance.reaper import reap
from chatsdk_migration.instance.worker import Worker, sign_run
from chatsdk_migration.partitions import add_channels, failed_channels, unfinished_channels
from chatsdk_migration_tests.dagster.memory import World
from chatsdk_migration_tests.dagster.test_channel_content import run_list

CIDS = [f"messaging:room-{number:02}" for number in range(12)]
DONE = 6
SECONDS_TO_END = 60

Start = Callable[[], subprocess.Popen[str]]


@pytest.fixture
def start(instance: dg.DagsterInstance) -> Iterator[Start]:
    """Start a process that migrates ``DONE`` channels and hangs in the others."""
    add_channels(instance, CIDS)
    started: list[subprocess.Popen[str]] = []

    def start_one() -> subprocess.Popen[str]:
        path = [str(Path(chatsdk_migration.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        process = subprocess.Popen(
            [sys.executable, "-m", "chatsdk_migration_tests.dagster.hanging_run", str(DONE)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "hanging\n"
        return process

    yield start_one
    for process in started:
        process.kill()
        process.wait()


def only_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    (run,) = instance.get_runs()
    return run


def test_a_killed_run_is_reaped_and_resumed(instance: dg.DagsterInstance, start: Start) -> None:
    process = start()
    assert reap(instance) == []  # it lives
    process.kill()
    process.wait()
    assert only_run(instance).status is dg.DagsterRunStatus.STARTED
    assert reap(instance) == [only_run(instance).run_id]
    assert only_run(instance).status is dg.DagsterRunStatus.FAILURE
    assert failed_channels(instance) == unfinished_channels(instance) == CIDS[DONE:]
    world = World(list(CIDS))
    assert run_list(instance, world).succeeded
    assert world.asked_cids == CIDS[DONE:]
    assert unfinished_channels(instance) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_run_at_once_with_its_records(
    instance: dg.DagsterInstance, start: Start, number: signal.Signals
) -> None:
    process = start()
    process.send_signal(number)
    output, _ = process.communicate(timeout=SECONDS_TO_END)
    told = [entry.user_message or str(entry.dagster_event) for entry in instance.all_logs(only_run(instance).run_id)]
    assert (output, process.returncode) == ("interrupted\n", 1), told[-4:]
    assert unfinished_channels(instance) == CIDS[DONE:]
    assert reap(instance) == []


def test_terminating_in_the_web_ui_reaches_the_command_line(instance: dg.DagsterInstance, start: Start) -> None:
    process = start()
    assert instance.run_launcher.terminate(only_run(instance).run_id)
    process.communicate(timeout=SECONDS_TO_END)
    assert only_run(instance).status is dg.DagsterRunStatus.CANCELED
    assert failed_channels(instance) == []  # cancelled channels count as missing
    assert unfinished_channels(instance) == CIDS[DONE:]


def make_run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, tags: dict[str, str]) -> dg.DagsterRun:
    @dg.job(name="some_job")
    def some_job() -> None: ...

    return instance.create_run_for_job(some_job, status=status, tags=tags)


def test_a_pid_given_out_again_is_not_the_worker(instance: dg.DagsterInstance) -> None:
    run = make_run(instance, dg.DagsterRunStatus.STARTED, {})
    here = Worker.here(run.run_id)
    assert here.is_alive()
    assert not here._replace(started=here.started - 3600).is_alive()


def test_tags_inherited_from_a_parent_say_nothing(instance: dg.DagsterInstance) -> None:
    gone = Worker.here("the parent")._replace(started=1.0)
    run = make_run(instance, dg.DagsterRunStatus.STARTED, gone.tags())
    assert Worker.of(run) is None
    assert reap(instance) == []
    sign_run(instance, run)
    signed = instance.get_run_by_id(run.run_id)
    assert signed is not None
    assert Worker.of(signed) == Worker.here(run.run_id)._replace(started=round(psutil.Process().create_time(), 2))


def test_terminating_what_cannot_be_reached_changes_nothing(instance: dg.DagsterInstance) -> None:
    run = make_run(instance, dg.DagsterRunStatus.STARTED, {})
    instance.add_run_tags(run.run_id, Worker("elsewhere", 1, 1.0, run.run_id).tags())
    assert not instance.run_launcher.terminate(run.run_id)
    assert only_run(instance).status is dg.DagsterRunStatus.STARTED


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_worker_cannot_be_interrupted() -> None:
    here = Worker.here("run")
    child = os.fork()
    if child == 0:
        os.setuid(pwd.getpwnam("nobody").pw_uid)
        os._exit(here.may_be_interrupted() or here.interrupt())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert here.may_be_interrupted()


def test_a_worker_on_another_host_is_left_alone(instance: dg.DagsterInstance) -> None:
    run = make_run(instance, dg.DagsterRunStatus.STARTED, {})
    instance.add_run_tags(run.run_id, Worker("elsewhere", 1, 1.0, run.run_id).tags())
    assert reap(instance) == []


def test_a_run_being_cancelled_becomes_cancelled(instance: dg.DagsterInstance) -> None:
    run = make_run(instance, dg.DagsterRunStatus.CANCELING, {})
    instance.add_run_tags(run.run_id, Worker.here(run.run_id)._replace(started=1.0).tags())
    assert reap(instance) == [run.run_id]
    assert only_run(instance).status is dg.DagsterRunStatus.CANCELED


def test_a_vanished_code_server_means_a_dead_worker(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    launcher = instance.run_launcher
    assert isinstance(launcher, HealthCheckedRunLauncher)
    info = f'{{"host": "localhost", "socket": "{tmp_path}/gone"}}'
    run = make_run(instance, dg.DagsterRunStatus.STARTED, {".dagster/grpc_info": info})
    assert launcher.check_run_worker_health(run).status is WorkerStatus.FAILED


def test_a_code_server_that_does_not_answer_may_come_back(instance: dg.DagsterInstance) -> None:
    launcher = instance.run_launcher
    assert isinstance(launcher, HealthCheckedRunLauncher)
    run = make_run(instance, dg.DagsterRunStatus.STARTED, {".dagster/grpc_info": '{"host": "127.0.0.1", "port": 1}'})
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
