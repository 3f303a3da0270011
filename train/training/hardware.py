"""What this machine computes fastest: the precision of the numbers, and compiled steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from lightning_fabric import Fabric

from birdedge.train.data.examples import Batch


def fastest_precision() -> str:
    """bf16 where the hardware computes it; a processor that only emulates it takes ten times as long as in fp32."""
    if torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return "bf16-mixed" if native else "32-true"


def compiled(fabric: Fabric, model: Any, batch: Batch, say: Callable[[str], None]) -> Any:
    """`model` compiled for steps on such batches, or as it is where that fails; its weights stay as they are."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    faster: Any = torch.compile(model)
    try:
        logits, _ = faster(batch[0].to(memory_format=torch.channels_last))
        fabric.backward(logits.float().mean())
    except Exception as error:  # each stage of the compiler has its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        say(f"torch.compile failed ({reason}); going on without it, at the plain speed")
        faster = model
    model.zero_grad(set_to_none=True)
    model.load_state_dict(before)
    return faster
