"""The training loop: mix, step, average, validate, keep the best."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from birdedge.edge.errors import DataError
from birdedge.train.bank import Bank, load_bank
from birdedge.train.checkpoint import load_checkpoint, save_checkpoint
from birdedge.train.curves import draw_curves
from birdedge.train.losses import mask_loss
from birdedge.train.metrics import MaskScores
from birdedge.train.mixing import Mixing, make_example
from birdedge.train.recipe import Recipe, Training, recipe_from_table
from birdedge.train.recordings import Recording, read_index
from birdedge.train.unet import UNet

# Input [batch, 2, frames, bins], target and weight [batch, frames, bins].
Batch = tuple[Tensor, Tensor, Tensor]


class Mixes(Dataset[Batch]):
    """Example i of an epoch is drawn from (seed, epoch, i) alone: any number of workers gives the same."""

    def __init__(self, bank: Bank, mixing: Mixing, seed: tuple[int, ...], length: int) -> None:
        self.bank, self.mixing, self.seed, self.length = bank, mixing, seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Batch:
        example = make_example(self.bank, self.mixing, np.random.default_rng((*self.seed, index)))
        target, weight = example.target.astype(np.float32), example.weight.astype(np.float32)
        return torch.from_numpy(example.network_input()), torch.from_numpy(target), torch.from_numpy(weight)


@dataclass(frozen=True)
class Epoch:
    """A row of the history."""

    epoch: int
    train_loss: float
    train_iou: float
    validation_loss: float
    validation_iou: float
    threshold: float  # for the model, chosen on validation
    learning_rate: float


def train(
    recipe: Recipe,
    data: Path,
    out: Path,
    tier: str | None = None,
    resume: bool = False,
    start: Path | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Trains and returns the path of the best checkpoint, `out/best.safetensors`.

    Beside it: `last.pt` (all that `resume` needs), `history.json`, `curves.png` and TensorBoard's files.
    `start` is a checkpoint whose weights to begin with; what it was trained on goes into the new one's facts too.
    """
    settings = recipe.training
    begun = load_checkpoint(start) if start is not None else None
    if begun is not None and begun.recipe.network != recipe.network:
        raise DataError(
            f"{start} holds another network than recipe {recipe.name}; leave out --from, or change [network]"
        )
    if (out / "last.pt").exists() and not resume:
        raise DataError(f"{out} holds a run already; give another --out, or --resume to go on with it")
    fabric = Fabric(precision=settings.precision)  # type: ignore[arg-type]
    fabric.launch()
    fabric.seed_everything(settings.seed, verbose=False)
    say(f"recipe {recipe.name}, seed {settings.seed}, device {fabric.device}, precision {settings.precision}")

    recordings = read_index(data, tier)
    splits = {name: [r for r in recordings if r.split == name] for name in ("train", "validation")}
    say(f"reading {len(splits['train'])} recordings to train on, {len(splits['validation'])} to validate on")
    banks = {name: load_bank(tqdm(files, desc=name, leave=False)) for name, files in splits.items()}

    network = UNet(recipe.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if begun is not None:
        network.load_state_dict(begun.network.state_dict())
    optimizer = _optimizer(settings, network)
    model, fitted = fabric.setup(network, optimizer)
    average = AveragedModel(network, multi_avg_fn=_averaging(settings.average_decay), use_buffers=True)
    history: list[Epoch] = []
    if resume:
        history = _resume(out, recipe, network, optimizer, average)
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.json").write_text(json.dumps(recipe.as_table(), indent=1))
    writer = SummaryWriter(str(out))
    mixes = Mixes(banks["validation"], recipe.mixing, (settings.seed, 0), settings.validation_examples)
    validation = _loader(fabric, mixes, settings)

    steps = math.ceil(settings.examples_per_epoch / settings.batch)
    for epoch in range(len(history) + 1, settings.epochs + 1):
        examples = Mixes(banks["train"], recipe.mixing, (settings.seed, epoch), settings.examples_per_epoch)
        scores, losses = MaskScores(), []
        torch.manual_seed(settings.seed + epoch)  # so that dropout does not know of a pause
        model.train()
        bar = tqdm(_loader(fabric, examples, settings), desc=f"epoch {epoch}/{settings.epochs}", total=steps)
        for step, (x, target, weight) in enumerate(bar):
            for group in optimizer.param_groups:
                group["lr"] = _learning_rate(settings, epoch - 1 + step / steps)
            logits, loss = _score(model, x, target, weight, recipe)
            fabric.backward(loss)
            fabric.clip_gradients(model, fitted, max_norm=5.0)
            fitted.step()
            fitted.zero_grad(set_to_none=True)
            average.update_parameters(network)
            losses.append(loss.item())
            _count(scores, logits, target, weight, recipe)
            bar.set_postfix(loss=f"{np.mean(losses[-50:]):.3f}", iou=f"{scores.iou(0.5):.3f}")
        best = average.module if settings.average_decay else network
        validation_loss, found = _validate(best, validation, recipe)
        row = Epoch(
            epoch,
            float(np.mean(losses)),
            scores.iou(0.5),
            validation_loss,
            found.iou(found.best_threshold()),
            found.cautious_threshold(),
            optimizer.param_groups[0]["lr"],
        )
        history.append(row)
        say(
            f"epoch {epoch}: train loss {row.train_loss:.3f} IoU {row.train_iou:.3f}, "
            f"validation loss {row.validation_loss:.3f} IoU {row.validation_iou:.3f}, threshold {row.threshold:.2f}"
        )
        _record(out, writer, history)
        leader = max(history, key=lambda e: e.validation_iou)
        if leader is row:
            earlier = begun.facts.get("training_data", []) if begun is not None else []
            facts = {**vars(row), "training_data": [*earlier, *training_data(splits["train"])]}
            save_checkpoint(out / "best.safetensors", best.state_dict(), recipe, facts)
        _save_state(out, recipe, network, optimizer, average, history)
        if epoch - leader.epoch >= settings.patience:
            say(f"no better validation IoU for {settings.patience} epochs: stopped early")
            break
    writer.close()
    return out / "best.safetensors"


def training_data(recordings: list[Recording]) -> list[dict[str, Any]]:
    """What a model was trained on, for its card: files by kind, tier, source and licence."""
    counts: dict[tuple[str, str, str, str], int] = {}
    for r in recordings:
        if r.kind in ("birds", "lasso", "notes", "noise"):
            key = (r.kind, r.tier, r.source, r.licence)
            counts[key] = counts.get(key, 0) + 1
    names = ("kind", "tier", "source", "licence", "files")
    return [dict(zip(names, (*key, count), strict=True)) for key, count in sorted(counts.items())]


def _optimizer(settings: Training, network: nn.Module) -> torch.optim.Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), rate, momentum=0.9, weight_decay=decay)
    if settings.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), rate, weight_decay=decay)
    return torch.optim.AdamW(network.parameters(), rate, weight_decay=decay)


def _averaging(decay: float) -> Callable[..., None]:
    """Exponential moving average that forgets faster while young, so that the first weights do not linger."""

    def update(averages: list[Tensor], values: list[Tensor], updates: Tensor | int) -> None:
        seen = float(updates)
        follow = get_ema_multi_avg_fn(min(decay, (1.0 + seen) / (10.0 + seen)))  # type: ignore[no-untyped-call]
        follow(averages, values, updates)

    return update


def _learning_rate(settings: Training, epoch: float) -> float:
    """Linear warm-up, then half a cosine down to nothing."""
    if epoch < settings.warmup_epochs:
        return settings.learning_rate * (epoch + 0.01) / settings.warmup_epochs
    share = (epoch - settings.warmup_epochs) / max(settings.epochs - settings.warmup_epochs, 1e-9)
    return settings.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


def _loader(fabric: Fabric, examples: Mixes, settings: Training) -> Any:
    ahead = 2 if settings.workers else None
    loader = DataLoader(examples, settings.batch, num_workers=settings.workers, prefetch_factor=ahead)
    return fabric.setup_dataloaders(loader)


def _score(
    model: nn.Module, x: Tensor, target: Tensor, weight: Tensor, recipe: Recipe
) -> tuple[Tensor, Tensor]:
    """Logits and loss, the lookahead taken off: row t of the output is the mask of frame t - lookahead."""
    late = recipe.network.lookahead_frames
    logits, _ = model(x.to(memory_format=torch.channels_last))
    logits = logits[:, late:].float()
    kept = target.shape[1] - late
    return logits, mask_loss(recipe.training.loss, logits, target[:, :kept], weight[:, :kept])


def _count(scores: MaskScores, logits: Tensor, target: Tensor, weight: Tensor, recipe: Recipe) -> None:
    kept = target.shape[1] - recipe.network.lookahead_frames
    probability = torch.sigmoid(logits.detach())
    arrays = (a.cpu().numpy() for a in (probability, target[:, :kept], weight[:, :kept]))
    scores.add(*arrays)


@torch.no_grad()
def _validate(network: nn.Module, loader: Any, recipe: Recipe) -> tuple[float, MaskScores]:
    network.eval()
    scores, losses = MaskScores(), []
    for x, target, weight in loader:
        logits, loss = _score(network, x, target, weight, recipe)
        losses.append(loss.item())
        _count(scores, logits, target, weight, recipe)
    return float(np.mean(losses)), scores


def _record(out: Path, writer: SummaryWriter, history: list[Epoch]) -> None:
    row = history[-1]
    for name in ("loss", "iou"):
        values = {split: getattr(row, f"{split}_{name}") for split in ("train", "validation")}
        writer.add_scalars(name, values, row.epoch)
    writer.add_scalar("learning_rate", row.learning_rate, row.epoch)
    writer.flush()
    (out / "history.json").write_text(json.dumps([vars(e) for e in history], indent=1))
    draw_curves(out / "curves.png", [vars(e) for e in history])


def _save_state(
    out: Path,
    recipe: Recipe,
    network: nn.Module,
    optimizer: Any,
    average: AveragedModel,
    history: list[Epoch],
) -> None:
    state = {
        "recipe": recipe.as_table(),
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "average": average.state_dict(),
        "history": [vars(e) for e in history],
    }
    torch.save(state, out / "last.pt.part")
    (out / "last.pt.part").replace(out / "last.pt")


def _resume(
    out: Path, recipe: Recipe, network: nn.Module, optimizer: Any, average: AveragedModel
) -> list[Epoch]:
    path = out / "last.pt"
    if not path.is_file():
        raise DataError(f"{out} holds no last.pt to resume from; leave out --resume to begin")
    try:
        state = torch.load(path, weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        raise DataError(f"{path} is damaged and cannot be resumed; begin anew with another --out") from error
    if recipe_from_table(state["recipe"], str(path)).network != recipe.network:
        raise DataError(
            f"{path} is of another network than recipe {recipe.name}; give its own recipe, or another --out"
        )
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    average.load_state_dict(state["average"])
    return [Epoch(**row) for row in state["history"]]
