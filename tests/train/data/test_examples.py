"""Examples are mixed for each epoch, or once and shared between runs."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Sized
from pathlib import Path
from typing import Any, cast

import pytest
import torch

from birdedge.edge.errors import DataError, OutputError, SettingsError
from birdedge.train.data.class_cells import BIRD
from birdedge.train.data.examples import mixed_examples
from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.data.recordings import read_index
from birdedge.train.training.recipe import Recipe, Training, read_recipe
from tests.support.generated import write_recordings
from tests.support.training import with_training

SMALL = Recipe(
    name="small",
    mixing=Mixing(frames=64, as_recorded=0.0, empty=0.0, snr_low_db=10.0),
    training=Training(cached_examples=6, examples_per_epoch=6, validation_examples=2, workers=0),
)


def changed(**training: Any) -> Recipe:
    return with_training(SMALL, **training)


@pytest.fixture(scope="module")
def cache(recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "new" / "examples.safetensors"
    mixed_examples(SMALL, recordings, None, path, lambda _: None)
    return path


def test_cached_examples_equal_the_first_epoch_of_a_run_without_a_cache(recordings: Path) -> None:
    new = mixed_examples(changed(cached_examples=0), recordings, None, None, lambda _: None).of_epoch(1)
    once = mixed_examples(SMALL, recordings, None, None, lambda _: None).of_epoch(1)
    assert len(cast(Sized, once)) == len(cast(Sized, new)) == 6
    targets = [once[i][1] for i in range(6)]
    for i in range(6):
        x, target, weight, sounds, _ = new[i]
        (j,) = (j for j, other in enumerate(targets) if torch.equal(other, target))
        assert torch.equal(once[j].weight, weight)
        assert torch.equal(once[j].sounds, sounds)
        # The level has half precision: 0.004 Np, 0.03 dB; the input is half of it.
        assert (once[j][0] - x).abs().max() < 0.01


def test_boxes_of_annotations_tsv_become_examples_and_are_listed_as_data(
    recordings: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "recordings"
    shutil.copytree(recordings, folder)
    index = folder / "index.tsv"
    header, first, *_ = index.read_text(encoding="utf-8").splitlines()
    row = dict(zip(header.split("\t"), first.split("\t"), strict=True))
    boxed = [{**row, "kind": "boxes", "original": f"box {i}", "species": f"boxes {i}"} for i in range(20)]
    lines = ["\t".join(row.values()) for row in boxed]
    index.write_text("\n".join([index.read_text(encoding="utf-8").rstrip(), *lines]) + "\n", encoding="utf-8")
    box = f"file\tonset_s\toffset_s\tlow_hz\thigh_hz\n{row['file']}\t0.5\t0.7\t2000\t2900\n"
    (folder / "annotations.tsv").write_text(box, encoding="utf-8")
    recipe = dataclasses.replace(
        changed(cached_examples=0), mixing=dataclasses.replace(SMALL.mixing, boxed=1.0)
    )
    examples = mixed_examples(recipe, folder, None, None, lambda _: None)
    for example in (examples.of_epoch(1)[0], examples.validation[0]):
        assert not example.weight.any()
        rows, columns = torch.nonzero(example.sounds == BIRD).unbind(dim=1)
        assert set(columns.tolist()) == {8, 9, 10, 11}
        assert 0 < len(set(rows.tolist())) <= 7
    without = mixed_examples(changed(cached_examples=0), folder, None, None, lambda _: None).training_data
    assert {entry["kind"] for entry in without} == {"birds", "noise"}
    (listed,) = (entry for entry in examples.training_data if entry["kind"] == "boxes")
    assert listed["files"] == sum(r.split == "train" for r in read_index(folder) if r.kind == "boxes")


def test_each_epoch_has_all_cached_examples_in_its_own_order(recordings: Path, cache: Path) -> None:
    examples = mixed_examples(SMALL, recordings, None, cache, lambda _: None)
    sums = [[float(examples.of_epoch(epoch)[i][0].sum()) for i in range(6)] for epoch in (1, 2, 1)]
    assert sums[0] != sums[1]
    assert sums[0] == sums[2]
    assert sorted(sums[0]) == sorted(sums[1])
    assert len(set(sums[0])) == 6


def test_a_cache_serves_runs_with_other_networks_and_inputs_without_training_recordings(
    recordings: Path, cache: Path, tmp_path: Path
) -> None:
    paper = read_recipe("paper")
    other = dataclasses.replace(
        paper, mixing=SMALL.mixing, training=dataclasses.replace(SMALL.training, input="unit")
    )
    emptied = tmp_path / "recordings"
    shutil.copytree(recordings, emptied)
    for recording in read_index(emptied):
        if recording.split == "train":
            recording.path.unlink()
    said: list[str] = []
    shared = mixed_examples(other, emptied, None, cache, said.append).of_epoch(1)
    own = mixed_examples(SMALL, emptied, None, cache, said.append).of_epoch(1)
    assert not [line for line in said if "mixing" in line]
    assert (shared[0][0].shape, own[0][0].shape) == ((1, 64, 256), (2, 64, 256))
    assert torch.equal(shared[0][1], own[0][1])


@pytest.mark.parametrize(
    "recipe",
    [changed(seed=21), changed(cached_examples=7), dataclasses.replace(SMALL, mixing=Mixing(frames=64))],
    ids=["seed", "count", "mixing"],
)
def test_a_cache_of_other_examples_is_refused(recordings: Path, cache: Path, recipe: Recipe) -> None:
    with pytest.raises(
        DataError, match=r"holds examples of other recordings, another seed .*give another --cache"
    ):
        mixed_examples(recipe, recordings, None, cache, lambda _: None)


def test_a_cache_of_other_recordings_is_refused(cache: Path, tmp_path: Path) -> None:
    other = write_recordings(tmp_path / "other", files=12)
    with pytest.raises(DataError, match="holds examples of other recordings"):
        mixed_examples(SMALL, other, None, cache, lambda _: None)


def test_a_cache_of_audio_that_has_changed_since_is_refused(
    recordings: Path, cache: Path, tmp_path: Path
) -> None:
    changed_audio = tmp_path / "recordings"
    shutil.copytree(recordings, changed_audio)
    mixed_examples(SMALL, changed_audio, None, cache, lambda _: None)
    first = next(r.path for r in read_index(changed_audio) if r.split == "train" and r.kind == "noise")
    other = next(r.path for r in read_index(changed_audio) if r.path.name != first.name and r.kind == "noise")
    shutil.copy(other, first)
    with pytest.raises(DataError, match="holds examples of other recordings"):
        mixed_examples(SMALL, changed_audio, None, cache, lambda _: None)


def test_a_damaged_cache_is_refused(recordings: Path, cache: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(cache.read_bytes()[:1000])
    with pytest.raises(
        DataError, match=r"broken.safetensors cannot be read as a cache of examples \(.*\); delete it"
    ):
        mixed_examples(SMALL, recordings, None, broken, lambda _: None)


def test_a_cache_that_cannot_be_written_is_refused(recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"the cache .*file/examples.safetensors cannot be written"):
        mixed_examples(SMALL, recordings, None, tmp_path / "file" / "examples.safetensors", lambda _: None)


def test_a_recipe_that_mixes_for_every_epoch_refuses_a_cache(recordings: Path, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="recipe small mixes new examples for each epoch; leave out --cache"
    ):
        mixed_examples(changed(cached_examples=0), recordings, None, tmp_path / "c", lambda _: None)
