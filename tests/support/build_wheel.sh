#!/usr/bin/env bash
# Build the wheel into FOLDER, with the Python that the variable PYTHON names: bash tests/support/build_wheel.sh FOLDER
# With --sdist as well: FOLDER gets the source distribution, and FOLDER/from-sdist the wheel that is built from it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Build from a copy. In the checkout, files of an earlier build would get into the wheel.
source=$(mktemp --directory)
trap 'rm -rf "$source"' EXIT
cp --archive birdedge edge train export pyproject.toml README.md LICENSE NOTICE LICENSES MODEL_CARD.md "$source"
wheel=("${PYTHON:-python3}" -m pip wheel --quiet --disable-pip-version-check --no-deps)
if [[ ${2:-} == --sdist ]]; then
    "${PYTHON:-python3}" -m uv build --quiet --no-create-gitignore --sdist --out-dir "$1" "$source"
    "${wheel[@]}" --wheel-dir "$1/from-sdist" "$1"/*.tar.gz
fi
"${wheel[@]}" --wheel-dir "$1" "$source"
