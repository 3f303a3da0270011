"""`birdedge plot` draws a part of a recording."""

from tests.support.commands import birdedge


def test_plot_writes_a_png_named_after_the_recording(demo, tmp_path):
    output, _ = birdedge("plot", demo, "--start", 2, "--duration", 5, cwd=tmp_path)
    assert output.startswith("demo.png: ")
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG\r\n")
