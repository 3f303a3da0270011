"""birdedge gives the same results on ARM as on x86. ARM is emulated, so speed is not measured."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from benchmarks.support.arm_boards import BOARDS
from benchmarks.support.emulated_arm import (
    HERE,
    Outputs,
    compare_masks,
    install_bytes,
    process_recording,
    resident,
    run,
    unavailable,
    write_demo,
)

DEMO_S = 14.0
LISTEN_LIMIT_BYTES = 110e6
INSTALL_LIMIT_BYTES = 200e6

emulated = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("aarch64") / "demo.wav", DEMO_S)


@pytest.fixture(scope="module")
def on_x86(sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    return process_recording(HERE, sound, tmp_path_factory.mktemp("x86"))


@pytest.fixture(scope="module", params=[board.cpu for board in BOARDS])
def cpu(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def on_arm(cpu: str, sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    return process_recording(cpu, sound, tmp_path_factory.mktemp(cpu))


@emulated
def test_masks_equal_those_of_x86_bit_for_bit(on_arm: Outputs, on_x86: Outputs) -> None:
    assert compare_masks(on_arm.mask, on_x86.mask).max_difference == 0
    assert on_x86.mask.max() > 200


@emulated
def test_events_equal_those_of_x86(on_arm: Outputs, on_x86: Outputs) -> None:
    assert len(on_x86.listened) >= 3
    assert on_arm.listened == on_arm.segmented == on_x86.listened


@emulated
# Without and with dot products: the only difference between the three processors that int8 networks use.
@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a76"], scope="function")
def test_the_networks_give_the_outputs_of_x86_as_a_stream_and_offline(cpu: str, tmp_path: Path) -> None:
    printed = tmp_path / "verify"
    with printed.open("wb") as file:
        run(cpu, "-m", "birdedge", "verify", "birdedge-int8", "birdedge-int8-s8", stdout=file)
    lines = printed.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4
    # No bit differs, with uint8 or int8 activations: both models give the outputs recorded at export.
    assert all(line.startswith("ok") and "maximum difference 0.0e+00" in line for line in lines), lines


@emulated
def test_listening_stays_under_110_mb_resident_without_the_emulator(on_arm: Outputs) -> None:
    peak = on_arm.resident
    print(f"{peak.program_bytes / 1e6:.0f} MB, with the emulator {peak.whole_bytes / 1e6:.0f} MB")
    assert 30e6 < peak.program_bytes < LISTEN_LIMIT_BYTES


@emulated
def test_the_memory_of_the_program_is_counted_without_the_emulator() -> None:
    empty, full = (
        run(BOARDS[0].cpu, "-c", f"x = b'1' * {size}; import time; time.sleep(0.5)")
        for size in (1, 50_000_000)
    )
    assert full.program_bytes - empty.program_bytes == pytest.approx(50e6, abs=1e6)
    # Python without a program takes about 11 MB on real hardware.
    assert 5e6 < empty.program_bytes < 20e6 < empty.whole_bytes


@emulated
def test_the_packages_of_a_recorder_take_at_most_200_mb() -> None:
    print(f"{install_bytes() / 1e6:.0f} MB")
    assert 50e6 < install_bytes() <= INSTALL_LIMIT_BYTES


@emulated
def test_a_command_that_fails_under_emulation_is_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run(BOARDS[0].cpu, "-c", "raise SystemExit(3)")


def test_comparing_masks_counts_bins_and_steps_in_both_directions() -> None:
    a, b = np.full((2, 10, 256), 100, np.uint8)
    b[3, 4], b[7, 8] = 99, 255
    assert compare_masks(a, a).share == compare_masks(a, a).max_difference == 0
    assert compare_masks(a, b) == compare_masks(b, a)
    assert compare_masks(a, b).share == 2 / 2560
    assert compare_masks(a, b).max_difference == 155


def test_mappings_of_the_emulator_do_not_count_for_the_program() -> None:
    mappings = {
        "00400000-00500000 r--p 00000000 fe:00 1    /root/usr/bin/python3.11": 1,
        "00a5f000-02140000 rw-p 00000000 00:00 0 ": 10,  # it grew, so it is listed twice
        "00a5f000-02150000 rw-p 00000000 00:00 0 ": 100,
        "555550000000-555551000000 rw-p 00000000 00:00 0    [heap]": 1000,
        "7f0000000000-7f0001000000 rwxp 00000000 00:00 0 ": 10_000,
        "7f0002000000-7f0003000000 r--p 00000000 fe:00 2    /usr/bin/qemu-aarch64-static": 100_000,
    }
    smaps = "".join(f"{line}\nSize: 4096 kB\nRss:  {kb} kB\nPss: 7 kB\n" for line, kb in mappings.items())
    found = resident(smaps)
    assert found.whole_bytes == 1024 * 111_101
    assert found.program_bytes == 1024 * 101
