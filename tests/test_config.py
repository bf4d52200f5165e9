"""Sections of params.yaml: each command checks its own, and no other's."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from docs.made.parameters import Everything
from psface.commands.audit.audit_command import Sections as AuditSections
from psface.commands.overlap.overlap_command import Sections as OverlapSections
from psface.commands.survey.survey_command import Sections as SurveySections
from psface.config import MOVED, NO_FILE, SHOWN, Selection, load
from psface.errors import UserError
from psface.stereo.stereo_params import StereoParams
from stages.params import Params
from tests.conftest import ROOT

# Parameters that name a file, or none; each is a dependency of a stage.
FILES = ["crop.detector_weights", "train.init_from", "audit.model", "overlap.model"]


class StereoAlone(Selection):
    stereo: StereoParams


@pytest.fixture
def changed(tmp_path):
    """Write params.yaml with some values changed or added; returns its path."""

    def write(**values: object) -> Path:
        content = YAML(typ="safe").load(ROOT / "params.yaml")
        for name, value in values.items():
            *parents, last = name.split("__")
            section = content
            for parent in parents:
                section = section[parent]
            section[last] = value
        path = tmp_path / "params.yaml"
        YAML(typ="safe").dump(content, path)
        return path

    return write


def value_of(params: object, name: str) -> object:
    for part in name.split("."):
        params = getattr(params, part)
    return params


def test_a_selection_reads_its_sections_alone(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(
        "stereo: {register_frames: true, exclude_shadows: false, integrator: least-squares}\n"
        "crop: nonsense\nseed: [1]\nnobody_knows: 2\n"
    )
    params = load(StereoAlone, path)
    assert params == StereoAlone(
        stereo=StereoParams(register_frames=True, exclude_shadows=False, integrator="least-squares")
    )
    assert not hasattr(params, "crop")


def test_a_selection_misses_its_section(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("seed: 1\n")
    with pytest.raises(UserError, match=r"params\.yaml: stereo is missing"):
        load(StereoAlone, path)


@pytest.mark.parametrize(
    ("name", "value", "said", "stopped", "others"),
    [
        (
            "audit__min_sid", 160, "unknown parameter audit.min_sid: remove it or correct its name",
            AuditSections, [OverlapSections, SurveySections, StereoAlone, Params],
        ),
        (
            "overlap__max_distance", "ten", "overlap.max_distance='ten'",
            OverlapSections, [AuditSections, SurveySections, StereoAlone, Params],
        ),
        (
            "survey", None, "survey=None",
            SurveySections, [AuditSections, OverlapSections, StereoAlone, Params],
        ),
        (
            "stereo__integrater", "x", "unknown parameter stereo.integrater: remove it",
            StereoAlone, [AuditSections, OverlapSections, SurveySections],
        ),
    ],
)  # fmt: skip
def test_a_wrong_value_stops_only_those_who_use_it(changed, name, value, said, stopped, others):
    path = changed(**{name: value})
    with pytest.raises(UserError, match=re.escape(said)) as raised:
        load(stopped, path)
    assert str(raised.value).startswith(str(path)) and "\n" not in str(raised.value)
    for kind in others:
        load(kind, path)


def test_an_unknown_section_is_refused_by_the_pipeline_alone(changed):
    path = changed(sterio={"integrator": "least-squares"})
    with pytest.raises(UserError, match="unknown parameter sterio: remove it or correct its name"):
        load(Params, path)
    load(StereoAlone, path)


@pytest.mark.parametrize("name", MOVED)
def test_a_parameter_of_an_earlier_version_is_refused_by_its_new_name(changed, settings, name):
    path = changed(**{name.replace(".", "__"): 4})
    said = re.escape(f"{path}: {name} is now called {MOVED[name]}: rename it")
    with pytest.raises(UserError, match=said):
        load(Params, path)
    assert value_of(settings, MOVED[name]) is not None
    with pytest.raises(AttributeError):
        value_of(settings, name)


def test_of_many_faults_the_first_are_told(changed):
    path = changed(**{f"stereo__wrong_{i}": i for i in range(SHOWN + 3)})
    with pytest.raises(UserError) as raised:
        load(StereoAlone, path)
    *told, rest = str(raised.value).split("; ")
    assert len(told) == SHOWN and rest == "and 3 more"


@pytest.mark.parametrize("name", FILES)
def test_no_file_is_a_file_too(changed, name):
    # DVC must find what the stages depend on.
    assert (ROOT / NO_FILE / "card.json").is_file()
    stages = [path.read_text() for path in [ROOT / "dvc.yaml", *ROOT.glob("*/dvc.yaml")]]
    dep = f"- ${{{name}}}" + ("/card.json" if name.endswith(".model") else "")
    assert any(f"{dep}\n" in text for text in stages)
    key = name.replace(".", "__")
    for given, read in [(NO_FILE, ""), ("weights/some.pth", "weights/some.pth")]:
        assert value_of(load(Everything, changed(**{key: given})), name) == read


def test_without_a_file_nothing_can_be_frozen(changed):
    path = changed(train__init_from=NO_FILE, train__frozen_parts=2)
    with pytest.raises(UserError, match="frozen_parts needs init_from"):
        load(Params, path)
