"""Examples to learn from: a log-magnitude spectrogram, its mask, and which bins count.

Mixed anew for every epoch, or once and kept.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
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
from birdedge.train.data.mixing import Mixing, make_example
from birdedge.train.data.recordings import Recording, read_index
from birdedge.train.data.sound_bank import GRID, UNLABELLED, Bank, load_bank
from birdedge.train.training.recipe import Recipe

# Network input [channels, frames, bins], target and weight [frames, bins]; with a batch axis from a loader.
Batch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Examples:
    """What a run learns from: a data set for each epoch, one to validate on, and what to say of them in a card."""

    of_epoch: Callable[[int], Dataset[Batch]]
    validation: Dataset[Batch]
    training_data: list[dict[str, Any]]


class Mixes(Dataset[Batch]):
    """Log spectrogram, target and weight, all `[frames, bins]`.

    Example i is drawn from (*seed, i) alone: any number of workers gives the same.
    """

    def __init__(self, bank: Bank, mixing: Mixing, seed: tuple[int, ...], length: int) -> None:
        self.bank, self.mixing, self.seed, self.length = bank, mixing, seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Batch:
        example = make_example(self.bank, self.mixing, np.random.default_rng((*self.seed, index)))
        arrays = (example.log_spectrogram(), example.target, example.weight)
        level, target, weight = (torch.from_numpy(a) for a in arrays)
        return level, target, weight


class KeptMixes(Dataset[Batch]):
    """Mixes made once: the spectrogram as float16, which is finer than 0.1 dB, target and weight as bool."""

    def __init__(self, level: Tensor, target: Tensor, weight: Tensor) -> None:
        self.level, self.target, self.weight = level, target, weight

    def __len__(self) -> int:
        return len(self.level)

    def __getitem__(self, index: int) -> Batch:
        return self.level[index].float(), self.target[index], self.weight[index]


class AsInput(Dataset[Batch]):
    """Examples with the network's input in place of the spectrogram, target and weight as numbers."""

    def __init__(self, examples: Mixes | KeptMixes, recipe: Recipe) -> None:
        self.examples, self.recipe = examples, recipe

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Batch:
        level, target, weight = self.examples[index]
        return torch.from_numpy(self.recipe.network_input(level.numpy())), target.float(), weight.float()


def mixed_examples(
    recipe: Recipe, data: Path, tier: str | None, cache: Path | None, say: Callable[[str], None]
) -> Examples:
    """Mixes of a folder of recordings.

    With `recipe.training.cached_examples`, they are mixed once; `cache` is the file that keeps them for other runs.
    """
    settings, unlabelled = recipe.training, recipe.mixing.unlabelled > 0
    if cache is not None and not settings.cached_examples:
        raise SettingsError(
            f"recipe {recipe.name} mixes anew for every epoch; leave out --cache, or set cached_examples"
        )
    recordings = read_index(data, tier)
    splits = {name: [r for r in recordings if r.split == name] for name in ("train", "validation")}
    say(f"{len(splits['train'])} recordings to train on, {len(splits['validation'])} to validate on")

    def bank(split: str, unlabelled: bool = False) -> Bank:
        return load_bank(tqdm(splits[split], desc=split, leave=False), unlabelled)

    def bank_to_train_on() -> Bank:
        loaded = bank("train", unlabelled)
        if unlabelled:
            say(f"{len(loaded.unlabelled)} recordings that nobody labelled, for the teachers to tell of")
        return loaded

    def mixes(bank: Bank, epoch: int, length: int) -> Mixes:
        return Mixes(bank, recipe.mixing, (settings.seed, epoch), length)

    validation = AsInput(mixes(bank("validation"), 0, settings.validation_examples), recipe)
    if not settings.cached_examples:
        train_bank = bank_to_train_on()

        def of_epoch(epoch: int) -> Dataset[Batch]:
            return AsInput(mixes(train_bank, epoch, settings.examples_per_epoch), recipe)

        return Examples(of_epoch, validation, training_data(splits["train"], unlabelled))
    key = _cache_key(recipe, splits["train"])
    kept = _read_cache(cache, key, recipe) if cache is not None and cache.exists() else None
    if kept is None:
        say(f"mixing {settings.cached_examples} examples once")
        kept = _mix_once(mixes(bank_to_train_on(), 1, settings.cached_examples), settings.workers)
        if cache is not None:
            _write_cache(cache, kept, key)
    again = shuffled(AsInput(kept, recipe), len(kept), settings.seed)
    return Examples(again, validation, training_data(splits["train"], unlabelled))


def shuffled(examples: Dataset[Batch], count: int, seed: int) -> Callable[[int], Dataset[Batch]]:
    """The same `count` examples for every epoch, each time in another order, which the seed and the epoch decide."""

    def of_epoch(epoch: int) -> Dataset[Batch]:
        order = np.random.default_rng((seed, epoch)).permutation(count)
        return Subset(examples, order.tolist())

    return of_epoch


def training_data(recordings: list[Recording], unlabelled: bool = False) -> list[dict[str, Any]]:
    """What a model was trained on, for its card: files by kind, tier, source and licence."""
    kinds = ("birds", "lasso", "notes", "noise", *(UNLABELLED if unlabelled else ()))
    counts: dict[tuple[str, str, str, str], int] = {}
    for r in recordings:
        if r.kind in kinds:
            key = (r.kind, r.tier, r.source, r.licence)
            counts[key] = counts.get(key, 0) + 1
    names = ("kind", "tier", "source", "licence", "files")
    return [dict(zip(names, (*key, count), strict=True)) for key, count in sorted(counts.items())]


def _mix_once(mixes: Mixes, workers: int) -> KeptMixes:
    shape = (len(mixes), mixes.mixing.frames, GRID.bins)
    level = torch.empty(shape, dtype=torch.float16)
    target, weight = (torch.empty(shape, dtype=torch.bool) for _ in range(2))
    loader = DataLoader(mixes, batch_size=None, num_workers=workers)
    for i, example in enumerate(tqdm(loader, desc="mixing", leave=False)):
        level[i], target[i], weight[i] = example
    return KeptMixes(level, target, weight)


def _cache_key(recipe: Recipe, recordings: list[Recording]) -> str:
    """Two runs with the same key learn from the same examples."""
    names = sorted(f"{r.kind}/{r.path.name}" for r in recordings)
    return json.dumps(
        {
            "mixing": asdict(recipe.mixing),
            "seed": recipe.training.seed,
            "examples": recipe.training.cached_examples,
            "recordings": zlib.crc32("\n".join(names).encode()),
        }
    )


def _read_cache(path: Path, key: str, recipe: Recipe) -> KeptMixes:
    try:
        with safe_open(path, "pt") as file:
            found = (file.metadata() or {}).get("examples")
            if found == key:
                return KeptMixes(*(file.get_tensor(name) for name in ("level", "target", "weight")))
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} cannot be read as a cache of examples: {error}; take it away") from error
    raise DataError(
        f"{path} holds examples of other recordings, another seed or another [mixing] than recipe {recipe.name} asks "
        "for; give another --cache"
    )


def _write_cache(path: Path, kept: KeptMixes, key: str) -> None:
    temporary = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(vars(kept), temporary, {"examples": key})
        temporary.replace(path)
    except (SafetensorError, OSError) as error:
        raise OutputError(f"the cache {path} cannot be written: {error}") from error
