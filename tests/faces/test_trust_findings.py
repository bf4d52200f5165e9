"""What is said of a rig, by all its captures."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from psface.captures.capture import Capture
from psface.faces.lamp_check import LampTrust
from psface.faces.trust_findings import Findings, Judged
from psface.stereo.map_folder import MapFolder
from psface.stereo.trust.trust_warning import TrustWarning
from tests.shapes import FOUR_LIGHTS

SOUND = LampTrust(
    lights=(), pixels=500, score=-1.0, order=(0, 1, 2, 3), flip="", margin=0.0,
    turn=(-2.3, 2.4, -0.8), stretch=(0.0, -0.25), contrast=0.4, darkest=0.02, warnings=(),
)  # fmt: skip


def codes(tmp_path, found: LampTrust, people: int = 12) -> list[str]:
    findings = Findings(MapFolder(tmp_path))
    for number in range(people):
        capture = Capture(f"p{number}", "s", ("a", "b", "c", "d"), FOUR_LIGHTS)
        findings.add(capture, json.dumps(asdict(found)))
    judged = findings.judged()
    judged.write(tmp_path / "trust.csv")
    written = pd.read_csv(tmp_path / "trust.csv")
    assert written["code"].tolist()[: len(judged.of_rigs)] == [w.code for w in judged.of_rigs]
    return [warning.code for warning in judged.of_rigs]


@pytest.mark.parametrize("turn", [(-2.3, 12.4, -0.8), (-14.0, 2.4, -0.8), (-2.3, 2.4, 4.0)])
def test_faces_that_are_all_turned_doubt_the_rig(tmp_path, turn):
    assert codes(tmp_path, replace(SOUND, turn=turn)) == ["rig-stale"]
    assert codes(tmp_path, replace(SOUND, turn=turn), people=3) == []
    assert codes(tmp_path, SOUND) == []


def test_pictures_and_odd_findings_are_passed_over(tmp_path):
    findings = Findings(MapFolder(tmp_path))
    findings.add(Capture("p", "s", ("a",), np.empty((0, 3))), "")
    findings.add(Capture("p", "s", ("a", "b", "c", "d"), FOUR_LIGHTS), '{"of": "another version"}')
    assert findings.judged() == Judged([], [])


def test_the_worst_come_first(tmp_path):
    findings = Findings(MapFolder(tmp_path))
    doubt = TrustWarning("lamps-order", "no", "swap")
    for name, count in (("one", 1), ("none", 0), ("two", 2)):
        found = replace(SOUND, warnings=(doubt,) * count)
        capture = Capture(name, "s", ("a", "b", "c", "d"), FOUR_LIGHTS)
        findings.add(capture, json.dumps(asdict(found)))
    assert [capture.identity for capture, _ in findings.judged().worst(5)] == ["two", "one"]
