"""Tests of the section on costs: its sentences follow from the figures."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.cost_section import instructions, plot, section, targets
from benchmarks.peers.costs import BIRDNET, FILE, LIGHT, LIVE, NETWORK, PARTS, SILERO, SMALL, CostFigures
from birdedge.edge.models.names import ARCHIVE_MODEL, DEFAULT_MODEL


def costs(**values: float) -> CostFigures:
    titles = {
        "network": NETWORK,
        "file": FILE,
        "light": LIGHT,
        "small": SMALL,
        "live": LIVE,
        "birdnet": BIRDNET,
        "silero": SILERO,
    }
    given = {titles.get(name, name): [0.9 * value, value, 1.1 * value] for name, value in values.items()}
    models = {title: model for title, (_, model) in PARTS.items()}
    return {
        "rounds": 3,
        "audio_s": 60.0,
        "cpu_s_per_s": given,
        "failed": {},
        "settings": {},
        "models": models,
    }


def test_the_section_states_which_tools_are_cheaper_and_whether_the_target_is_reached() -> None:
    text = "\n".join(
        section(costs(network=4, file=8, light=5, small=6, live=10, birdnet=16, silero=5, librosa=9))
    )
    assert "takes 0.50 (0.50 to 0.50) of the CPU time of BirdNET's inference alone" in text
    assert "the target, at most 0.25, is missed." in text
    assert "Silero VAD takes less CPU time than our pipeline: 0.62" in text
    assert "librosa takes less" not in text
    assert "takes 2.00 (2.00 to 2.00) times the CPU time of Silero VAD" in text
    reached = costs(network=1, file=2, light=1, small=1, live=3, birdnet=8)
    assert "the target, at most 0.25, is reached." in "\n".join(section(reached))
    assert [target.reached for target in targets(reached)] == [True]


def test_the_table_names_the_model_of_each_row() -> None:
    rows = [row for row in section(costs(network=4, file=8, live=10)) if row.startswith("| birdedge")]
    models = [row.split(": `")[1].split("`")[0] for row in rows]
    assert models == [ARCHIVE_MODEL, ARCHIVE_MODEL, DEFAULT_MODEL]


def test_without_birdnet_there_is_no_target() -> None:
    assert not targets(costs(network=1, file=2, live=3))


def test_the_plot_is_a_png(tmp_path: Path) -> None:
    plot(costs(network=4, file=8, live=10, birdnet=16), tmp_path / "costs.png")
    assert (tmp_path / "costs.png").read_bytes().startswith(b"\x89PNG")


def test_instructions_are_stated_relative_to_those_of_birdnet() -> None:
    counts = {FILE: 30e6, BIRDNET: 120e6}
    text = "\n".join(instructions({"audio_s": 24.0, "instructions_per_s": counts}))
    assert f"| {FILE} | 30.0 | 0.25 |" in text
    without = "\n".join(instructions({"audio_s": 24.0, "instructions_per_s": {FILE: 30e6}}))
    assert f"| {FILE} | 30.0 |  |" in without
