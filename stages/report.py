"""report: one page of what a run found, from what the other stages wrote."""

from __future__ import annotations

import io
from pathlib import Path

import click
from ruamel.yaml import YAML

from psface.captures.ingest_params import IngestParams
from psface.config import PARAMS, Selection, load, read_yaml
from psface.files import replacing
from psface.report.data_set_name import data_set_name
from psface.report.finished_run import DataSet, read_run
from psface.report.run_page import run_page
from psface.report.run_sections import run_sections
from psface.report.wording import counted
from psface.running import PATH, run

# What a run depends on; dvc.yaml names the same.
SHOWN = (
    "seed", "modality", "fusion", "attributes", "simulate", "ingest", "stereo", "crop", "split",
    "train", "evaluate",
)  # fmt: skip


class Sections(Selection):
    modality: str
    ingest: IngestParams


def report(
    params: Sections,
    parameters: str,
    captures: Path,
    rejected: Path,
    faces: Path,
    reports: Path,
    out: Path,
) -> None:
    """Write the page, a single file.

    Parameters
    ----------
    parameters : str
        All that the run depends on, as YAML.
    captures, rejected : Path
        Tables of ingest.
    faces, reports : Path
        Folders of crops, and of what the other stages report. ``out`` is in the latter, so that
        the page can link to pages of captures there.

    Raises
    ------
    UserError
        If another stage has not run; the message names it.
    """
    found = read_run(captures, rejected, faces, reports)
    page = run_page(
        f"Recognition by {params.modality}",
        measured_on(params.ingest, found.data),
        found.errors,
        run_sections(found, parameters),
    )
    with replacing(out) as path:
        path.write_text(page, encoding="utf-8")


def measured_on(ingest: IngestParams, data: DataSet) -> str:
    """The name and size of the data set, in words before the size of its test part."""
    refused = f" ({data.refused:,} refused)" if data.refused else ""
    return (
        f"Data set: {data_set_name(ingest)} ({ingest.source} layout), "
        f"{counted(data.captures, 'capture')} of {counted(data.people, 'person', 'people')}"
        f"{refused}. Tested on people whom the network "
        "has not seen:"
    )


def chosen_parameters(path: Path = PARAMS) -> str:
    """The sections of params.yaml that a run depends on."""
    content = read_yaml(path)
    text = io.StringIO()
    writer = YAML()
    writer.width = 100
    writer.dump({name: content[name] for name in SHOWN if name in content}, text)
    return text.getvalue()


@click.command("python -m stages.report")
@click.option("--captures", type=PATH, required=True, help="the table of captures")
@click.option("--rejected", type=PATH, required=True, help="the table of refused captures")
@click.option("--faces", type=PATH, required=True, help="the folder of packed crops")
@click.option("--reports", type=PATH, required=True, help="the folder of the stages' reports")
@click.option("--out", type=PATH, required=True, help="the page, in that folder")
def main(captures: Path, rejected: Path, faces: Path, reports: Path, out: Path) -> None:
    """Write the page of a finished run."""
    report(load(Sections), chosen_parameters(), captures, rejected, faces, reports, out)
    print(f"report: {out}")


if __name__ == "__main__":
    run(main, alone_as="report")
