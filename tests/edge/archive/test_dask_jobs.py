"""An archive on a Dask cluster gives the same bytes, even if a worker or the scheduler is killed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from distributed import LocalCluster
from distributed.scheduler import KilledWorker

from birdedge.edge.archive import dask_jobs
from birdedge.edge.archive.dask_jobs import run_on_dask
from birdedge.edge.archive.manifest import Manifest
from birdedge.edge.archive.parts import done_units
from birdedge.edge.archive.run import Work, work_of
from birdedge.edge.archive.units import Unit
from birdedge.edge.errors import DataError, DeliveryError, DiskError, SettingsError
from tests.support.archives import do, parts, plan
from tests.support.commands import ENVIRONMENT
from tests.support.poison import Poison
from tests.support.waiting import wait_until


def work(manifest: Manifest) -> Work:
    return work_of(manifest, done_units(manifest.folder))


@contextmanager
def process(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Dask program."""
    with subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)], env=ENVIRONMENT, stderr=subprocess.DEVNULL
    ) as running:
        try:
            yield running
        finally:
            running.kill()


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """Start a scheduler and two workers in separate processes; return the scheduler's file and process."""
    file = tmp_path / "scheduler.json"
    with ExitStack() as stack:
        started = stack.enter_context(
            process("distributed.cli.dask_scheduler", "--port", 0, "--no-dashboard", "--scheduler-file", file)
        )
        wait_until(file.exists)
        for _ in range(2):
            stack.enter_context(
                process(
                    *("distributed.cli.dask_worker", "--scheduler-file", file, "--nthreads", 1),
                    *("--no-nanny", "--no-dashboard", "--local-directory", tmp_path),
                )
            )
        yield file, started


def test_killed_workers_and_a_killed_scheduler_lose_nothing(
    forest: Path,
    tmp_path: Path,
    scheduler: tuple[Path, subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(forest, tmp_path / "forest")
    copies = sorted((tmp_path / "forest").rglob("*.wav"))
    for path in copies:
        path.with_suffix(".slow").write_text("0.2")
    copies[1].with_suffix(".once").touch()
    monkeypatch.setattr(dask_jobs, "do_unit", Poison.do_unit)
    expected = plan(tmp_path / "expected", tmp_path / "forest")
    do(expected)
    file, process = scheduler
    manifest = plan(tmp_path / "run", tmp_path / "forest")
    assert sum(counts.files for counts in run_on_dask(work(manifest), file)) == 6
    assert not copies[1].with_suffix(".once").exists(), "a worker was killed"
    assert parts(manifest.folder) == parts(expected.folder)

    interrupted = plan(tmp_path / "interrupted", tmp_path / "forest")
    results = run_on_dask(work(interrupted), file)
    next(results)
    process.send_signal(signal.SIGKILL)
    with pytest.raises(DeliveryError, match=rf"the Dask scheduler {file} was lost: completed parts are kept"):
        list(results)
    assert 0 < len(parts(interrupted.folder)) < 6
    do(interrupted)
    assert parts(interrupted.folder) == parts(expected.folder)


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A cluster in this process."""
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as running:
        yield running


def test_a_cluster_writes_the_same_bytes_as_one_process(
    complete: Manifest, forest: Path, tmp_path: Path, cluster: LocalCluster
) -> None:
    manifest = plan(tmp_path / "run", forest)
    assert sum(counts.files for counts in run_on_dask(work(manifest), cluster.scheduler_address)) == 6
    assert parts(manifest.folder) == parts(complete.folder)
    assert list(run_on_dask(work(manifest), "tcp://nowhere:1")) == []  # nothing is left to do


def test_only_a_few_units_are_submitted_at_once(
    forest: Path, tmp_path: Path, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_jobs, "TASKS_PER_THREAD", 2)
    taken: list[Unit] = []
    manifest = plan(tmp_path / "run", forest)
    units = list(manifest.units())
    todo = work(manifest)

    def counted(_: Work) -> Iterator[Unit]:
        for unit in units:
            taken.append(unit)
            yield unit

    monkeypatch.setattr(Work, "units", counted)
    results = run_on_dask(todo, cluster.scheduler_address)
    next(results)
    assert len(taken) == 2
    assert len(list(results)) == 5
    assert taken == units


class LostError(KilledWorker):
    def __init__(self) -> None:
        Exception.__init__(self)

    def __str__(self) -> str:
        return "killed"


class Failing:
    """What a worker may do instead of processing a unit."""

    @staticmethod
    def killed(*_: object) -> None:
        raise LostError

    @staticmethod
    def full(*_: object) -> None:
        raise DiskError("/run/parts cannot be written (No space left on device)")

    @staticmethod
    def broken(*_: object) -> None:
        raise RuntimeError("out of luck\nand more")

    @staticmethod
    def other(*_: object) -> None:
        raise DataError("/run holds another run here")

    @staticmethod
    def missing(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'birdedge'", name="birdedge")


def test_a_unit_that_kills_its_workers_is_an_error_and_the_others_are_done(
    forest: Path, tmp_path: Path, cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_jobs, "do_unit", Failing.killed)
    manifest = plan(tmp_path / "run", forest, unit_s=4.0)
    counts = list(run_on_dask(work(manifest), cluster.scheduler_address))
    errors = [error for unit in counts for error in unit.errors]
    assert len(errors) == 6
    assert all("was given up, because the workers that analysed it were killed" in error for error in errors)
    monkeypatch.undo()
    again = work_of(manifest, done_units(manifest.folder), retry_errors=True)
    assert not [error for unit in run_on_dask(again, cluster.scheduler_address) for error in unit.errors]


@pytest.mark.parametrize(
    ("failing", "kind", "sentence"),
    [
        ("full", DiskError, r"/run/parts cannot be written \(No space left"),
        (
            "broken",
            DeliveryError,
            r"a worker of the Dask scheduler \S+ failed \(out of luck\): completed parts",
        ),
    ],
)
def test_a_failure_that_affects_every_unit_ends_the_run_with_a_one_sentence_error(
    forest: Path,
    tmp_path: Path,
    cluster: LocalCluster,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    kind: type[Exception],
    sentence: str,
) -> None:
    monkeypatch.setattr(dask_jobs, "do_unit", getattr(Failing, failing))
    manifest = plan(tmp_path / "run", forest)
    with pytest.raises(kind, match=sentence):
        list(run_on_dask(work(manifest), cluster.scheduler_address))


@pytest.mark.parametrize(
    ("failing", "sentence"),
    [
        ("other", r"the worker \S+ cannot be used: /run holds another run here"),
        (
            "missing",
            r"the worker \S+ has no birdedge: install birdedge\[archive,dask\] of the same version there",
        ),
    ],
)
def test_a_worker_that_differs_is_refused_before_the_first_unit(
    forest: Path,
    tmp_path: Path,
    cluster: LocalCluster,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
    sentence: str,
) -> None:
    monkeypatch.setattr(dask_jobs, "open_run_there", getattr(Failing, failing))
    manifest = plan(tmp_path / "run", forest)
    with pytest.raises(SettingsError, match=sentence):
        list(run_on_dask(work(manifest), cluster.scheduler_address))
    assert parts(manifest.folder) == {}


def test_a_scheduler_that_does_not_answer_is_a_one_sentence_error(
    forest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_jobs, "CONNECT_S", 0.5)
    manifest = plan(tmp_path / "run", forest)
    for address in ("tcp://127.0.0.1:1", "odd://x", ""):
        with pytest.raises(DeliveryError, match=f"no Dask scheduler answers at {address} "):
            list(run_on_dask(work(manifest), address))
    with pytest.raises(SettingsError, match=r"the scheduler file /no\.json does not exist"):
        list(run_on_dask(work(manifest), Path("/no.json")))
    (tmp_path / "bad.json").write_text("text")
    with pytest.raises(DeliveryError, match=r"no Dask scheduler answers at .*bad\.json "):
        list(run_on_dask(work(manifest), tmp_path / "bad.json"))
