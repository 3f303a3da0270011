#!/usr/bin/env bash
# Build the wheel into FOLDER, with the Python that the variable PYTHON names: bash tests/support/build_wheel.sh FOLDER
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# Build from a copy. In the checkout, files of an earlier build would get into the wheel.
source=$(mktemp --directory)
trap 'rm -rf "$source"' EXIT
cp --archive birdedge edge train export pyproject.toml README.md LICENSE NOTICE LICENSES MODEL_CARD.md "$source"
"${PYTHON:-python3}" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$1" "$source"
