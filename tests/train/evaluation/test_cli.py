"""`birdedge evaluate`: several detectors side by side, as a table, as JSON, as a page."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from birdedge.edge.errors import DataError, ModelMissingError, OutputError, SettingsError
from birdedge.train.evaluation.cli import evaluate

pytestmark = pytest.mark.usefixtures("one_level")


def run(*arguments: str | int | Path) -> str:
    done = CliRunner(catch_exceptions=False).invoke(evaluate, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_model_and_a_baseline_appear_side_by_side_in_json_and_on_a_page(
    recordings: Path, tmp_path: Path
) -> None:
    page = tmp_path / "pages" / "evaluation.html"
    output = run(
        "birdedge-int8", "median-threshold", "--data", recordings, "--mixes", 4, "--json", "--page", page
    )
    figures = json.loads(output)
    assert [f["name"] for f in figures] == ["birdedge-int8", "median-threshold"]
    assert all(0 <= f["mixes"]["iou"] <= 1 and f["mixes"]["recordings"] == 4 for f in figures)
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?:src|href)=\"(?!data:)", text) == []  # the page is self-contained
    assert f"{figures[1]['mixes']['iou']:.3f}" in text
    pictures = re.findall(r"<img alt=\"([^\"]+)\" src=\"data:image/png;base64,([^\"]+)", text)
    assert all(base64.b64decode(png).startswith(b"\x89PNG") for _, png in pictures)
    events = [title for title, _ in pictures if ": score" in title]
    # Per detector: reliability, one painted clip, and the best, median and worst mix.
    assert len(pictures) - len(events) == 2 * 5
    assert re.fullmatch(r"mix 1-00\d, -?\d+ dB: score [01]\.\d\d, IoU (0\.[5-9]\d|1\.00)", events[0])
    assert any(re.fullmatch(r"noise-\d\d\.flac, [a-z ]+: score [01]\.\d\d", title) for title in events)


def test_without_a_name_the_scores_of_the_bundled_model_are_printed_as_a_table(recordings: Path) -> None:
    lines = run("--data", recordings / "painted").splitlines()
    assert lines[0].split() == ["birdedge-int8"]
    assert any(line.startswith("painted iou ") for line in lines)
    assert not any(line.startswith("noise") for line in lines)


def test_a_folder_without_an_index_is_scored_with_a_baseline_tuned_elsewhere(recordings: Path) -> None:
    output = run("median-threshold", "--data", recordings / "noise", "--tune", recordings, "--json")
    (figures,) = json.loads(output)
    assert figures["noise"]["recordings"] == 24
    with pytest.raises(DataError, match=r"holds no index\.tsv"):
        run("median-threshold", "--data", recordings / "noise")


def test_the_error_names_a_missing_model_or_checkpoint(recordings: Path) -> None:
    with pytest.raises(ModelMissingError, match="there is no model 'no-such'"):
        run("no-such", "--data", recordings)
    with pytest.raises(ModelMissingError, match=r"there is no checkpoint none\.safetensors"):
        run("none.safetensors", "--data", recordings)


def test_bird_sounds_denoising_is_scored_in_four_ways_and_has_no_page(picture_set: Path) -> None:
    (figures,) = json.loads(run("--data", picture_set, "--json"))
    assert figures["set"] == "BirdSoundsDenoising"
    assert figures["pictures"] == 4
    assert 0.0 <= figures["iou_pooled"] <= 1.0
    with pytest.raises(SettingsError, match="which has no page; leave out --page"):
        run("--data", picture_set, "--page", "x.html")


def test_the_images_option_is_refused_for_a_folder_of_recordings(recordings: Path) -> None:
    with pytest.raises(SettingsError, match="has no pictures; leave out --images"):
        run("--data", recordings, "--images")


def test_an_existing_page_is_replaced_only_with_force(recordings: Path, tmp_path: Path) -> None:
    page = tmp_path / "evaluation.html"
    page.write_text("mine", encoding="utf-8")
    # The page is checked before anything else, such as whether the model exists.
    with pytest.raises(OutputError, match=r"evaluation\.html exists already; give another name, or --force"):
        run("no-such", "--data", recordings, "--page", page)
    assert page.read_text(encoding="utf-8") == "mine"
    run("median-threshold", "--data", recordings, "--mixes", 2, "--page", page, "--force")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
