"""Pretraining on a handful of varied people."""

import re

import numpy as np
import pytest
from safetensors.torch import load_file

from psface.commands.pretrain import varied_crops
from psface.commands.pretrain.pretrain_params import Sections
from psface.config import load
from psface.errors import UserError
from psface.model.card import read_card
from tests.commands.running import psface
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pretrain")
    before, _, section = ROOT.joinpath("params.yaml").read_text().partition("\npretrain:")
    few = {"people": 10, "captures": 2, "validating": 3, "epochs": 1, "batch_size": 8}
    for name, number in few.items():
        section, found = re.subn(rf"(\n  {name}: )\d+", rf"\g<1>{number}", section, count=1)
        assert found
    (folder / "params.yaml").write_text(before + "\npretrain:" + section)
    return folder


@pytest.fixture
def few_at_a_time(monkeypatch, one_process):
    monkeypatch.setattr(varied_crops, "PEOPLE", 5)


def test_a_killed_run_goes_on_and_the_model_says_what_it_needs(
    folder, monkeypatch, few_at_a_time, capsys
):
    monkeypatch.chdir(folder)
    made = []
    crop_of = varied_crops.crop_of

    def crop_or_die(params, person, capture):
        if person == 7 and len(made) < 100:
            made.extend([None] * 100)
            raise KeyboardInterrupt
        made.append((person, capture))
        return crop_of(params, person, capture)

    monkeypatch.setattr(varied_crops, "crop_of", crop_or_die)
    parts = folder / "models/pretrained/work/parts"
    with pytest.raises(KeyboardInterrupt):
        varied_crops.write_crops(load(Sections).population, range(10), parts, folder / "nowhere")
    made.clear()
    made.extend([None] * 100)
    assert psface("pretrain") == 0
    assert {person for each in made if each for person in each[:1]} == {5, 6, 7, 8, 9}
    model = folder / "models" / "pretrained"
    card = read_card(model)
    assert card.maps == ["normalmap", "albedo", "depthmap"] and card.fusion == "early"
    assert card.tasks == {} and card.crop.zoom == 1.6 and card.scale.detail == 0.06
    weights = load_file(model / "weights.safetensors")
    assert {str(w.dtype) for w in weights.values() if w.ndim > 1} == {"torch.float16"}
    assert not (model / "work").exists()
    assert "captures of 10 people" in capsys.readouterr().out


def test_every_capture_has_lamps_of_its_own_and_people_keep_their_faces(folder):
    population = load(Sections, folder / "params.yaml").population
    one, again, other = (varied_crops.crop_of(population, *who) for who in ((1, 0), (1, 0), (2, 0)))
    assert one is not None and again is not None and other is not None
    for name in varied_crops.MAPS:
        assert np.array_equal(one[name], again[name])
        assert not np.array_equal(one[name], other[name])
    assert one["normalmap"].shape == (3, 64, 64)


def test_more_validating_people_than_half_are_refused(folder):
    text = (folder / "params.yaml").read_text().replace("validating: 3", "validating: 6")
    (folder / "many.yaml").write_text(text)
    with pytest.raises(UserError, match="at most half of the people can be validating"):
        load(Sections, folder / "many.yaml")
