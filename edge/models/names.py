"""Names of the bundled models; needs no onnxruntime."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from birdedge.edge.errors import ModelFileError, ModelMissingError

DEFAULT_MODEL = "birdedge-int8"
ARCHIVE_MODEL = (
    "birdedge-int8-256"  # the same results in longer calls: faster on files, too late for live audio
)
LIGHT_MODEL = "birdedge-light-int8"  # frames of 16 ms at half the cost, in long calls; misses more events
SMALL_MODEL = "birdedge-small-int8"  # on the grid of the default, for a recorder that is too slow for it


def bundled_models() -> dict[str, Path]:
    """Return the files of the bundled models by name."""
    folder = resources.files("birdedge.edge.models") / "bundled"
    return {p.name.removesuffix(".onnx"): Path(str(p)) for p in folder.iterdir() if p.name.endswith(".onnx")}


def find_model(name_or_path: str | Path) -> Path:
    """Return the path of a model file, given by path or by the name of a bundled model.

    A file in the working folder never replaces the bundled model of its name: give `./NAME` for such a file.

    Raises:
        ModelMissingError: There is no such file and no such bundled model.
        ModelFileError: The path is a folder.
    """
    path = Path(name_or_path)
    bundled = bundled_models()
    if str(name_or_path) in bundled:
        return bundled[str(name_or_path)]
    if path.is_file():
        return path
    if path.is_dir():
        raise ModelFileError(f"{path} is a directory; give an .onnx file")
    raise ModelMissingError(
        f"there is no model {str(name_or_path)!r}; give the path of an .onnx file or one of "
        f"{', '.join(sorted(bundled)) or '(none is bundled)'}"
    )
