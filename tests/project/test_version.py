"""One version, wherever it is written."""

import re
import tomllib

from ruamel.yaml import YAML

import psface
from tests.third_party import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_the_package_says_its_version():
    assert psface.__version__ == VERSION  # else install it again: make setup
    assert "__version__" in dir(psface)


def test_the_citation_is_of_the_last_release():
    citation = YAML(typ="safe").load(ROOT / "CITATION.cff")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    released = re.findall(r"^## (\d\S*) - (\S+)$", changes, re.M)
    assert (str(citation["version"]), str(citation["date-released"])) == released[0]
    assert citation["version"] == VERSION
    assert citation["license"] == "MIT"
