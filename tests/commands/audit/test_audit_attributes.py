"""Spectacles and masks by a model of psface."""

from pathlib import Path

import pytest

from psface.commands.audit.audit_faces import find_faces
from psface.commands.audit.rules import rules_of
from psface.commands.audit.worn import attribute_findings, unchecked
from psface.errors import UserError
from psface.recognise.preprocessing import crops_on
from psface.recognise.recogniser import Recogniser
from tests.untrained_models import save_untrained, untrained_card

WORN = {"with": ["yes"], "without": ["no"]}


@pytest.fixture
def given(settings, tmp_path, lenient):
    """Parameters with a model of certain tasks."""

    def given(tasks, modality="raw"):
        folder = tmp_path / "model"
        card = untrained_card(settings, modality).model_copy(update={"tasks": tasks})
        save_untrained(folder, card)
        return lenient.model_copy(update={"model": str(folder)})

    return given


def test_the_value_is_the_models_probability(given, picture):
    params = given({"gender": {"m": ["m"], "f": ["f"]}, "spectacles": WORN})
    faces = find_faces(picture)
    [finding] = attribute_findings(picture, faces, rules_of(params), params)
    recogniser = Recogniser(Path(params.model))
    crops = crops_on(picture, recogniser.card)
    [[worn, bare]] = recogniser.embed(crops).attributes["spectacles"]
    assert finding.rule == "spectacles" and finding.value == pytest.approx(worn, abs=0.02)
    assert finding.verdict == ("violation" if worn > bare else "ok")
    [left] = unchecked(params)
    assert (left.rule, left.verdict) == ("mask", "not checked")
    assert "model has no such task" in left.note

    [lost] = attribute_findings(picture // 50, [], rules_of(params), params)
    assert lost.verdict == "not measurable" and "no face" in lost.note


def test_models_that_cannot_tell(given, lenient, tmp_path):
    assert [f.note for f in unchecked(lenient)] == ["no model given"] * 2
    with pytest.raises(UserError, match="needs captures under three lights"):
        list(unchecked(given({"mask": WORN}, modality="albedo")))
    with pytest.raises(UserError, match="task mask has classes on, off, not 'without'"):
        list(unchecked(given({"mask": {"on": ["1"], "off": ["0"]}})))
    nowhere = lenient.model_copy(update={"model": str(tmp_path / "nowhere")})
    with pytest.raises(UserError, match=r"card\.json: missing"):
        list(unchecked(nowhere))
