"""The wheel contains every file, and runs in an environment without the training packages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from birdedge.edge.models.checked_model import check_model

ROOT = Path(__file__).parents[1]
FOLDERS = ("birdedge", "edge", "train", "export")
WORKSTATION_ONLY = ("torch", "onnx", "onnxscript", "scipy", "matplotlib", "tensorboard", "lightning_fabric")


def source_files() -> set[str]:
    """Return every file in the four folders by its name in the package; the links in birdedge/ are not followed."""
    files = set()
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*"):
            # Notes on the source (.md) are not part of the package.
            if path.is_file() and path.parent.name != "__pycache__" and path.suffix != ".md":
                name = path.relative_to(ROOT)
                files.add(str(name if folder == "birdedge" else "birdedge" / name))
    return files


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command as a user without a checkout, and return its standard output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # A copy, so that files of an earlier build in the checkout are not included.
    source = folder / "source"
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, symlinks=True)
    shutil.copytree(ROOT / "LICENSES", source / "LICENSES")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "MODEL_CARD.md"):
        shutil.copy(ROOT / name, source)
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, source, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def recorder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with only the wheel and its requirements, without pip."""
    environment = tmp_path_factory.mktemp("recorder")
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=environment)
    pip = (sys.executable, "-m", "pip", "--python", environment / "bin" / "python")
    run(*pip, "install", "--constraint", ROOT / "constraints.txt", wheel, cwd=environment)
    return environment


def test_the_packages_list_names_every_folder_with_a_file() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    folders = {str(Path(name).parent).replace("/", ".") for name in source_files()}
    assert sorted(settings["tool"]["setuptools"]["packages"]) == sorted(folders)


def test_the_wheel_contains_every_file_of_the_four_folders_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        contained = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert contained == source_files()


@pytest.mark.parametrize(
    "pattern", ["edge/models/bundled/*.onnx", "train/recipes/*.toml", "train/weights/*.safetensors"]
)
def test_the_wheel_contains_models_recipes_and_weights(wheel: Path, pattern: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert any(Path(name).match(f"birdedge/{pattern}") for name in archive.namelist())


def test_the_wheel_states_the_licences_of_code_and_weights_and_contains_them(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (folder,) = {name.partition("/")[0] for name in archive.namelist() if ".dist-info/" in name}
        metadata = archive.read(f"{folder}/METADATA").decode()
        texts = {
            name.removeprefix(f"{folder}/licenses/"): archive.read(name).decode()
            for name in archive.namelist()
            if name.startswith(f"{folder}/licenses/")
        }
    weights = "LICENSES/LicenseRef-birdedge-research-weights.txt"
    assert "License-Expression: Apache-2.0 AND LicenseRef-birdedge-research-weights\n" in metadata
    assert set(texts) == {"LICENSE", "NOTICE", "MODEL_CARD.md", weights}
    assert "non-commercial" in texts[weights]
    assert all(
        name in texts["NOTICE"] for name in ("soxr (LGPL-2.1-or-later)", "libsndfile (LGPL-2.1-or-later)")
    )
    for model in (ROOT / "edge" / "models" / "bundled").glob("*.onnx"):
        for row in check_model(model).card.training_data:  # the attribution
            assert f"| {row['source']} |" in texts["MODEL_CARD.md"]


def test_the_recorder_part_is_at_most_200_mb_and_has_no_torch(recorder: Path) -> None:
    find = "import importlib.util as u, sys; print(*(n for n in sys.argv[1:] if u.find_spec(n)))"
    assert run(recorder / "bin" / "python", "-c", find, *WORKSTATION_ONLY, cwd=recorder).split() == []
    (packages,) = recorder.glob("lib/python*/site-packages")
    assert sum(path.stat().st_size for path in packages.rglob("*") if path.is_file()) <= 200e6


def test_the_installed_wheel_shows_its_version_and_commands(
    recorder: Path, wheel: Path, tmp_path: Path
) -> None:
    version = wheel.name.split("-")[1]
    assert version in run(recorder / "bin" / "birdedge", "--version", cwd=tmp_path).split()
    assert "listen" in run(recorder / "bin" / "birdedge", "--help", cwd=tmp_path)


def test_the_installed_wheel_finds_events_in_the_demo(recorder: Path, tmp_path: Path) -> None:
    printed = run(
        recorder / "bin" / "birdedge", "listen", "--demo", "--fast", "--duration", "10", cwd=tmp_path
    )
    events = [json.loads(line) for line in printed.splitlines()]
    assert len(events) >= 1
    for event in events:
        # The last frame may extend beyond the last sample.
        assert 0 <= event["onset_s"] < event["offset_s"] < 10 + 0.02
        assert 0 < event["low_hz"] < event["high_hz"] <= 16_000


def test_importing_every_module_of_edge_loads_no_training_package() -> None:
    script = (
        "import importlib, pkgutil, sys, birdedge.cli, birdedge.edge\n"
        "for module in pkgutil.walk_packages(birdedge.edge.__path__, 'birdedge.edge.'):\n"
        "    importlib.import_module(module.name)\n"
        "print(*sys.modules)\n"
    )
    loaded = run(sys.executable, "-c", script, cwd=ROOT).split()
    assert "birdedge.edge.pipeline.spectrogram" in loaded
    assert [name for name in loaded if name in WORKSTATION_ONLY or name.startswith("birdedge.train")] == []
