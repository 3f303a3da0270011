#!/usr/bin/env bash
# Measure birdedge on a Raspberry Pi: bash benchmarks/on_a_pi.sh [--quick] [FILE]
# It installs this checkout into an environment of its own, build/on_a_pi, measures for some minutes, in which nothing
# else should run, and writes FILE, by default birdedge-on-a-pi.json, to attach to an issue. The file has the model, the
# memory, the temperature and the throttling of the board, the versions of packages, and the figures; nothing in it
# identifies the board or its owner. With --quick it only tries everything, in seconds. PYTHON=... is a Python in which
# birdedge is installed, in place of the environment.
set -euo pipefail
checkout=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")

if [[ -z ${PYTHON:-} ]]; then
    python3 -m venv "$checkout/build/on_a_pi" || { echo 'Run: sudo apt install python3-venv' >&2; exit 1; }
    PYTHON=$checkout/build/on_a_pi/bin/python
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --constraint "$checkout/constraints.txt" \
        --editable "$checkout"
fi
# One thread, as the recorder; a configuration of the user may name another model.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 BIRDEDGE_CONFIG=/dev/null PYTHONPATH=$checkout
exec "$PYTHON" -m benchmarks.studies.boards measure "$@"
