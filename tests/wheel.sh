#!/usr/bin/env bash
# Test the recorder part as installed from the wheel, once with the lowest versions of its dependencies that
# pyproject.toml allows and once with the newest: bash tests/wheel.sh
# build/wheel gets the wheel, an environment for each run, and a copy of the tests without the source of birdedge.
# train/ and export/ are tested only with constraints.txt: the lowest torch is gigabytes of CUDA libraries.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-.venv/bin/python}
folder=$PWD/build/wheel

rm -rf "$folder"
mkdir -p "$folder/checkout"
cp --archive tests benchmarks README.md pyproject.toml "$folder/checkout"
PYTHON=$python bash tests/support/build_wheel.sh "$folder"
# The lowest versions that have a wheel for this Python: on 3.11 these are the bounds in pyproject.toml.
"$python" -m uv pip compile --quiet --no-header --no-annotate --extra archive --extra dask --extra mqtt --extra plot --extra signature --extra web --resolution lowest-direct \
    --only-binary :all: --output-file "$folder/oldest.txt" pyproject.toml
touch "$folder/newest.txt"

for versions in oldest newest; do
    environment=$folder/$versions
    "$python" -m venv "$environment"
    # Some tests compare with crowsetta, onnx and scipy.
    "$python" -m uv pip install --quiet --python "$environment/bin/python" --only-binary :all: \
        --constraint "$folder/$versions.txt" "$(echo "$folder"/*.whl)[archive,dask,mqtt,plot,signature,web]" axe-playwright-python crowsetta httpx2 onnx playwright prometheus-client pytest pytest-xdist scipy soundevent
    echo "With the $versions versions:" $("$python" -m uv pip freeze --python "$environment/bin/python" --exclude birdedge 2> /dev/null)
    (
        cd "$folder/checkout"
        unset PYTHONPATH
        "$environment/bin/python" -c 'import birdedge, sys; sys.exit(not birdedge.__file__.startswith(sys.prefix))'
        # Another version breaks what is called, so that the first and the last case of a test show it.
        # The newest versions are nearly those of constraints.txt, with which all tests run: testing what calls other
        # packages is enough. What is in `once` takes long and depends on no version: it uses Python's own library,
        # measures this machine, shows pages in a browser, or sends signals. Two more files need packages that the
        # oldest versions exclude: other readers of an archive and a real object store.
        once=(database diagnostics monitoring recorder system)
        once+=(archive/test_{finish,object_store,processes}.py audio/test_live_inputs.py)
        once+=(cli/test_{doctor,existing_files,listen_signals,odd_paths,standard_output,utc}.py pipeline/test_timekeeper.py)
        once+=(web/test_{accessibility,events_page,now_page}.py)
        tests=(tests/edge)
        [[ $versions == oldest ]] || tests=(tests/edge/{audio,formats,models,pipeline,plots,web})
        "$environment/bin/python" -m pytest -q -p no:cacheprovider --numprocesses 2 --dist loadfile \
            --no-loadscope-reorder --fewer-cases "${tests[@]}" "${once[@]/#/--ignore=tests/edge/}" "$@"
    )
done
