"""Training examples: a log-magnitude spectrogram, its mask, the weight of each bin, and the classes of sound.

They are mixed for each epoch, or mixed once and cached.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset
from tqdm import tqdm

from birdedge.edge.errors import DataError, OutputError, SettingsError
from birdedge.train.data.annotations import Box, read_boxes
from birdedge.train.data.batch import Batch
from birdedge.train.data.class_cells import CELL_BINS, CELL_FRAMES
from birdedge.train.data.coarser import coarser_labels, coarser_level
from birdedge.train.data.mixing import make_example
from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.data.recordings import Recording, read_index
from birdedge.train.data.sound_bank import UNLABELLED_KINDS, SoundBank, load_sound_bank
from birdedge.train.data.stft import GRID
from birdedge.train.training.recipe import Recipe


@dataclass(frozen=True)
class Examples:
    """The data of a training run: a data set per epoch, one for validation, and their sources for the model card."""

    of_epoch: Callable[[int], Dataset[Batch]]
    validation: Dataset[Batch]
    training_data: list[dict[str, Any]]


class Mixes(Dataset[Batch]):
    """Random mixes, with the log spectrogram in place of the network input.

    Example i depends only on (*seed, i), not on the number of workers.
    """

    def __init__(self, sound_bank: SoundBank, mixing: Mixing, seed: tuple[int, ...], length: int) -> None:
        self.sound_bank, self.mixing, self.seed, self.length = sound_bank, mixing, seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Batch:
        example = make_example(self.sound_bank, self.mixing, np.random.default_rng((*self.seed, index)))
        arrays = (example.log_spectrogram(), example.target, example.weight, example.sounds)
        return Batch(*(torch.from_numpy(a) for a in arrays))


class CachedMixes(Dataset[Batch]):
    """Mixes made once: the spectrogram as float16, which resolves 0.1 dB; target and weight as bool."""

    def __init__(self, level: Tensor, target: Tensor, weight: Tensor, sounds: Tensor) -> None:
        self.level, self.target, self.weight, self.sounds = level, target, weight, sounds

    def __len__(self) -> int:
        return len(self.level)

    def __getitem__(self, index: int) -> Batch:
        return Batch(self.level[index].float(), self.target[index], self.weight[index], self.sounds[index])


class NetworkInputs(Dataset[Batch]):
    """Mixes with the recipe's network input in place of the spectrogram; target and weight as float32.

    If teachers have shorter frames, `teachers` is their recipe, and each example holds their network input too.
    """

    def __init__(self, mixes: Mixes | CachedMixes, recipe: Recipe, teachers: Recipe | None = None) -> None:
        self.mixes, self.recipe, self.teachers = mixes, recipe, teachers

    def __len__(self) -> int:
        return len(self.mixes)

    def __getitem__(self, index: int) -> Batch:
        level, target, weight, sounds, _ = self.mixes[index]
        target, weight, sounds = coarser_labels(target, weight, sounds, self.recipe.grid.windows)
        x, *teacher_x = (
            torch.from_numpy(recipe.network_input(coarser_level(level.numpy(), recipe.grid.windows)))
            for recipe in (self.recipe, self.teachers)
            if recipe is not None
        )
        return Batch(x, target.float(), weight.float(), sounds, *teacher_x)


def mixed_examples(
    recipe: Recipe,
    data: Path,
    tier: str | None,
    cache: Path | None,
    say: Callable[[str], None],
    teachers: Recipe | None = None,
) -> Examples:
    """Return examples mixed from a folder of recordings.

    Args:
        recipe: With `recipe.training.cached_examples`, examples are mixed once instead of for each epoch.
        data: Folder with an index.tsv.
        tier: "open" uses openly licensed recordings only.
        cache: File through which runs share examples that are mixed once.
        say: Receives progress messages.
        teachers: The recipe of teachers whose frames are shorter than those of `recipe`.

    Raises:
        SettingsError: `cache` is given and the recipe mixes for each epoch.
        DataError: The recordings or the cache cannot be used.
        OutputError: The cache cannot be written.
    """
    settings, unlabelled = recipe.training, recipe.mixing.unlabelled > 0
    if cache is not None and not settings.cached_examples:
        raise SettingsError(
            f"recipe {recipe.name} mixes new examples for each epoch; leave out --cache, or set cached_examples"
        )
    recordings = read_index(data, tier)
    boxed = [r.path for r in recordings if r.kind == "boxes"]
    boxes = read_boxes(data, boxed) if recipe.mixing.boxed else {}
    splits = {name: [r for r in recordings if r.split == name] for name in ("train", "validation")}
    say(f"{len(splits['train'])} recordings to train on, {len(splits['validation'])} to validate on")

    def load(split: str, unlabelled: bool) -> SoundBank:
        return load_sound_bank(tqdm(splits[split], desc=split, leave=False), unlabelled, boxes)

    def load_training() -> SoundBank:
        sound_bank = load("train", unlabelled)
        if unlabelled:
            say(f"{len(sound_bank.unlabelled)} unlabelled recordings for the teachers")
        return sound_bank

    def mixes(sound_bank: SoundBank, epoch: int, length: int) -> Mixes:
        return Mixes(sound_bank, recipe.mixing, (settings.seed, epoch), length)

    validation_bank = load("validation", unlabelled=False)
    validation = NetworkInputs(mixes(validation_bank, 0, settings.validation_examples), recipe)
    sources = training_data(splits["train"], recipe.mixing)
    if not settings.cached_examples:
        training_bank = load_training()

        def of_epoch(epoch: int) -> Dataset[Batch]:
            return NetworkInputs(mixes(training_bank, epoch, settings.examples_per_epoch), recipe, teachers)

        return Examples(of_epoch, validation, sources)
    origin = _origin(recipe, data, splits["train"], boxes) if cache is not None else {}
    cached = _read_cache(cache, origin, recipe) if cache is not None and cache.exists() else None
    if cached is None:
        say(f"mixing {settings.cached_examples} examples once")
        cached = _mix_once(mixes(load_training(), 1, settings.cached_examples), settings.workers)
        if cache is not None:
            _write_cache(cache, cached, origin)
    inputs = NetworkInputs(cached, recipe, teachers)
    return Examples(shuffled(inputs, len(cached), settings.seed), validation, sources)


def shuffled(examples: Dataset[Batch], count: int, seed: int) -> Callable[[int], Dataset[Batch]]:
    """Return a function that maps an epoch to all `count` examples, in an order set by seed and epoch."""

    def of_epoch(epoch: int) -> Dataset[Batch]:
        order = np.random.default_rng((seed, epoch)).permutation(count)
        return Subset(examples, order.tolist())

    return of_epoch


def training_data(recordings: list[Recording], mixing: Mixing) -> list[dict[str, Any]]:
    """Return the number of mixed files by kind, tier, source and licence, as listed in the model card."""
    kinds = {"birds", "lasso", "notes", "noise"}
    kinds |= {"boxes"} if mixing.boxed else set()
    kinds |= set(UNLABELLED_KINDS) if mixing.unlabelled else set()
    counts: dict[tuple[str, str, str, str], int] = {}
    for r in recordings:
        if r.kind in kinds:
            key = (r.kind, r.tier, r.source, r.licence)
            counts[key] = counts.get(key, 0) + 1
    names = ("kind", "tier", "source", "licence", "files")
    return [dict(zip(names, (*key, count), strict=True)) for key, count in sorted(counts.items())]


def _mix_once(mixes: Mixes, workers: int) -> CachedMixes:
    shape = (len(mixes), mixes.mixing.frames, GRID.bins)
    level = torch.empty(shape, dtype=torch.float16)
    target, weight = (torch.empty(shape, dtype=torch.bool) for _ in range(2))
    sounds = torch.empty((len(mixes), shape[1] // CELL_FRAMES, shape[2] // CELL_BINS), dtype=torch.int8)
    loader = DataLoader(mixes, batch_size=None, num_workers=workers)
    for i, example in enumerate(tqdm(loader, desc="mixing", leave=False)):
        level[i], target[i], weight[i], sounds[i] = example[:4]
    return CachedMixes(level, target, weight, sounds)


def _origin(
    recipe: Recipe, data: Path, recordings: list[Recording], boxes: Mapping[Path, tuple[Box, ...]]
) -> dict[str, str]:
    """Return all that determines the examples: runs for which it is the same can share them.

    `audio` has a digest of each recording that is present. A cache can be used without the recordings.
    """
    names = {recording.path.relative_to(data).as_posix(): recording for recording in recordings}
    facts = [
        (name, asdict(replace(r, path=Path(name))), boxes.get(r.path)) for name, r in sorted(names.items())
    ]
    examples = {
        "mixing": asdict(recipe.mixing),
        "seed": recipe.training.seed,
        "examples": recipe.training.cached_examples,
        "recordings": zlib.crc32(repr(facts).encode()),
    }
    audio = {name: _digest(r.path) for name, r in names.items() if r.path.is_file()}
    return {"examples": json.dumps(examples), "audio": json.dumps(audio)}


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "blake2b").hexdigest()[:16]
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}): check the recording") from error


def _read_cache(path: Path, origin: dict[str, str], recipe: Recipe) -> CachedMixes:
    try:
        with safe_open(path, "pt") as file:
            found = file.metadata() or {}
            audio = json.loads(found.get("audio", "{}"))
            if (
                found.get("examples") == origin["examples"]
                and json.loads(origin["audio"]).items() <= audio.items()
            ):
                return CachedMixes(
                    *(file.get_tensor(name) for name in ("level", "target", "weight", "sounds"))
                )
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as a cache of examples ({error}); delete it") from error
    raise DataError(
        f"{path} holds examples of other recordings, another seed or another [mixing] than recipe {recipe.name}; "
        "give another --cache"
    )


def _write_cache(path: Path, cached: CachedMixes, origin: dict[str, str]) -> None:
    temporary = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(vars(cached), temporary, origin)
        temporary.replace(path)
    except (SafetensorError, OSError) as error:
        raise OutputError(f"the cache {path} cannot be written: {error}") from error
