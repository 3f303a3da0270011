#!/usr/bin/env bash
# Install the recorder part as on a recorder, each dependency with the hash in requirements.txt, and write the list of
# its software (SBOM, CycloneDX) to build/sbom.json: bash tests/sbom.sh
# To print the hashes again after a change to constraints.txt: bash tests/sbom.sh --lock
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-.venv/bin/python}
folder=$PWD/build/recorder

if [[ ${1:-} == --lock ]]; then
    exec "$python" -m uv pip compile --quiet --no-header --no-annotate --universal --python-version 3.11 \
        --generate-hashes --constraint constraints.txt --output-file requirements.txt pyproject.toml
fi

rm -rf "$folder"
mkdir -p "$folder"
PYTHON=$python bash tests/support/build_wheel.sh "$folder"
"$python" -m venv "$folder/environment"
install=("$folder/environment/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all:)
"${install[@]}" --require-hashes --requirement requirements.txt
"${install[@]}" --no-deps "$folder"/*.whl
"$folder/environment/bin/birdedge" listen --demo --fast --duration 5 > "$folder/events.jsonl" 2> /dev/null
[[ -s $folder/events.jsonl ]]
"$folder/environment/bin/python" -m pip uninstall --quiet --yes pip  # is not part of the recorder
"$python" -m cyclonedx_py environment --pyproject pyproject.toml --output-reproducible --validate \
    --output-file build/sbom.json "$folder/environment"
for expected in '"soxr"' '"onnxruntime"' '"Apache-2.0 AND LicenseRef-birdedge-research-weights"'; do
    grep --quiet "$expected" build/sbom.json || { echo "build/sbom.json lacks $expected" >&2; exit 1; }
done
echo "build/sbom.json: $(grep --count '"purl"' build/sbom.json) packages"
