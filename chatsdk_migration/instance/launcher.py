"""A run launcher that notices when a run's worker is gone.

Here: the health check and the termination of runs that the command line works on. Not here: the worker's identity
(``worker.py``), marking runs at start-up (``reaper.py``).
Dagster's default launcher has no health check: a run whose worker or code server was killed stays STARTED for ever.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

from chatsdk_migration.instance.worker import Worker


class HealthCheckedRunLauncher(DefaultRunLauncher):
    """Launches runs on the code server, as the default does, and can say whether their worker still lives."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Say that the run monitoring daemon may ask."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Say whether the worker lives; RUNNING as long as that cannot be decided.

        An answer of FAILED makes the daemon retry the run at once and only once, so a code server that is merely
        restarting must not look dead.
        """
        worker = Worker.of(run)
        if worker is not None and worker.is_local():
            return _health(alive=worker.is_alive(), name=f"process {worker.pid} on {worker.host}")
        address = _code_server(run)
        if address is None:
            return CheckRunHealthResult(WorkerStatus.RUNNING, "No worker is known yet.")
        return _ask_code_server(address, run.run_id)

    def terminate(self, run_id: str) -> bool:
        """End a run; one that a command line works on is interrupted like by Ctrl-C."""
        run = self._instance.get_run_by_id(run_id)
        worker = Worker.of(run) if run and not run.is_finished and _code_server(run) is None else None
        if run is None or worker is None:
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        if not worker.may_be_interrupted():
            return False  # the run stays as it is: nobody would ever end its cancelling
        self._instance.report_run_canceling(run)  # first: the worker looks it up to tell this from a failure
        return worker.interrupt()


def _health(*, alive: bool, name: str) -> CheckRunHealthResult:
    if alive:
        return CheckRunHealthResult(WorkerStatus.RUNNING, f"{name} is alive.")
    return CheckRunHealthResult(WorkerStatus.FAILED, f"The worker is gone: {name}.")


def _code_server(run: dg.DagsterRun) -> dict[str, Any] | None:
    info = run.tags.get(GRPC_INFO_TAG)
    return json.loads(info) if info else None


def _ask_code_server(address: dict[str, Any], run_id: str) -> CheckRunHealthResult:
    socket_file = address.get("socket")
    if socket_file and not Path(socket_file).exists():
        return _health(alive=False, name="its code server")
    client = DagsterGrpcClient(
        host=address["host"], port=address.get("port"), socket=socket_file, use_ssl=bool(address.get("use_ssl"))
    )
    try:
        answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run_id), timeout=5)
    except DagsterUserCodeUnreachableError:
        return CheckRunHealthResult(WorkerStatus.RUNNING, "The code server does not answer at the moment.")
    known = deserialize_value(answer, CanCancelExecutionResult).can_cancel
    return _health(alive=known, name="its process under the code server")
