"""`verify_model` detects a model whose results differ from those at export."""

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
    assert [check.name for check in checks] == ["stream equals offline", "answer equals export"]
    assert all(check.state == "ok" for check in checks)


def test_all_int8_forms_of_the_default_network_give_the_same_answer():
    answers = {Model(name).card.answer for name in ("birdedge-int8", "birdedge-int8-s8", ARCHIVE_MODEL)}
    assert len(answers) == 1
    answer = np.array(answers.pop())
    assert len(np.unique(answer)) > 50
    assert answer.min() < 0.1
    assert answer.max() > 0.9


def test_a_different_answer_fails():
    model = Model("birdedge-int8")
    answer = list(known_answer(model))
    answer[7] += 1e-5
    model.card = dataclasses.replace(model.card, answer=tuple(answer))
    assert verify_model(model)[1].state == "fail"


def test_a_card_without_an_answer_fails():
    model = Model("birdedge-int8")
    model.card = dataclasses.replace(model.card, answer=())
    check = verify_model(model)[1]
    assert check.state == "fail"
    assert "contains no answer" in check.finding


def test_a_stream_that_depends_on_its_division_into_pushes_fails(monkeypatch):
    true_push = Segmenter.push

    def push(segmenter, frames):
        return true_push(segmenter, frames[::-1] if len(frames) == 7 else frames)

    monkeypatch.setattr(Segmenter, "push", push)
    assert verify_model(Model("birdedge-int8"))[0].state == "fail"
