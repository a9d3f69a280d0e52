"""Opening the files of a monitored run, so that what cannot work fails before training."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from tempfile import NamedTemporaryFile

from nano_u.errors import RunError
from nano_u.monitoring.sinks.continuing import Continuation, continue_files
from nano_u.monitoring.sinks.correlation_file import CorrelationFile
from nano_u.monitoring.sinks.correlation_history import CorrelationHistory
from nano_u.monitoring.sinks.csv_file import CsvFile
from nano_u.monitoring.sinks.file_set import claim_new_set, newest_set, remove_set
from nano_u.monitoring.sinks.files import MonitorFiles
from nano_u.monitoring.sinks.json_lines_file import JsonLinesFile
from nano_u.monitoring.sinks.rows import Columns
from nano_u.monitoring.sinks.run_file import RunFacts, RunFile
from nano_u.monitoring.sinks.tensorboard_file import TensorBoardFile, tensorboard_installed
from nano_u.runs import MonitorPaths

logger = logging.getLogger(__name__)


def open_sinks(
    paths: MonitorPaths,
    facts: RunFacts,
    *,
    first_epoch: int = 1,
    extra_metrics: Iterable[str] = (),
    tensorboard: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> MonitorFiles:
    """Open the files of a run and write to them at once.

    A run that starts at epoch 1 never touches the files of another: where some exist, all names get a common number. A
    later `first_epoch` continues the newest files of these names: rows from that epoch on and a torn last row go away.
    `clock` gives seconds.

    Raises:
        RunError: a folder or file cannot be made or written, or the files to continue do not fit this run.
        ConfigError: an extra metric has the name of a column.
    """
    columns = Columns.with_extra(extra_metrics)
    with _one_clear_line(paths):
        found = newest_set(paths) if first_epoch > 1 else None
        if found is not None:
            logger.info("continuing %s at epoch %d", found.metrics, first_epoch)
            run = RunFile(found.run, facts, first_epoch=first_epoch, clock=clock)
            continued = continue_files(found, columns, first_epoch)
            return _open(found, columns, run, continued, tensorboard, clock)
        claimed = claim_new_set(paths)
        try:
            run = RunFile(claimed.run, facts, first_epoch=first_epoch, clock=clock)
            return _open(claimed, columns, run, None, tensorboard, clock)
        except BaseException:
            remove_set(claimed)
            raise


def _open(
    paths: MonitorPaths,
    columns: Columns,
    run: RunFile,
    continued: Continuation | None,
    tensorboard: bool,
    clock: Callable[[], float],
) -> MonitorFiles:
    files = MonitorFiles(paths, columns, run)
    try:
        run.save()
        files.add(CsvFile(paths.layers, columns.layer, lambda rows: rows.layers))
        files.add(JsonLinesFile(paths.json_lines))
        history = CorrelationHistory() if continued is None else continued.history
        files.add(CorrelationFile(paths.correlations, history, clock))
        if tensorboard and tensorboard_installed():
            first_step = None if continued is None else continued.next_step
            files.add(TensorBoardFile(paths.tensorboard, first_step=first_step))
        elif tensorboard:
            logger.warning("no TensorBoard events: run: pip install 'nano-u[tensorboard]'")
        # Last: a step in this table is in all files.
        files.add(CsvFile(paths.metrics, columns.model, lambda rows: (rows.model,)))
    except BaseException:
        files.close()
        raise
    return files


def check_writable(paths: MonitorPaths) -> None:
    """Make the folder of the files and write a byte there, for a caller who cannot open the files yet.

    Raises:
        RunError: the folder cannot be made or written.
    """
    with _one_clear_line(paths):
        paths.metrics.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=paths.metrics.parent, prefix=".nano-u-", buffering=0) as file:
            file.write(b"\n")


@contextmanager
def _one_clear_line(paths: MonitorPaths) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or paths.metrics
        raise RunError(f"{where}: cannot be written ({error.strerror}); choose another log_dir or csv_path") from error
