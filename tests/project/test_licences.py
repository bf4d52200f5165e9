"""THIRD_PARTY.md names whatever psface contains, installs or loads, with the licence it states."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, metadata

import pytest

from psface.detect.detectors import DETECTORS, build_detector
from tests.third_party import ROOT, files_of_others, rows, tracked

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME = re.compile(r"[\w.-]+")
# What packages call a licence that SPDX has another name for.
ALIASES = {"Apache-2.0": "Apache", "BSD-3-Clause": "BSD", "PSF-2.0": "Python Software Foundation"}
ALIASES |= {"BSL-1.0": "Boost"}
COPYLEFT = re.compile(r"\bA?L?GPL|\bEPL|\bMPL|\bCDDL|Mozilla|General Public|Eclipse")


def stated(package: str) -> str:
    """What an installed package says of its licence; its description, if it has no such field."""
    found = metadata(package)
    fields = found.get_all("License-Expression", []) + found.get_all("License", [])
    classes = [c for c in found.get_all("Classifier", []) if c.startswith("License")]
    if not fields and not classes:
        return found.get("Description", "")
    return "\n".join([*(field[:120] for field in fields), *classes])


def packages() -> dict[str, str]:
    return {row[0]: row[1] for row in rows("Packages")}


def required() -> set[str]:
    extras = PROJECT["optional-dependencies"].values()
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]
    return {NAME.match(line).group() for line in lines} - {"psface"}


def test_every_required_package_is_listed():
    assert required() - set(packages()) == set()


@pytest.mark.parametrize("package", sorted(required()))
def test_a_package_has_the_licence_that_is_listed(package):
    try:
        said = stated(package)
    except PackageNotFoundError:
        pytest.skip("not installed")
    first = re.split(r",| OR | AND ", packages()[package])[0]
    assert first in said or ALIASES.get(first, first) in said


def locked() -> list[str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [line.partition("==")[0] for line in lines]


def test_packages_whose_licence_asks_for_more_than_notices_are_listed():
    found = set()
    for package in locked():
        try:
            found |= {package} if COPYLEFT.search(stated(package)) else set()
        except PackageNotFoundError:
            continue
    assert found - set(packages()) == set()


def test_every_detector_is_listed_with_its_licence():
    listed = {row[0].strip("`"): row[2] for row in rows("Weights of face detectors")}
    assert list(listed) == list(DETECTORS)
    for name in ("mtcnn", "opencv-haar"):
        assert listed[name].startswith(build_detector(name).facts.licence)


def test_whatever_is_not_text_is_listed():
    """In the repository, but for pictures in the documentation, which are of simulated people."""
    binary = set()
    for path in tracked():
        try:
            (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).is_file() else ""
        except UnicodeDecodeError:
            binary.add(path.as_posix())
    ours = {name for name in binary if name.startswith("docs/")}
    assert binary - ours - files_of_others("In the wheel") == set()
