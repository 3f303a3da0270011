"""`birdedge demo` writes a reproducible soundscape and its true events."""

from tests.support.commands import birdedge


def test_a_seed_gives_the_same_audio_and_its_true_events(demo, tmp_path):
    birdedge("demo", tmp_path / "again.wav", "--duration", 20, cwd=tmp_path)
    assert (tmp_path / "again.wav").read_bytes() == demo.read_bytes()
    truth = (tmp_path / "again.truth.csv").read_text(encoding="utf-8").splitlines()
    assert truth[0] == "onset_s,offset_s,low_hz,high_hz,kind"
    assert len(truth) >= 4


def test_another_seed_gives_other_audio(demo, tmp_path):
    birdedge("demo", tmp_path / "other.wav", "--duration", 20, "--seed", 21, cwd=tmp_path)
    assert (tmp_path / "other.wav").read_bytes() != demo.read_bytes()
