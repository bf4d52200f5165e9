"""``psface enrol``: make a gallery of people."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from tqdm import tqdm

from psface.captures.capture import Refusal
from psface.captures.rigged import read_placed_rig
from psface.commands.arguments import gallery_option, model_option, padding_option, rig_option
from psface.errors import UserError
from psface.files import made_folder
from psface.running import PATH


@click.command(epilog="Example: psface enrol staff/ --strangers visitors/")
@click.argument("folder", type=PATH)
@model_option
@gallery_option
@click.option(
    "--strangers", type=PATH, metavar="FOLDER",
    help="People neither enrolled nor trained on, for calibration.",
)  # fmt: skip
@rig_option
@padding_option
def enrol(
    folder: Path,
    model: Path,
    gallery: Path,
    strangers: Path | None,
    rig: Path | None,
    padding: float | None,
) -> None:
    """Make a gallery from FOLDER, which has a folder per person.

    Unusable files are listed with the reason. Exit status: 0; 1 if nobody can be enrolled; 2 for
    wrong arguments.
    """
    from psface.recognise.enrolment import enrol as enrol_people
    from psface.recognise.gallery import write_gallery
    from psface.recognise.recogniser import Recogniser

    if gallery.is_dir():
        raise UserError(f"{gallery}: is a folder; give --gallery a file")
    made_folder(gallery.parent)
    taken_by = None if rig is None else read_placed_rig(rig)
    people, refusals = enrol_people(Recogniser(model, padding), folder, strangers, taken_by)
    for refusal in refusals:
        warn(refusal)
    write_gallery(gallery, people)
    if strangers is None:
        print(
            "enrol: calibrated on the enrolled people; if the model was trained on them, strangers "
            "are accepted more often than promised: give other people as --strangers"
        )
    enrolled, captures = len(people.names), int(people.captures.sum())
    print(
        f"enrol: {enrolled} {'person' if enrolled == 1 else 'people'} enrolled from {captures} "
        f"capture{'s' * (captures != 1)}, "
        f"calibrated on {len(people.strangers)}, {len(refusals)} not used ({gallery})"
    )


def warn(refusal: Refusal) -> None:
    """Print why something is not used, as one line on stderr."""
    # It may name a file that is not valid UTF-8.
    tqdm.write(refusal.reason.encode(errors="backslashreplace").decode(), file=sys.stderr)
