"""Settings for the speed of this machine: numeric precision and compiled steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from lightning_fabric import Fabric

from birdedge.train.data.batch import Batch


def fastest_precision() -> str:
    """Return bf16 if the hardware computes it, else fp32: emulated bf16 takes ten times as long."""
    if torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return "bf16-mixed" if native else "32-true"


def compile_model(fabric: Fabric, model: Any, batch: Batch, say: Callable[[str], None]) -> Any:
    """Return `model` compiled for training steps, or unchanged if that fails; its weights do not change."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    compiled: Any = torch.compile(model)
    try:
        logits, _, _ = compiled(batch[0].to(memory_format=torch.channels_last))
        fabric.backward(logits.float().mean())
    except Exception as error:  # each stage of the compiler has its own class
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        say(f"torch.compile failed ({reason}); continuing without it at normal speed")
        compiled = model
    model.zero_grad(set_to_none=True)
    model.load_state_dict(before)
    return compiled
