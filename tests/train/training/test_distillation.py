"""Teachers are asked for where a recipe wants them, set on one frame, and learned from."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from birdedge.edge.errors import BirdedgeError, DataError, ModelMissingError, SettingsError
from birdedge.train.cli import train as train_command
from birdedge.train.data.mixing import Mixing
from birdedge.train.data.recordings import read_index
from birdedge.train.data.sound_bank import load_sound_bank
from birdedge.train.networks.baselines.segnet import SegNetConfig
from birdedge.train.networks.registry import build_network
from birdedge.train.networks.unet import UNet, UNetConfig
from birdedge.train.training.checkpoint import load_checkpoint, save_checkpoint
from birdedge.train.training.distillation import load_teachers, mean_probability
from birdedge.train.training.loop import train
from birdedge.train.training.recipe import Recipe, Training, read_recipe

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
FACTS = {"threshold": 0.5, "training_data": [{"kind": "birds", "source": "the teacher's own", "files": 3}]}


def quiet(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def field(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated recordings, a copy of each noise as a soundscape that nobody labelled, and one noisy bird."""
    folder = tmp_path_factory.mktemp("field") / "recordings"
    shutil.copytree(recordings, folder)
    index = folder / "index.tsv"
    with index.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    more = [
        {**row, "kind": "soundscapes", "original": f"field {i}", "species": f"field {i}"}
        for i, row in enumerate(r for r in rows if r["kind"] == "noise")
    ]
    birds = [row for row in rows if row["kind"] == "birds"]
    more += [{**row, "original": f"noisy {i}", "snr90_db": "5"} for i, row in enumerate(birds)]
    with index.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows([*rows, *more])
    return folder


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One that looks 12 frames ahead and takes nearly all for birds, and one that sees a sound whole."""
    folder, paths = tmp_path_factory.mktemp("teachers"), []
    for name, network in (("wide", WIDE), ("segnet", SEGNET)):
        torch.manual_seed(len(paths))
        paths.append(folder / f"{name}.safetensors")
        recipe = dataclasses.replace(LABELS, name=name, network=network)
        built = build_network(network)
        if isinstance(built, UNet):
            torch.nn.init.constant_(built.head.bias, 2.0)
        save_checkpoint(paths[-1], built.state_dict(), recipe, FACTS)
    return paths


class Echo(torch.nn.Module):
    """Says of frame t the logit that stands in its input, a lookahead late."""

    def __init__(self, lookahead_frames: int) -> None:
        super().__init__()
        self.config = UNetConfig(lookahead_frames=lookahead_frames)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        late = self.config.lookahead_frames
        return torch.cat([torch.full_like(x[:, 0, :late], 99.0), x[:, 0]], dim=1)[:, : x.shape[2]], []


def test_teachers_of_other_lookaheads_speak_of_the_same_frame() -> None:
    x = torch.randn(2, 2, 20, 256)
    told = mean_probability([Echo(0), Echo(3), Echo(8)], x)
    torch.testing.assert_close(told, torch.sigmoid(x[:, 0, :12]))


def test_teachers_are_heard_alike(teachers: list[Path]) -> None:
    networks = [t.network for t in load_teachers(teachers, TAUGHT)]
    x = torch.randn(2, 2, 64, 256)
    each = [mean_probability([n], x) for n in networks]
    assert [p.shape[1] for p in each] == [52, 64]
    torch.testing.assert_close(mean_probability(networks, x), (each[0] + each[1][:, :52]) / 2)


def test_a_recipe_without_a_use_for_teachers_has_none_and_one_that_wants_them_says_so(
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


def test_a_teacher_that_cannot_be_is_refused_before_a_run_begins(tmp_path: Path, recordings: Path) -> None:
    paper = read_recipe("paper")
    unit = dataclasses.replace(
        LABELS,
        network=dataclasses.replace(SEGNET, input_channels=1),
        training=dataclasses.replace(paper.training, input="unit"),
    )
    save_checkpoint(tmp_path / "unit.safetensors", build_network(unit.network).state_dict(), unit, FACTS)
    refusals: dict[str, tuple[type[BirdedgeError], str]] = {
        "unit.safetensors": (DataError, r"takes input 'unit' and recipe taught gives 'floor'"),
        "none.safetensors": (ModelMissingError, "there is no checkpoint"),
    }
    for name, (error, sentence) in refusals.items():
        with pytest.raises(error, match=sentence):
            train(TAUGHT, recordings, tmp_path / "out", say=quiet, teachers=[tmp_path / name])
    assert not (tmp_path / "out").exists()


def test_what_nobody_labelled_is_read_only_where_it_is_asked_for(field: Path) -> None:
    files = [r for r in read_index(field) if r.split == "train"]
    counts = {kind: sum(r.kind == kind for r in files) for kind in ("soundscapes", "birds")}
    noisy = sum(r.kind == "birds" and r.snr_db < 25 for r in files)
    assert min(noisy, counts["soundscapes"]) > 0
    plain, more = load_sound_bank(files), load_sound_bank(files, unlabelled=True)
    assert plain.unlabelled == []
    assert len(more.unlabelled) == counts["soundscapes"] + counts["birds"] - len(more.focals)
    assert len(more.unlabelled) >= counts["soundscapes"] + noisy
    assert (len(more.songs), len(more.noises)) == (len(plain.songs), len(plain.noises))


def test_a_student_learns_from_two_teachers_and_names_the_data_of_all(
    field: Path, teachers: list[Path], tmp_path: Path
) -> None:
    said: list[str] = []
    best = train(TAUGHT, field, tmp_path / "taught", say=said.append, teachers=teachers)
    assert any(line.endswith("recordings that nobody labelled, for the teachers to tell of") for line in said)
    student = load_checkpoint(best)
    assert student.recipe == TAUGHT
    data = student.facts["training_data"]
    assert data[0] == FACTS["training_data"][0]
    assert {d["kind"] for d in data[1:]} == {"birds", "noise", "soundscapes"}
    assert len({json.dumps(d) for d in data}) == len(data)


def test_at_a_share_of_one_the_teacher_is_followed_and_the_labels_say_nothing(
    recordings: Path, teachers: list[Path], tmp_path: Path
) -> None:
    settings = dataclasses.replace(
        LABELS.training, examples_per_epoch=64, teacher_share=1.0, average_decay=0.0, learning_rate=1e-2
    )
    students = []
    for loss in ("cross-entropy", "dice"):
        recipe = dataclasses.replace(LABELS, training=dataclasses.replace(settings, loss=loss))
        best = train(recipe, recordings, tmp_path / loss, say=quiet, teachers=teachers[:1])
        students.append(load_checkpoint(best).network)
    for (name, a), b in zip(students[0].state_dict().items(), students[1].state_dict().values(), strict=True):
        assert torch.equal(a, b), name
    torch.manual_seed(settings.seed)
    x = torch.randn(2, 2, 64, 256)
    before, after = (mean_probability([n], x).mean() for n in (build_network(TINY).eval(), students[0]))
    assert after > before + 0.05  # the teacher takes nearly all for birds


def test_the_command_takes_any_number_of_teachers(
    field: Path, teachers: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(
        "birdedge.train.training.loop.train", lambda *args: asked.append(args[-1]) or tmp_path
    )
    options = [word for path in teachers for word in ("--teacher", str(path))]
    result = CliRunner().invoke(train_command, ["distilled", *options, "--data", str(field)])
    assert result.exit_code == 0, result.output
    assert asked == [tuple(teachers)]
