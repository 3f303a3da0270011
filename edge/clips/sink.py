"""The clips of one stream, as a sink."""

from __future__ import annotations

from birdedge.edge.clips.cutter import ClipCutter
from birdedge.edge.clips.privacy import PrivacyFilter
from birdedge.edge.messages import FramesReady, Message, StreamEnded


class ClipSink:
    """A sink that feeds a `ClipCutter` with audio, masks and events, and a `PrivacyFilter` with voices."""

    def __init__(self, cutter: ClipCutter, privacy: PrivacyFilter | None = None) -> None:
        self._cutter, self._privacy = cutter, privacy

    def write(self, message: Message) -> None:
        """Take the next step of the pipeline; at the end of the stream, cut the remaining clips."""
        match message:
            case FramesReady(output=output, lost_samples=0):
                self._cutter.push(message.audio, output.mask, output.events)
            case FramesReady(output=output, lost_samples=lost_samples):
                self._cutter.gap(lost_samples, output.mask, output.events, output.empty_frames)
            case StreamEnded():
                self._cutter.end()
            case _:
                return
        if self._privacy is not None:
            if isinstance(message, FramesReady):
                self._privacy.push(message.output.voice, message.output.empty_frames)
            else:
                self._privacy.end()

    def close(self) -> None:
        """Do nothing: the clips belong to their writer, which outlives the stream."""
