"""Recipes that use teachers require them, align them by frame, and learn from them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from birdedge.edge.errors import BirdedgeError, DataError, ModelMissingError, SettingsError
from birdedge.train.cli import train as train_command
from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.networks.baselines.segnet import SegNetConfig
from birdedge.train.networks.registry import NetworkConfig, build_network
from birdedge.train.networks.unet import UNet, UNetConfig
from birdedge.train.training.checkpoint import load_checkpoint, save_checkpoint
from birdedge.train.training.distillation import load_teachers, mean_probabilities
from birdedge.train.training.recipe import Recipe, Training, read_recipe
from tests.support.training import train_quietly

TINY = UNetConfig(channels=(4, 4, 8, 8), squeezed_channels=4, dilations=(1,), lookahead_frames=4)
LABELS = Recipe(
    name="labels",
    network=TINY,
    mixing=Mixing(frames=64, as_recorded=0.0, empty=0.0, snr_low_db=10.0),
    training=Training(
        epochs=1, examples_per_epoch=8, validation_examples=4, batch=4, workers=0, precision="32-true"
    ),
)
TAUGHT = dataclasses.replace(
    LABELS,
    name="taught",
    mixing=dataclasses.replace(LABELS.mixing, unlabelled=0.3),
    training=dataclasses.replace(LABELS.training, teacher_share=0.8),
)
WIDE = dataclasses.replace(TINY, lookahead_frames=12)
SEGNET = SegNetConfig(channels=(8, 8, 12, 16))
TEACHERS: dict[str, NetworkConfig] = {"wide": WIDE, "segnet": SEGNET}


def facts_of(name: str) -> dict[str, Any]:
    return {"threshold": 0.5, "training_data": [{"kind": "birds", "source": f"data of {name}", "files": 3}]}


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A network with 12 frames of lookahead that marks nearly every bin as bird, and an offline network."""
    folder = tmp_path_factory.mktemp("teachers")
    paths: list[Path] = []
    for name, network in TEACHERS.items():
        torch.manual_seed(len(paths))
        paths.append(folder / f"{name}.safetensors")
        recipe = dataclasses.replace(LABELS, name=name, network=network)
        built = build_network(network)
        if isinstance(built, UNet):
            assert built.head.bias is not None
            torch.nn.init.constant_(built.head.bias, 2.0)
        save_checkpoint(paths[-1], built.state_dict(), recipe, facts_of(name))
    return paths


class Echo(torch.nn.Module):
    """A network whose logit for a frame is the input of that frame, delayed by the lookahead."""

    def __init__(self, lookahead_frames: int) -> None:
        super().__init__()
        self.config = UNetConfig(lookahead_frames=lookahead_frames)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None, list[torch.Tensor]]:
        late = self.config.lookahead_frames
        logits = torch.cat([torch.full_like(x[:, 0, :late], 99.0), x[:, 0]], dim=1)[:, : x.shape[2]]
        return logits, None, []


def test_teachers_with_different_lookaheads_are_aligned_by_frame() -> None:
    x = torch.randn(2, 2, 20, 256)
    mean, _ = mean_probabilities([Echo(0), Echo(3), Echo(8)], x)
    torch.testing.assert_close(mean, torch.sigmoid(x[:, 0, :12]))


def test_a_longer_frame_gets_the_mean_of_the_teachers_shorter_ones() -> None:
    x = torch.randn(2, 2, 20, 256)
    mean, _ = mean_probabilities([Echo(8)], x, 2)
    torch.testing.assert_close(mean, torch.sigmoid(x[:, 0, :12]).unflatten(1, (6, 2)).mean(dim=2))


def test_teachers_have_equal_weight(teachers: list[Path]) -> None:
    networks = [t.network for t in load_teachers(teachers, TAUGHT)]
    x = torch.randn(2, 2, 64, 256)
    each = [mean_probabilities([n], x)[0] for n in networks]
    assert [p.shape[1] for p in each] == [52, 64]
    torch.testing.assert_close(mean_probabilities(networks, x)[0], (each[0] + each[1][:, :52]) / 2)


def test_the_classes_come_from_the_teachers_that_have_a_class_map() -> None:
    torch.manual_seed(4)
    segnet, early, late = (build_network(config).eval() for config in (SEGNET, TINY, WIDE))
    x = torch.randn(2, 2, 64, 256)
    assert mean_probabilities([segnet], x)[1] is None
    (_, first), (_, second), (_, both) = (
        mean_probabilities(networks, x) for networks in ([early], [late], [segnet, early, late])
    )
    assert first is not None
    assert second is not None
    assert both is not None
    assert [one.shape[2] for one in (first, second, both)] == [15, 13, 13]
    torch.testing.assert_close(both, (first[:, :, :13] + second) / 2)
    torch.testing.assert_close(both.sum(dim=1), torch.ones(2, 13, 64))


def test_a_teacher_share_requires_teachers_and_without_one_they_are_refused(
    teachers: list[Path],
) -> None:
    assert load_teachers([], LABELS) == []
    with pytest.raises(
        SettingsError, match=r"recipe taught learns from teachers \(teacher_share 0.8\); .*--teacher"
    ):
        load_teachers([], TAUGHT)
    with pytest.raises(
        SettingsError, match=r"recipe labels learns from labels alone .*; leave out --teacher, or"
    ):
        load_teachers(teachers, LABELS)


def with_windows(recipe: Recipe, windows: int) -> Recipe:
    return dataclasses.replace(
        recipe, training=dataclasses.replace(recipe.training, windows_per_frame=windows)
    )


def test_a_network_with_longer_frames_learns_from_teachers_with_shorter_ones(
    teachers: list[Path], recordings: Path, tmp_path: Path
) -> None:
    """The teacher marks nearly everything, and the student is about to; most labels are negative."""
    longer = with_windows(TAUGHT, 2)
    longer = dataclasses.replace(
        longer,
        training=dataclasses.replace(
            longer.training, teacher_share=1.0, examples_per_epoch=32, learning_rate=0.03
        ),
    )
    best = train_quietly(longer, recordings, tmp_path, teachers=(teachers[0],))
    checkpoint = load_checkpoint(best)
    assert checkpoint.recipe.grid.hop_s == 0.016
    logits, classes, _ = checkpoint.network(torch.zeros(1, 2, 32, 256))
    assert logits.shape == (1, 32, 256)
    assert classes.shape == (1, 8, 8, 64)
    assert torch.sigmoid(logits[:, 8:]).mean() > 0.55


def test_teachers_whose_frames_do_not_make_up_those_of_the_recipe_are_refused(tmp_path: Path) -> None:
    for windows in (1, 2, 4):
        recipe = with_windows(LABELS, windows)
        weights = build_network(recipe.network).state_dict()
        save_checkpoint(tmp_path / f"{windows}.safetensors", weights, recipe, facts_of("it"))
    one, two, four = (tmp_path / f"{windows}.safetensors" for windows in (1, 2, 4))
    assert len(load_teachers([two, two], with_windows(TAUGHT, 4))) == 2
    with pytest.raises(DataError, match=r"frames of 4 windows and recipe taught of 2; give teachers that"):
        load_teachers([four], with_windows(TAUGHT, 2))
    with pytest.raises(DataError, match=r"frames of 1, 2 windows and recipe taught of 4; give teachers that"):
        load_teachers([one, two], with_windows(TAUGHT, 4))


def test_an_unusable_teacher_is_refused_before_the_run_starts(tmp_path: Path, recordings: Path) -> None:
    paper = read_recipe("paper")
    unit = dataclasses.replace(
        LABELS,
        network=dataclasses.replace(SEGNET, input_channels=1),
        training=dataclasses.replace(paper.training, input="unit"),
    )
    save_checkpoint(
        tmp_path / "unit.safetensors", build_network(unit.network).state_dict(), unit, facts_of("unit")
    )
    refusals: dict[str, tuple[type[BirdedgeError], str]] = {
        "unit.safetensors": (DataError, r"takes input 'unit' but recipe taught has 'floor'"),
        "none.safetensors": (ModelMissingError, "there is no checkpoint"),
    }
    for name, (error, sentence) in refusals.items():
        with pytest.raises(error, match=sentence):
            train_quietly(TAUGHT, recordings, tmp_path / "out", teachers=(tmp_path / name,))
    assert not (tmp_path / "out").exists()


def test_a_student_learns_from_two_teachers_and_lists_the_data_of_all(
    field_recordings: Path, teachers: list[Path], tmp_path: Path
) -> None:
    said: list[str] = []
    best = train_quietly(
        TAUGHT, field_recordings, tmp_path / "taught", say=said.append, teachers=tuple(teachers)
    )
    assert any(line.endswith(" unlabelled recordings for the teachers") for line in said)
    student = load_checkpoint(best)
    assert student.recipe == TAUGHT
    data = student.facts["training_data"]
    assert data[:2] == [entry for name in TEACHERS for entry in facts_of(name)["training_data"]]
    assert {d["kind"] for d in data[2:]} == {"birds", "noise", "soundscapes"}
    assert len({json.dumps(d) for d in data}) == len(data)


def test_with_a_teacher_share_of_one_only_the_teacher_counts(
    recordings: Path, teachers: list[Path], tmp_path: Path
) -> None:
    settings = dataclasses.replace(
        LABELS.training, examples_per_epoch=64, teacher_share=1.0, average_decay=0.0, learning_rate=1e-2
    )
    students = []
    for loss in ("cross-entropy", "dice"):
        recipe = dataclasses.replace(LABELS, training=dataclasses.replace(settings, loss=loss))
        best = train_quietly(recipe, recordings, tmp_path / loss, teachers=(teachers[0],))
        students.append(load_checkpoint(best).network)
    for (name, a), b in zip(students[0].state_dict().items(), students[1].state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    torch.manual_seed(settings.seed)
    x = torch.randn(2, 2, 64, 256)
    before, after = (mean_probabilities([n], x)[0].mean() for n in (build_network(TINY).eval(), students[0]))
    assert after > before + 0.05  # the teacher marks nearly every bin as bird


def test_the_command_takes_several_teachers(
    field_recordings: Path, teachers: list[Path], tmp_path: Path
) -> None:
    recipe = tmp_path / "taught.toml"
    recipe.write_text(
        "[network]\nchannels = [4, 4, 8, 8]\nsqueezed_channels = 4\ndilations = [1]\nlookahead_frames = 4\n"
        "[mixing]\nframes = 64\n"
        "[training]\nepochs = 1\nexamples_per_epoch = 4\nvalidation_examples = 2\nbatch = 4\nworkers = 0\n"
        'precision = "32-true"\nteacher_share = 0.5\n'
    )
    options = [word for path in teachers for word in ("--teacher", str(path))]
    options += [
        "--data",
        str(field_recordings),
        "--out",
        str(tmp_path / "run"),
        "--epochs",
        "2",
        "--seed",
        "7",
    ]
    result = CliRunner(catch_exceptions=False).invoke(train_command, [str(recipe), *options])
    assert result.exit_code == 0, result.output
    best = tmp_path / "run" / "best.safetensors"
    assert f"best checkpoint: {best}; to score it, run `birdedge evaluate {best} --data" in result.output
    student = load_checkpoint(best)
    assert (student.recipe.training.epochs, student.recipe.training.seed) == (2, 7)
    sources = [entry["source"] for entry in student.facts["training_data"]]
    assert sources[:2] == [f"data of {name}" for name in TEACHERS]
