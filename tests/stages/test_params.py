import re

import click
import pytest
from ruamel.yaml import YAML

from psface.config import Selection, load
from psface.errors import UserError
from psface.faces.modalities import MAPS, maps_of
from psface.running import run
from psface.training.split_params import SplitParams
from stages.params import load_params
from tests.conftest import ROOT


@pytest.fixture
def change(tmp_path):
    """Write params.yaml with one value changed (or taken out, if it is None); returns its path."""

    def write(name: str, value: object):
        raw = YAML(typ="safe").load(ROOT / "params.yaml")
        *parents, last = name.split(".")
        section = raw
        for parent in parents:
            section = section[parent]
        if value is None:
            del section[last]
        else:
            section[last] = value
        path = tmp_path / "params.yaml"
        YAML().dump(raw, path)
        return path

    return write


def test_the_committed_file_is_valid(settings):
    assert settings.modality in {"all", *MAPS} or "-" in settings.modality
    assert list(settings.train.tasks) == ["spectacles", "facial_hair", "emotion", "pose", "gender"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("modality", "albdeo", "modality=albdeo is unknown: use one of albedo, normalmap,"),
        ("fusion", "middle", "fusion=middle is unknown: use one of late, early"),
        ("stereo.integrator", "poisson", "frankot-chellappa, least-squares"),
        ("crop.size", "96", "crop.size='96'"),
        ("crop.size", 96.5, "crop.size=96.5"),
        ("crop.size", 8, "crop.size=8"),
        ("seed", True, "seed=True"),
        ("stereo.register_frames", "yes please", "stereo.register_frames='yes please'"),
        ("simulate.noise", -1.0, "simulate.noise=-1.0"),
        ("simulate.noise", float("nan"), "simulate.noise=nan"),
        ("ingest.yale.lights_per_session", 2, "ingest.yale.lights_per_session=2"),
        ("ingest.root", "", "ingest.root=''"),
        ("ingest", "photoface", "ingest='photoface'"),
        ("crop.sise", 96, "unknown parameter crop.sise: remove it or correct its name"),
        ("ingest.max_angle", 50.0, "ingest.max_angle is now called ingest.yale.max_angle: rename"),
        ("crop.size", None, "crop.size is missing"),
        ("split", None, "split is missing"),
        ("split.max_sessions", 1, "split.max_sessions=1"),
        ("split.test", 0.9, "val + test must be below 1, to leave people to train on"),
        ("train.heads.magface.lower_margin", 0.9, "train.heads.magface"),
        ("attributes.gender", {"all": ["male", "female"]}, "gender needs two or more"),
        ("attributes.gender", {"a": ["male", "x"], "b": ["x"]}, "x is in more than one class"),
        ("attributes.gender", {"a": ["male"], "b": []}, "gender has a class without raw"),
        ("attributes.pose", {"front": [1], "side": [2]}, "attributes.pose.front"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(change, name, value, said):
    path = change(name, value)
    with pytest.raises(UserError, match=re.escape(said)) as raised:
        load_params(path)
    assert str(raised.value).startswith(str(path)) and "\n" not in str(raised.value)


def test_an_unknown_modality_lists_every_allowed_one(change):
    with pytest.raises(UserError) as raised:
        load_params(change("modality", "albdeo"))
    allowed = str(raised.value).split("use one of ")[1].split(", ")
    assert set(allowed) == {
        *MAPS,
        "normalmap-albedo",
        "normalmap-depthmap",
        "albedo-depthmap",
        "all",
    }


def test_every_mistake_is_told_at_once(change):
    path = change("crop.size", "96")
    path.write_text(path.read_text().replace("modality: all", "modality: none"))
    with pytest.raises(UserError, match=r"modality=none.*; .*crop\.size='96'"):
        load_params(path)


def test_only_the_sections_that_are_wanted_are_checked(change, settings):
    class Wanted(Selection):
        split: SplitParams

    assert load(Wanted, change("crop.size", 8)).split == settings.split
    assert load_params(change("audit", "wrong")).crop == settings.crop
    with pytest.raises(UserError, match=r"split\.max_sessions=1"):
        load(Wanted, change("split.max_sessions", 1))


def test_a_whole_number_is_a_real_one(change):
    assert load_params(change("simulate.noise", 2)).simulate.noise == 2.0


@pytest.mark.parametrize("text", ["seed: [1", "seed: 1\n\tmodality: all", "\x00"])
def test_no_yaml(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml: not readable as YAML") as raised:
        load_params(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "psface"])
def test_yaml_of_another_kind(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml: the file="):
        load_params(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(
        UserError, match=r"params\.yaml: missing; run this in the project's root folder"
    ):
        load_params(tmp_path / "params.yaml")


def test_a_stage_ends_with_one_line_and_status_1(capsys, monkeypatch, tmp_path):
    @click.command()
    def stage() -> None:
        load_params(tmp_path / "none.yaml")

    monkeypatch.setattr("sys.argv", ["stage"])
    with pytest.raises(SystemExit) as raised:
        run(stage)
    said = capsys.readouterr().err
    assert raised.value.code == 1
    assert said.startswith("error: ") and said.count("\n") == 1


@pytest.mark.parametrize(
    ("modality", "maps"),
    [
        ("raw", ("raw",)),
        ("normalmap-albedo", ("normalmap", "albedo")),
        ("albedo-depthmap", ("albedo", "depthmap")),
        ("all", ("normalmap", "albedo", "depthmap")),
    ],
)
def test_maps_of_a_modality(modality, maps):
    assert maps_of(modality) == maps
