"""The command as a person runs it: several maskers side by side, as a table, as JSON, as a page."""

import base64
import json
import re

import pytest
from click.testing import CliRunner

from birdedge.edge.errors import DataError, ModelMissingError
from birdedge.train.evaluation.cli import evaluate


def run(*arguments):
    done = CliRunner(catch_exceptions=False).invoke(evaluate, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_model_and_a_baseline_stand_side_by_side_in_json_and_on_a_page(recordings, tmp_path):
    page = tmp_path / "pages" / "evaluation.html"
    output = run(
        "birdedge-int8", "median-threshold", "--data", recordings, "--mixes", 4, "--json", "--page", page
    )
    figures = json.loads(output)
    assert [f["name"] for f in figures] == ["birdedge-int8", "median-threshold"]
    assert all(0 <= f["mixes"]["iou"] <= 1 and f["mixes"]["recordings"] == 4 for f in figures)
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?:src|href)=\"(?!data:)", text) == []  # nothing beside it is needed
    assert f"{figures[1]['mixes']['iou']:.3f}" in text
    pictures = [base64.b64decode(p) for p in re.findall(r"base64,([^\"]+)", text)]
    # For each: reliability, one painted clip, and the best, median and worst mix.
    assert len(pictures) == 2 * 5
    assert all(p.startswith(b"\x89PNG") for p in pictures)


def test_without_a_name_the_bundled_model_is_scored_as_a_table(recordings):
    lines = run("--data", recordings / "painted").splitlines()
    assert lines[0].split() == ["birdedge-int8"]
    assert any(line.startswith("painted iou ") for line in lines)
    assert not any(line.startswith("noise") for line in lines)


def test_a_folder_by_itself_is_scored_with_baselines_tuned_elsewhere(recordings):
    output = run("median-threshold", "--data", recordings / "noise", "--tune", recordings, "--json")
    (figures,) = json.loads(output)
    assert figures["noise"]["recordings"] == 24
    with pytest.raises(DataError, match=r"holds no index\.tsv"):
        run("median-threshold", "--data", recordings / "noise")


def test_what_is_not_there_is_refused_by_its_kind(recordings):
    with pytest.raises(ModelMissingError, match="there is no model 'no-such'"):
        run("no-such", "--data", recordings)
    with pytest.raises(ModelMissingError, match=r"there is no checkpoint none\.safetensors"):
        run("none.safetensors", "--data", recordings)
