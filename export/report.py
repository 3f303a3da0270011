"""The measurements of an export as Markdown."""

from __future__ import annotations

from birdedge.export.export import Exported

MEANING = {
    "torch_to_onnx": "torch on whole sequences and the ONNX graph as a stream",
    "fp32_stream_to_offline": "fp32 in calls of different lengths and in long calls",
    "int8_stream_to_offline": "int8 in calls of different lengths and in long calls",
}


def report_page(exported: Exported) -> str:
    """Return the report of an export: files, equality, accuracy and speed."""
    card = next(iter(exported.cards.values()))
    report = card.quantization
    lines = [
        f"# {card.name}",
        "",
        f"{card.precision}, {card.chunk_frames} frames per call, {card.licence}.",
        "",
    ]
    lines += [
        "| file | precision | frames per call | kB | million multiply-accumulates per second |",
        "|---|---|---|---|---|",
    ]
    for file, each in exported.cards.items():
        size_kb = file.stat().st_size / 1000
        lines.append(
            f"| {file.name} | {each.precision} | {each.chunk_frames} | {size_kb:.0f} | {each.macs_per_s / 1e6:.0f} |"
        )
    lines += [
        "",
        "## Equality",
        "",
        "Maximum difference of probability on a soundscape, silence, clipping and full-scale noise.",
        "",
    ]
    lines += [f"- {meaning}: {report[key]:.1e}" for key, meaning in MEANING.items() if key in report]
    if compared := report.get("int8_against_fp32"):
        lines += [
            "",
            "## int8 against fp32",
            "",
            f"Calibrated on {report['calibration']}; weights {report['weights']}. "
            f"{compared['recordings']} clips, 95 % paired bootstrap interval of the difference.",
            "",
            "| figure | fp32 | int8 | difference | interval |",
            "|---|---|---|---|---|",
        ]
        for name, values in compared.items():
            if name != "recordings":
                low, high = values["interval"] or (None, None)
                shown = (values["fp32"], values["int8"], values["difference"])
                lines.append(
                    f"| {name.replace('_', ' ')} | {' | '.join(map(str, shown))} | {low} to {high} |"
                )
    if speed := exported.speed:
        lines += [
            "",
            f"CPU time of the network alone in alternating runs on this machine: fp32 {speed.fp32_ms_per_s:.2f} ms and "
            f"int8 {speed.int8_ms_per_s:.2f} ms per second of audio; int8 is {speed.times_faster:.2f} times as fast. "
            "`birdedge bench` measures it on the recorder.",
        ]
    if card.figures:
        lines += ["", "## Accuracy", ""]
        for section, values in card.figures.items():
            if isinstance(values, dict) and "iou" in values:
                lines.append(
                    f"- {section.replace('_', ' ')}: IoU {values['iou']} ({values.get('iou_interval')})"
                )
    return "\n".join([*lines, ""])
