#!/usr/bin/env bash
# Import the files of `birdedge aoef` into a real Whombat, and read its export back: bash tests/whombat.sh
# Not a part of CI: Whombat with its packages takes 800 MB and minutes to install, and needs Python 3.12 or newer, which
# WHOMBAT_PYTHON names. build/whombat gets its environment.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

python=${PYTHON:-.venv/bin/python}
folder=$PWD/build/whombat
work=$folder/work

if ! "$folder/environment/bin/python" -c 'import whombat' 2>/dev/null; then
    "${WHOMBAT_PYTHON:-python3.12}" -m venv --clear "$folder/environment"
    # passlib, which Whombat needs, imports pkg_resources, which newer versions of setuptools lack.
    "$folder/environment/bin/python" -m pip install --quiet --disable-pip-version-check whombat==0.9.0 'setuptools<81'
fi
rm -rf "$work"
mkdir -p "$work/audio"
# Whombat prints lines too; the counts are on the last line.
whombat() { "$folder/environment/bin/python" -W ignore tests/whombat_import.py "$1" "$work" "$work/$2.sqlite" "$work/audio" "$work/$3" | tail -n 1; }
birdedge() { "$python" -m birdedge "$@"; }
# Compare the counts that Whombat printed with the events of the table.
compare() {
    "$python" -c '
import json, sys
from birdedge.edge.formats.aoef_reader import read_annotated_boxes
from pathlib import Path
counts, work, files = json.loads(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[2], sys.argv[3])
events = sum(1 for _ in next((work / "tables").glob("*.jsonl")).open())
boxes = [box for found in read_annotated_boxes(files / "exported.json").values() for box in found]
assert counts["recordings"] == counts["clips"] == counts["tasks"] == 1, counts
assert counts["annotations"] == counts["sound_events"] == len(boxes) == events > 0, (counts, len(boxes), events)
assert counts["Polygon"] and counts["MultiPolygon"] and counts.get("BoundingBox", 0) == 0, counts
written, exported = (json.loads((files / name).read_text())["data"] for name in ("annotation_project.json", "exported.json"))
shapes = [{event["uuid"]: event["geometry"] for event in data["sound_events"]} for data in (written, exported)]
assert shapes[0] == shapes[1], "an outline was changed"
print(sys.argv[3], counts)
' "$1" "$work" "$2"
}

birdedge demo "$work/audio/20260501T043107Z.wav" --duration 60
rm "$work/audio/"*.csv
birdedge segment "$work/audio" --out "$work/tables" --masks "$work/masks" --format jsonl --quiet

# A new data set, and the project that refers to it.
birdedge aoef "$work/tables" --masks "$work/masks" --audio-folder "$work/audio" --out "$work/new" --name new
compare "$(whombat import new new)" new
# A second import of the same files changes nothing.
compare "$(whombat import new new)" new

# A folder that Whombat registered itself, with UUIDs of its own.
whombat register registered registered
birdedge aoef "$work/tables" --masks "$work/masks" --audio-folder "$work/audio" --out "$work/known" --name known \
    --dataset "$work/registered/dataset.json"
compare "$(whombat import registered known)" known
