"""Run an archive on an existing Dask cluster: LocalCluster, SSHCluster, SLURMCluster and others."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from distributed import Client, Future, as_completed
from distributed.client import FutureCancelledError
from distributed.scheduler import KilledWorker

from birdedge.edge.archive.parts import rows_without_errors
from birdedge.edge.archive.run import Work
from birdedge.edge.archive.units import Unit
from birdedge.edge.archive.worker import UnitCounts, do_unit, failed, open_run, write_rows
from birdedge.edge.errors import BirdedgeError, DeliveryError, SettingsError

CONNECT_S = 30.0
TASKS_PER_THREAD = 4  # submitted at once: enough that no worker waits, few enough for any scheduler
RECOUNT_S = 5.0  # between two counts of the threads, because workers come and go


def run_on_dask(
    work: Work, scheduler: str | Path, say: Callable[[str], None] = lambda _: None
) -> Generator[UnitCounts, None, None]:
    """Do the units on the workers of a cluster, and yield the counts of each as it is completed.

    The workers see the folder of the run under the same path, and write the parts themselves. If a worker is lost,
    another one does its unit.

    Args:
        work: The units to do.
        scheduler: Address of the scheduler, or the path of its scheduler file.
        say: Prints a line for the user.

    Raises:
        SettingsError: The scheduler file is missing or malformed.
        DeliveryError: The scheduler does not answer, or was lost; completed parts are kept.
        BirdedgeError: A worker has another version of birdedge, cannot read the run, or cannot write parts.
    """
    run, fingerprint = Path(os.path.abspath(work.manifest.folder)), work.manifest.settings.fingerprint  # noqa: PTH100
    if not work.files:
        return
    with _client(scheduler) as client:
        _check_workers(client, run, fingerprint, say)
        pending: dict[Future[UnitCounts], Unit] = {}
        completed = as_completed(loop=client.loop)
        window, counted_s = 0, -RECOUNT_S
        waiting = work.units()
        try:
            while True:
                if time.monotonic() - counted_s >= RECOUNT_S:
                    window = TASKS_PER_THREAD * max(1, sum(client.nthreads().values()))
                    counted_s = time.monotonic()
                for unit in islice(waiting, max(0, window - len(pending))):
                    future = client.submit(
                        do_unit, run, fingerprint, unit, key=f"birdedge-{unit.key}", pure=False
                    )
                    pending[future] = unit
                    completed.add(future)
                if not pending:
                    return
                future = next(completed)
                yield _counts(future, pending.pop(future), work, scheduler)
                del future  # so that the scheduler forgets it
        finally:
            with suppress(Exception):  # the cluster may be lost
                client.cancel(list(pending))


def silence_dask() -> None:
    """Silence Dask's logs in this process: `run_on_dask` raises an exception for what matters."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)


def _counts(future: Future[UnitCounts], unit: Unit, work: Work, scheduler: str | Path) -> UnitCounts:
    try:
        counts: UnitCounts = future.result()
        return counts
    except BirdedgeError:
        raise
    except FutureCancelledError as error:
        raise DeliveryError(
            f"the Dask scheduler {scheduler} was lost: completed parts are kept; start it and run the command again"
        ) from error
    except KilledWorker:
        manifest = work.manifest
        earlier = rows_without_errors(manifest.folder, unit.key)
        rows = [
            earlier.get(file.name) or failed(file, _killed(file.path), manifest.settings)
            for file in unit.files
        ]
        return write_rows(manifest.folder, manifest.settings.fingerprint, unit, rows)
    except Exception as error:  # from Dask, or from a worker without birdedge
        raise DeliveryError(
            f"a worker of the Dask scheduler {scheduler} failed ({_first_line(error)}): completed parts are kept; "
            "run the command again"
        ) from error


def _killed(path: str) -> str:
    return (
        f"{path} was given up, because the workers that analysed it were killed: give them more memory, or try it "
        "alone with --retry-errors"
    )


@contextmanager
def _client(scheduler: str | Path) -> Iterator[Client]:
    if isinstance(scheduler, Path) and not scheduler.is_file():
        raise SettingsError(
            f"the scheduler file {scheduler} does not exist: give the file that dask scheduler writes"
        )
    try:
        place = {"scheduler_file": str(scheduler)} if isinstance(scheduler, Path) else {"address": scheduler}
        client = Client(**place, timeout=CONNECT_S, set_as_default=False, name="birdedge-archive")
    except Exception as error:  # from the network, or for a malformed address or file
        raise DeliveryError(
            f"no Dask scheduler answers at {scheduler} ({_first_line(error)}): give the address that it prints, such "
            "as tcp://10.0.0.1:8786"
        ) from error
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=2)


def _check_workers(client: Client, run: Path, fingerprint: str, say: Callable[[str], None]) -> None:
    """Check that all workers have this process's birdedge, model and run; a worker that joins later checks itself."""
    if not client.nthreads():
        say("waiting for the first worker of the cluster")
        client.wait_for_workers(1)
    for address, error in client.run(open_run_there, run, fingerprint, on_error="return").items():
        if isinstance(error, ModuleNotFoundError):
            raise SettingsError(
                f"the worker {address} has no {error.name}: install birdedge[archive,dask] of the same version there"
            ) from error
        if isinstance(error, BaseException):
            raise SettingsError(f"the worker {address} cannot be used: {_first_line(error)}") from error


def open_run_there(run: Path, fingerprint: str) -> None:
    """Open a run in a worker.

    Raises:
        BirdedgeError: See `open_run`.
    """
    open_run(run, fingerprint)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
