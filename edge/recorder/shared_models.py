"""The models of all sources of a recorder: a model that several sources use is opened once."""

from __future__ import annotations

import copy
import threading
from dataclasses import replace
from weakref import WeakValueDictionary

from onnxruntime import InferenceSession

from birdedge.edge.models.model import Model
from birdedge.edge.models.names import find_model


class SharedModels:
    """Opens models, from any thread. All users of a model file share its session.

    The session does not hold the state of a stream, so several threads may call it at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: WeakValueDictionary[tuple[object, ...], InferenceSession] = WeakValueDictionary()
        self._models: dict[tuple[object, ...], Model] = {}  # without their sessions

    def open(self, name_or_path: str, min_score: float | None = None) -> Model:
        """Return a model by the name of a bundled model or the path of a model file.

        Args:
            name_or_path: The name or path.
            min_score: The minimum score of its events; None for the model's own.

        Raises:
            ModelError: It cannot be used.
        """
        path = find_model(name_or_path)
        now = path.stat()
        key = path, now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns  # a new file is a new model
        with self._lock:
            session = self._sessions.get(key)
            if session is None:
                model = Model(name_or_path)
                self._sessions[key] = model.session
                self._models[key] = copy.copy(model)
                del self._models[key].session
            else:
                model = copy.copy(self._models[key])
                model.session = session
        model.set_min_score(min_score)
        return model

    def open_fallback(self, name: str, configured: Model) -> Model:
        """Return a lighter model, with the event settings of the configured one if both give the same results.

        Raises:
            ModelError: It cannot be used.
        """
        model = self.open(name)
        if model.card.answer == configured.card.answer:
            model.card = replace(model.card, events=configured.card.events)
        return model
