"""Old tables and masks of a recorder, which make room for new ones."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable
from pathlib import Path

from birdedge.edge.system.atomic_file import output_errors

NAME = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ(-\d+)?")  # see `file_stem`

log = logging.getLogger(__name__)


class OldFiles:
    """Deletes old files of recorders, from any thread.

    Attributes:
        deleted: Files deleted so far.
    """

    def __init__(self) -> None:
        self.deleted = 0
        self._counting = threading.Lock()

    def remove(self, folder: Path, suffixes: Iterable[str], max_gb: float) -> None:
        """Delete the oldest files of recorders, by the time in their names, until the others take no more than a limit.

        Each deletion is logged. Files with other names are neither counted nor deleted.

        Args:
            folder: The folder of the files; it may be missing.
            suffixes: The suffixes of the files.
            max_gb: The limit; 0 for none.

        Raises:
            OutputError: A file cannot be deleted.
        """
        if not max_gb:
            return
        with output_errors(folder):
            paths = (path for suffix in suffixes for path in folder.glob(f"*{suffix}"))
            names = {path.name: path for path in paths if NAME.fullmatch(path.name.partition(".")[0])}
            excess_bytes = sum(path.stat().st_size for path in names.values()) - max_gb * 1e9
            for _, path in sorted(names.items()):
                if excess_bytes <= 0:
                    return
                excess_bytes -= path.stat().st_size
                path.unlink()
                with self._counting:
                    self.deleted += 1
                log.info("deleted %s: such files take more than %g GB", path, max_gb)
