#!/usr/bin/env bash
# Test the recorder part as installed from the wheel, once with the lowest versions of its dependencies that
# pyproject.toml allows and once with the newest: bash tests/wheel.sh
# build/wheel gets the wheel, an environment for each run, and a copy of the tests without the source of birdedge.
#
# train/ and export/ are tested with constraints.txt only: the lowest torch is gigabytes of CUDA libraries. That all
# lower bounds fit together is checked, because the lowest versions are resolved for every extra.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-.venv/bin/python}
folder=$PWD/build/wheel

rm -rf "$folder"
mkdir -p "$folder/checkout"
cp --archive tests benchmarks README.md pyproject.toml "$folder/checkout"
PYTHON=$python bash tests/support/build_wheel.sh "$folder"
# Lowest with a wheel: on a newer Python these can be above the bounds.
"$python" -m uv pip compile --quiet --no-header --no-annotate --extra dev --resolution lowest-direct \
    --only-binary :all: --output-file "$folder/oldest.txt" pyproject.toml
touch "$folder/newest.txt"

for versions in oldest newest; do
    environment=$folder/$versions
    "$python" -m venv "$environment"
    # scipy and onnx compute the references of some tests.
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
        --constraint "$folder/$versions.txt" "$(echo "$folder"/*.whl)[plot]" onnx pytest pytest-xdist scipy
    echo "With the $versions versions:" $("$environment/bin/python" -m pip freeze --exclude birdedge)
    (
        cd "$folder/checkout"
        unset PYTHONPATH
        "$environment/bin/python" -c 'import birdedge, sys; sys.exit(not birdedge.__file__.startswith(sys.prefix))'
        "$environment/bin/python" -m pytest -q -p no:cacheprovider --numprocesses 2 --dist loadfile \
            --no-loadscope-reorder tests/edge "$@"
    )
done
