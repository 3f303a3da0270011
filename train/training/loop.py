"""The training loop: mix, step, average, validate, keep the best."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader, Dataset
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from birdedge.edge.errors import DataError, SettingsError
from birdedge.train.data.augmentation import augment
from birdedge.train.data.bird_sounds_denoising import (
    is_bird_sounds_denoising,
    picture_examples,
    picture_recipe,
)
from birdedge.train.data.examples import Batch, mixed_examples
from birdedge.train.networks.registry import build_network
from birdedge.train.training.checkpoint import load_checkpoint, save_checkpoint
from birdedge.train.training.curves import draw_curves
from birdedge.train.training.distillation import load_teachers, mean_probability
from birdedge.train.training.hardware import compiled, fastest_precision
from birdedge.train.training.losses import mask_loss, teacher_loss
from birdedge.train.training.metrics import STEPS, MaskScores
from birdedge.train.training.optimization import averaging, learning_rate, make_optimizer
from birdedge.train.training.recipe import Recipe, Training, recipe_from_table

SHOWN_EVERY = 50  # steps: each look at a loss makes an accelerator wait


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
    cache: Path | None = None,
    from_images: bool = False,
    teachers: Sequence[Path] = (),
) -> Path:
    """Trains and returns the path of the best checkpoint, `out/best.safetensors`.

    Beside it: `last.pt` (all that `resume` needs), `history.json`, `curves.png` and TensorBoard's files.
    `start` is a checkpoint whose weights to begin with; what it was trained on goes into the new one's facts too.
    `cache` is a file that keeps examples mixed once, for the runs that come after. A folder in the layout of
    BirdSoundsDenoising gives pictures instead of mixes, drawn from its sounds or, with `from_images`, its own.
    `teachers` are the checkpoints that a recipe with a `teacher_share` learns from beside the labels.
    """
    pictures = is_bird_sounds_denoising(data)
    if pictures:
        recipe = picture_recipe(recipe)
    if pictures and (tier or cache):
        raise SettingsError(
            f"{data} is BirdSoundsDenoising, neither open nor mixed; leave out --tier and --cache"
        )
    if from_images and not pictures:
        raise SettingsError(f"{data} is not BirdSoundsDenoising and has no pictures; leave out --images")
    settings = recipe.training
    begun = load_checkpoint(start) if start is not None else None
    if begun is not None and begun.recipe.network != recipe.network:
        raise DataError(
            f"{start} holds another network than recipe {recipe.name}; leave out --from, or change [network]"
        )
    masters = load_teachers(teachers, recipe)
    if (out / "last.pt").exists() and not resume:
        raise DataError(f"{out} holds a run already; give another --out, or --resume to go on with it")
    precision = fastest_precision() if settings.precision == "auto" else settings.precision
    fabric = Fabric(precision=precision)  # type: ignore[arg-type]
    fabric.launch()
    fabric.seed_everything(settings.seed, verbose=False)
    say(f"recipe {recipe.name}, seed {settings.seed}, device {fabric.device}, precision {precision}")

    if pictures:
        examples = picture_examples(recipe, data, from_images, say)
    else:
        examples = mixed_examples(recipe, data, tier, cache, say)
    network = build_network(recipe.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if begun is not None:
        network.load_state_dict(begun.network.state_dict())
    optimizer = make_optimizer(settings, network)
    model, fitted = fabric.setup(network, optimizer)
    tell = [fabric.setup_module(t.network).to(memory_format=torch.channels_last) for t in masters]
    average = AveragedModel(network, multi_avg_fn=averaging(settings.average_decay), use_buffers=True)
    history: list[Epoch] = []
    if resume:
        history = _resume(out, recipe, network, optimizer, average)
    best_path = out / "best.safetensors"
    before = load_checkpoint(best_path) if resume and best_path.exists() else begun
    earlier: list[dict[str, Any]] = []
    for checkpoint in (*masters, *([before] if before is not None else [])):
        facts = checkpoint.facts.get("training_data", [])
        earlier += [d for d in facts if d not in earlier and d not in examples.training_data]
    out.mkdir(parents=True, exist_ok=True)
    (out / "recipe.json").write_text(json.dumps(recipe.as_table(), indent=1))
    writer = SummaryWriter(str(out))
    validation = _loader(fabric, examples.validation, settings)
    stepped = model
    if settings.compile:
        stepped = compiled(fabric, model, next(iter(validation)), say)
    for epoch in range(len(history) + 1, settings.epochs + 1):
        loader = _loader(fabric, examples.of_epoch(epoch), settings)
        counts, losses = torch.zeros(2, STEPS, dtype=torch.int64, device=fabric.device), []
        torch.manual_seed(settings.seed + epoch)  # so that dropout does not know of a pause
        model.train()
        bar = tqdm(loader, desc=f"epoch {epoch}/{settings.epochs}")
        for step, batch in enumerate(bar):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(settings, epoch - 1 + step / len(loader))
            x, target, weight = augment(batch, recipe.augmentation)
            logits, loss = _score(stepped, x, target, weight, recipe)
            if tell:
                share = settings.teacher_share
                loss = (1 - share) * loss + share * teacher_loss(logits, mean_probability(tell, x), weight)
            fabric.backward(loss)
            fabric.clip_gradients(model, fitted, max_norm=5.0)
            fitted.step()
            fitted.zero_grad(set_to_none=True)
            average.update_parameters(network)
            losses.append(loss.detach())
            counts += _counted(logits, target, weight)
            if step % SHOWN_EVERY == 0:
                recent = _mean(losses[-SHOWN_EVERY:])
                bar.set_postfix(loss=f"{recent:.3f}", iou=f"{_scores(counts).iou(0.5):.3f}")
        best = average.module if settings.average_decay else network
        validation_loss, found = _validate(best, validation, recipe)
        row = Epoch(
            epoch,
            _mean(losses),
            _scores(counts).iou(0.5),
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
            facts = {
                **vars(row),
                "training_data": [*earlier, *examples.training_data],
            }
            save_checkpoint(best_path, best.state_dict(), recipe, facts)
        _save_state(out, recipe, network, optimizer, average, history)
        if epoch - leader.epoch >= settings.patience:
            say(f"no better validation IoU for {settings.patience} epochs: stopped early")
            break
    writer.close()
    return best_path


def _loader(fabric: Fabric, examples: Dataset[Batch], settings: Training) -> Any:
    workers = min(settings.workers, os.cpu_count() or 1)
    ahead = 2 if workers else None
    loader = DataLoader(examples, settings.batch, num_workers=workers, prefetch_factor=ahead)
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


def _counted(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """As `MaskScores.add` counts, but where the tensors are: background and bird, `[2, 256]`."""
    kept = logits.shape[1]
    step = torch.round(torch.sigmoid(logits.detach()) * (STEPS - 1)).long()
    of_bird = step + STEPS * target[:, :kept].bool()
    return torch.bincount(of_bird[weight[:, :kept].bool()], minlength=2 * STEPS).view(2, STEPS)


def _scores(counts: Tensor) -> MaskScores:
    scores = MaskScores()
    scores.background, scores.bird = counts.cpu().numpy()
    return scores


def _mean(losses: list[Tensor]) -> float:
    return float(np.mean(torch.stack(losses).double().cpu().numpy()))


@torch.no_grad()
def _validate(network: nn.Module, loader: Any, recipe: Recipe) -> tuple[float, MaskScores]:
    network.eval()
    counts, losses = [], []
    for x, target, weight in loader:
        logits, loss = _score(network, x, target, weight, recipe)
        losses.append(loss)
        counts.append(_counted(logits, target, weight))
    return _mean(losses), _scores(torch.stack(counts).sum(dim=0))


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
