"""`verify` finds a model that does not do here what it did at export."""

import dataclasses

import numpy as np
import pytest

from birdedge.edge.diagnostics.verify import known_answer, verify_model
from birdedge.edge.models.model import Model
from birdedge.edge.models.names import ARCHIVE_MODEL, bundled_models
from birdedge.edge.pipeline.segmenter import Segmenter


@pytest.mark.parametrize("name", sorted(bundled_models()))
def test_a_bundled_model_passes(name):
    checks = verify_model(Model(name))
    assert [check.name for check in checks] == ["stream equals offline", "answers as at export"]
    assert all(check.passed for check in checks)


def test_all_int8_forms_of_the_default_network_answer_with_the_same_bits():
    answers = {Model(name).card.answer for name in ("birdedge-int8", "birdedge-int8-s8", ARCHIVE_MODEL)}
    assert len(answers) == 1
    answer = np.array(answers.pop())
    assert len(np.unique(answer)) > 50
    assert answer.min() < 0.1
    assert answer.max() > 0.9


def test_another_answer_and_none_fail():
    model = Model("birdedge-int8")
    answer = list(known_answer(model))
    answer[7] += 1e-5
    model.card = dataclasses.replace(model.card, answer=tuple(answer))
    assert not verify_model(model)[1].passed
    model.card = dataclasses.replace(model.card, answer=())
    assert "holds no answer" in verify_model(model)[1].found


def test_a_stream_that_depends_on_its_pushes_fails(monkeypatch):
    true = Segmenter.push

    def forgetful(segmenter, frames):
        if len(frames) == 7:
            segmenter._forget()
        return true(segmenter, frames)

    monkeypatch.setattr(Segmenter, "push", forgetful)
    check = verify_model(Model("birdedge-int8"))[0]
    assert not check.passed
