"""The first run of a model file that is not bundled, in a child process with limits and a timeout.

Earlier checks refuse what is known to make onnxruntime crash or take much memory. The child process catches the rest.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from birdedge.edge.errors import ModelFileError
from birdedge.edge.models.checked_model import CheckedModel, check_content
from birdedge.edge.models.validation import ADVICE

MAX_MEMORY_BYTES = 128 * 2**20  # address space that the model may take; the service has 300 MB in all
MAX_CPU_S = 60
TIMEOUT_S = 120.0  # of the whole child, which imports onnxruntime on a slow board
PROGRAM = "from birdedge.edge.models.trial import run_from_stdin; run_from_stdin()"

_passed: set[bytes] = set()  # digests of files that ran; one trial per process is enough


def try_in_child(checked: CheckedModel, program: str = PROGRAM, timeout_s: float = TIMEOUT_S) -> None:
    """Open a session of the model and call it once in a child process.

    Args:
        checked: The model.
        program: Python source that reads the path in its first argument and the content on standard input.
        timeout_s: Maximum time that the child may take.

    Raises:
        ModelFileError: The child was ended by a signal or a limit, or onnxruntime cannot run the model.
    """
    digest = hashlib.sha256(checked.content).digest()
    if digest in _passed:
        return
    # The child has the import path of this process, and does not add the working folder to it (-P).
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-P", "-c", program, str(checked.path)]
    try:
        done = subprocess.run(
            command,
            input=checked.content,
            capture_output=True,
            timeout=timeout_s,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelFileError(f"{checked.path} did not run within {timeout_s:g} s; {ADVICE}") from None
    except OSError as error:
        raise ModelFileError(
            f"{checked.path} cannot be tried in a process of its own: {error.strerror}"
        ) from error
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise ModelFileError(f"{checked.path} ended its first run with {name}; {ADVICE}")
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise ModelFileError(lines[-1])
    _passed.add(digest)


def run_from_stdin() -> None:
    """Run the model on standard input once, within limits; an error is the last line of standard error."""
    from birdedge.edge.models.model import open_session

    try:
        checked = check_content(sys.stdin.buffer.read(), Path(sys.argv[1]))
        limit_process()
        open_session(checked)
    except (ModelFileError, MemoryError) as error:
        sys.exit(str(error) or f"{sys.argv[1]} takes more memory than a recorder has; {ADVICE}")


def limit_process() -> None:
    """Limit the memory and CPU time of this process to what it has used so far plus what a model may use."""
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    size_bytes = pages * resource.getpagesize() + MAX_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (size_bytes, size_bytes))
    used_s = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    cpu_s = int(used_s) + MAX_CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
