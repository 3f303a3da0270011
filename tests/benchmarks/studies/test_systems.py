"""Tests of the comparison with other networks: their cost is counted, and the page follows from the rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import pytest
from click import ClickException
from click.testing import CliRunner

from benchmarks.studies.systems import is_finished, macs_per_s, main, merged, train
from benchmarks.studies.systems_page import COMPACT, OFFLINE, PAGE, TITLES, Row, page, stored_page, verdict
from birdedge.edge.models.model import Model
from birdedge.train.networks.registry import build_network
from birdedge.train.networks.unet import UNet
from birdedge.train.training.epoch import Epoch
from birdedge.train.training.recipe import read_recipe


def row(recipe: str, painted: float, mixes: float, macs: float = 4e8) -> Row:
    figures = {
        name: {"iou": iou, "iou_interval": [iou - 0.05, iou + 0.05]}
        for name, iou in (("painted", painted), ("mixes", mixes))
    }
    return Row(TITLES[recipe], 1000, macs, recipe == COMPACT, figures, "10 examples", epochs=7)


ROWS = [row("paper", 0.5, 0.6), row("segnet", 0.55, 0.65), row(COMPACT, 0.56, 0.634, 2e8)]


def test_the_verdict_names_the_best_other_network_and_the_difference_in_points() -> None:
    text = verdict("painted", ROWS)
    assert "best of the others is SegNet with 55.0 %; the compact network has 56.0 %, 1.0 points more" in text
    assert "with 0.50 times the multiply-accumulates" in text
    assert "63.4 %, 1.6 points less" in verdict("mixes", ROWS)


def test_the_page_has_one_row_per_network_with_intervals_and_whether_it_streams() -> None:
    text = page(ROWS, date(2026, 1, 2))
    assert "| SegNet | 1,000 | 400 | 7 | 55.0 [50.0..60.0] | 65.0 [60.0..70.0] | no |" in text
    assert f"| {TITLES[COMPACT]} | 1,000 | 200 | 7 | 56.0 [51.0..61.0] | 63.4 [58.4..68.4] | yes |" in text


def test_the_page_names_the_networks_that_are_not_trained_yet() -> None:
    assert "- Not trained on this budget yet: attention U-Net, FCN-8s, DeepLabV3+," in page(
        ROWS, date(2026, 1, 2)
    )
    assert "Not trained" not in page([row(name, 0.5, 0.6) for name in TITLES], date(2026, 1, 2))


def test_measured_rows_replace_stored_ones_and_the_others_stay() -> None:
    stored = {"date": "2026-01-01", "rows": [asdict(made) for made in ROWS]}
    kept = merged(stored, [row("segnet", 0.7, 0.8)], date(2026, 1, 2))
    assert [made["title"] for made in kept["rows"]] == [made.title for made in ROWS]
    assert [made["figures"]["mixes"]["iou"] for made in kept["rows"]] == [0.6, 0.8, 0.634]
    assert kept["date"] == "2026-01-02"
    assert "earlier" not in kept


def test_rows_of_another_budget_move_to_the_earlier_table() -> None:
    stored = {"date": "2026-01-01", "rows": [asdict(made) for made in ROWS]}
    larger = [replace(row(name, 0.7, 0.8), budget="20 examples") for name in ("segnet", COMPACT)]
    kept = merged(stored, larger, date(2026, 1, 2))
    assert [made["title"] for made in kept["rows"]] == [made.title for made in larger]
    assert kept["earlier"] == stored
    with pytest.raises(ClickException, match="different budgets"):
        merged(stored, [*larger, ROWS[0]], date(2026, 1, 2))


def test_only_finished_runs_are_scored_and_having_none_is_an_error(tmp_path: Path) -> None:
    history(tmp_path / "segnet", [0.1, 0.3, 0.2])
    assert not is_finished("segnet", tmp_path)
    assert not is_finished("fcn", tmp_path)
    done = CliRunner().invoke(main, ["--data", str(tmp_path), "--runs", str(tmp_path)])
    assert done.exit_code == 1
    assert "has no finished run; give another --runs, or --train" in done.output


def test_the_compact_network_costs_what_its_model_card_says() -> None:
    network = UNet().eval()
    assert macs_per_s(network) == pytest.approx(Model("birdedge-fp32").card.macs_per_s, rel=0.02)


@pytest.mark.parametrize("recipe", OFFLINE)
def test_each_network_is_small_enough_to_train_on_a_laptop(recipe: str) -> None:
    network = build_network(read_recipe(recipe).network).eval()
    assert 0.2e6 < sum(p.numel() for p in network.parameters()) < 2e6
    assert 50e6 < macs_per_s(network) < 1.5e9


def test_all_networks_have_the_same_budget_and_examples() -> None:
    budget = read_recipe(COMPACT)
    for name in OFFLINE:
        recipe = read_recipe(name)
        assert recipe.mixing == budget.mixing, name
        assert recipe.training.seed == budget.training.seed, name
        assert recipe.training.cached_examples == budget.training.cached_examples, name
        if name != "paper":  # keeps its own input, loss, optimizer and number of epochs
            assert recipe.training == budget.training, name


def test_the_committed_page_matches_the_committed_figures() -> None:
    assert PAGE.read_text(encoding="utf-8") == stored_page(), (
        "run `python -m benchmarks.studies.systems --page-only`"
    )


def history(folder: Path, scores: Sequence[float]) -> None:
    """Write the history of a run with these scores."""
    rows = [
        asdict(Epoch(number, 0.5, 0.5, 0.5, score, 0.5, 0.5, 0.1)) for number, score in enumerate(scores, 1)
    ]
    folder.mkdir()
    (folder / "history.json").write_text(json.dumps(rows))


@pytest.mark.parametrize(
    ("recipe", "scores"),
    [
        ("segnet", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        ("paper", [0.1, 0.3, *[0.2] * 10]),
    ],  # the last epoch; its patience
)
def test_a_finished_run_is_not_trained_again(recipe: str, scores: Sequence[float], tmp_path: Path) -> None:
    history(tmp_path / recipe, scores)
    train(recipe, tmp_path / "no such recordings", tmp_path)
    assert [p.name for p in (tmp_path / recipe).iterdir()] == ["history.json"]


@pytest.mark.parametrize("recipe", ["segnet", "paper"])
def test_training_continues_for_an_unfinished_run(recipe: str, tmp_path: Path) -> None:
    history(tmp_path / recipe, [0.1, 0.3, 0.2])
    with pytest.raises(ClickException, match=f"training {recipe} failed"):
        train(recipe, tmp_path / "no such recordings", tmp_path)
