"""Sound banks of synthetic sounds."""

from __future__ import annotations

from dataclasses import replace

from birdedge.edge.synthesis.soundscape import soundscape
from birdedge.train.data.labels import focal_mask
from birdedge.train.data.mixing_settings import Mixing
from birdedge.train.data.sound_bank import FocalRecording, IsolatedBird, Noise, SoundBank, to_int16
from birdedge.train.data.stft import magnitude
from tests.support.signals import RATE_HZ
from tests.support.tones import sine

MIXING = Mixing(frames=256)
MIXED = replace(MIXING, as_recorded=0.0, empty=0.0)
# Recorded noise and isolated birds, unchanged.
PLAIN = replace(MIXED, synthetic_bird=0.0, synthetic_noise=0.0, reverb=0.0, distance=0.0, pitch_octaves=0.0)


def calls_and_wind() -> SoundBank:
    """Return isolated calls, calls as recorded, and wind, all synthetic."""
    bank = SoundBank()
    for seed in range(4):
        scene = soundscape(4.0, seed, 15, (28.0, 32.0), wind_db=None, insects_db=None)
        (truth,) = scene.truths
        phrase = int(truth.onset_s * 32_000), int(truth.offset_s * 32_000)
        bank.isolated_birds.append(IsolatedBird(to_int16(scene.calls_alone), [phrase]))
        bank.focal_recordings.append(
            FocalRecording(to_int16(scene.samples), *focal_mask(magnitude(scene.samples)))
        )
        noise = Noise(to_int16(soundscape(4.0, seed + 10, 0).noise_alone), "weather", None)
        bank.noises["wind"].append(noise)
    return bank


def a_bird(frequency_hz: float) -> IsolatedBird:
    """Return a tone of 0.5 s as a bird."""
    return IsolatedBird(to_int16(sine(frequency_hz, -10.0, 0.5, RATE_HZ)), [(0, RATE_HZ // 2)])


def humming(frequency_hz: float, sound_class: str | None) -> Noise:
    """Return a tone as a noise."""
    return Noise(to_int16(sine(frequency_hz, -20.0, rate_hz=RATE_HZ)), sound_class, None)


def a_bank(**noises: list[Noise]) -> SoundBank:
    """Return a bank of noises, by kind."""
    return SoundBank(noises=noises)
