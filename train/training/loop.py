"""The training loop: mix, step, average, validate, keep the best."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from birdedge.edge.errors import DataError
from birdedge.train.data.augmentation import augment
from birdedge.train.data.batch import Batch
from birdedge.train.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from birdedge.train.training.distillation import load_teachers
from birdedge.train.training.epoch import Epoch, EpochScores
from birdedge.train.training.hardware import fastest_precision
from birdedge.train.training.history import History
from birdedge.train.training.learner import Learner, run_batch
from birdedge.train.training.optimization import learning_rate
from birdedge.train.training.recipe import Recipe, Training
from birdedge.train.training.resume import load_state, save_state
from birdedge.train.training.run import TrainingRun, adapted_to_data, load_examples, load_initial

STEPS_PER_UPDATE = 50  # of the progress bar: reading a loss makes an accelerator wait


def train(run: TrainingRun) -> Path:
    """Train a network and return the path of its best checkpoint.

    The folder of the run also gets recipe.json, history.json, curves.png, TensorBoard's files, and last.pt to resume
    from.

    Raises:
        SettingsError: Recipe, data and options do not fit together.
        DataError: The data cannot be used, or the folder cannot be resumed or already holds a run.
        ModelError: The initial checkpoint or a teacher cannot be read.
        OutputError: The checkpoint or the cache cannot be written.
    """
    run = adapted_to_data(run)
    recipe, settings = run.recipe, run.recipe.training
    initial, teachers = load_initial(run), load_teachers(run.teachers, recipe)
    if not run.resume and not run.force and any(os.path.lexists(path) for path in run.results):
        raise DataError(
            f"{run.folder} already holds a run; give another --out, --resume to continue it, or --force to replace it"
        )
    fabric = _start_fabric(run)
    examples = load_examples(run, teachers)
    learner = Learner(fabric, recipe, initial, teachers)
    epochs = load_state(run.last, recipe, learner) if run.resume else []
    if run.resume and run.best.exists():
        initial = load_checkpoint(run.best)
    sources = _all_training_data([*teachers, *([initial] if initial else [])], examples.training_data)
    run.folder.mkdir(parents=True, exist_ok=True)
    if not run.resume:
        for (
            path
        ) in run.results:  # so that nothing continues the earlier run if this one stops in its first epoch
            path.unlink(missing_ok=True)
    (run.folder / "recipe.json").write_text(json.dumps(recipe.as_table(), indent=1))
    validation = _loader(fabric, examples.validation, settings)
    if settings.compile:
        learner.compile(next(iter(validation)), run.say)
    with History(run.folder, epochs) as history:
        for epoch in range(len(epochs) + 1, settings.epochs + 1):
            mixes = _loader(fabric, examples.of_epoch(epoch), settings)
            trained = _train_epoch(learner, mixes, epoch, recipe)
            validated = _validate(learner.best_weights, validation, recipe)
            row = _epoch(epoch, trained, validated, learner.learning_rate)
            run.say(str(row))
            history.append(row)
            if history.best is row:
                facts = {**vars(row), "training_data": sources}
                save_checkpoint(run.best, learner.best_weights.state_dict(), recipe, facts)
            save_state(run.last, recipe, learner, history.epochs)
            if history.epochs_since_best >= settings.patience:
                run.say(f"no better score for {settings.patience} epochs: stopped early")
                break
    return run.best


def _train_epoch(learner: Learner, loader: Any, epoch: int, recipe: Recipe) -> EpochScores:
    scores = EpochScores()
    torch.manual_seed(recipe.training.seed + epoch)  # dropout is the same after a pause
    learner.train_mode()
    progress = tqdm(loader, desc=f"epoch {epoch}/{recipe.training.epochs}")
    for step, loaded in enumerate(progress):
        batch: Batch = augment(loaded, recipe.augmentation)
        rate = learning_rate(recipe.training, epoch - 1 + step / len(loader))
        logits, loss = learner.step(batch, rate)
        scores.add(loss, logits, batch.target, batch.weight)
        if step % STEPS_PER_UPDATE == 0:
            recent_loss, iou = scores.mean_loss(STEPS_PER_UPDATE), scores.mask_scores().iou(0.5)
            progress.set_postfix(loss=f"{recent_loss:.3f}", iou=f"{iou:.3f}")
    return scores


@torch.no_grad()
def _validate(network: nn.Module, loader: Any, recipe: Recipe) -> EpochScores:
    scores = EpochScores()
    network.eval()
    for batch in loader:
        logits, _, regions, loss = run_batch(network, batch, recipe)
        scores.add(loss, logits, batch.target, batch.weight)
        if regions is not None:
            scores.regions.add(regions)
    return scores


def _epoch(number: int, trained: EpochScores, validated: EpochScores, rate: float) -> Epoch:
    found = validated.mask_scores()
    return Epoch(
        epoch=number,
        train_loss=trained.mean_loss(),
        train_iou=trained.mask_scores().iou(0.5),
        validation_loss=validated.mean_loss(),
        validation_iou=found.iou(found.best_threshold()),
        validation_auc=validated.regions.auc(),
        threshold=found.cautious_threshold(),
        learning_rate=rate,
    )


def _start_fabric(run: TrainingRun) -> Fabric:
    """Return Lightning Fabric on the fastest device, with all random generators seeded."""
    settings = run.recipe.training
    precision = fastest_precision() if settings.precision == "auto" else settings.precision
    fabric = Fabric(precision=precision)  # type: ignore[arg-type]
    fabric.launch()
    fabric.seed_everything(settings.seed, verbose=False)
    run.say(f"recipe {run.recipe.name}, seed {settings.seed}, device {fabric.device}, precision {precision}")
    return fabric


def _loader(fabric: Fabric, examples: Dataset[Batch], settings: Training) -> Any:
    workers = min(settings.workers, os.cpu_count() or 1)
    prefetched = 2 if workers else None
    loader = DataLoader(examples, settings.batch, num_workers=workers, prefetch_factor=prefetched)
    return fabric.setup_dataloaders(loader)


def _all_training_data(checkpoints: Sequence[Checkpoint], own: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the training data of other checkpoints, each entry once, followed by the run's own."""
    earlier: list[dict[str, Any]] = []
    for checkpoint in checkpoints:
        listed = checkpoint.facts.get("training_data", [])
        earlier += [entry for entry in listed if entry not in earlier and entry not in own]
    return [*earlier, *own]
