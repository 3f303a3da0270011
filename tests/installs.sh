#!/usr/bin/env bash
# Build the source distribution and the wheel as for a release, check both, and install the wheel as a command of its own
# with uv and pipx on each Python that pyproject.toml names: bash tests/installs.sh
# The Python of .venv must be one of them. Others that are not installed here are named and skipped. This is an
# exception: elsewhere a missing part is a failure, but Debian does not provide these versions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Absolute, since pipx works in another folder.
python=$(realpath --no-symlinks "${PYTHON:-.venv/bin/python}")
folder=$PWD/build/installs
export UV_PYTHON_DOWNLOADS=never

mapfile -t versions < <(sed --quiet 's/.*"Programming Language :: Python :: \(3\.[0-9]*\)".*/\1/p' pyproject.toml)
own=$("$python" -c 'import sys; print("{}.{}".format(*sys.version_info))')
if [[ " ${versions[*]} " != *" $own "* ]]; then
    echo "pyproject.toml names the Pythons ${versions[*]}, and not $own, with which the checks run: add its classifier" >&2
    exit 1
fi

rm -rf "$folder"
mkdir -p "$folder"
PYTHON=$python bash tests/support/build_wheel.sh "$folder" --sdist
"$python" -m twine check --strict "$folder"/*.whl "$folder"/*.tar.gz
wheel=$(echo "$folder"/*.whl)
"$python" - "$wheel" "$folder/from-sdist/${wheel##*/}" << 'END'
import sys, zipfile

built, rebuilt = ({name: file.read(name) for name in file.namelist()} for file in map(zipfile.ZipFile, sys.argv[1:]))
different = sorted(name for name in built.keys() | rebuilt.keys() if built.get(name) != rebuilt.get(name))
sys.exit("the source distribution builds another wheel: " + ", ".join(different) if different else 0)
END

# Print the path of a Python of this version, from .venv, pyenv or uv; print nothing if there is none.
find_python() {
    local candidate
    for candidate in "$python" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python \
        "$("$python" -m uv python find --system "$1" 2> /dev/null)"; do
        if [[ $("$candidate" --version 2> /dev/null) == "Python $1."* ]]; then
            echo "$candidate"
            return
        fi
    done
}

unset PYTHONPATH
for version in "${versions[@]}"; do
    interpreter=$(find_python "$version")
    if [[ -z $interpreter ]]; then
        echo "Python $version is not installed here: not tried"
        continue
    fi
    UV_TOOL_DIR=$folder/uv/$version UV_TOOL_BIN_DIR=$folder/uv/$version/bin "$python" -m uv tool install --quiet \
        --no-build --python "$interpreter" --constraints constraints.txt "${wheel}[mqtt,web]"
    PIPX_HOME=$folder/pipx/$version PIPX_BIN_DIR=$folder/pipx/$version/bin PIPX_MAN_DIR=$folder/pipx/$version/man \
        "$python" -m pipx install --quiet --python "$interpreter" \
        --pip-args "--only-binary :all: --constraint $PWD/constraints.txt" "${wheel}[mqtt,web]"
    for tool in uv pipx; do
        birdedge=$folder/$tool/$version/bin/birdedge
        (
            cd "$folder"
            [[ $("$(find "$tool/$version" -path '*/birdedge/bin/python')" --version) == "Python $version."* ]]
            events=$("$birdedge" listen --demo --fast --duration 5 2> /dev/null | wc --lines)
            ((events > 0))
            "$birdedge" serve --help > /dev/null
            echo "$tool, Python $version: $("$birdedge" --version), $events event(s) in the demo"
        )
    done
done
