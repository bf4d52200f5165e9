"""``psface rig calibrate``: calibrate lamps from pictures of balls."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np

from psface.commands.arguments import bits_option
from psface.commands.rig.import_rig import FILE, Millimetres, ResponseType, check_out
from psface.errors import UserError
from psface.files import made_folder, replacing
from psface.rig.calibration.ball_pictures import BallPictures, read_ball_pictures
from psface.rig.calibration.calibrating import BallSizes, Calibrated, calibrate_rig
from psface.rig.rig import NEAREST, parse_camera, read_rig, write_rig
from psface.rig.rig_parts import Camera
from psface.running import PATH

PICTURE = "calibration.png"


@click.command(
    epilog="Examples: psface rig calibrate chrome/ --matte gray/ --out rig; psface rig calibrate"
    " left/ right/ --kind mirror --focal-px 2400 --ball-diameter-mm 60 --out rig"
)
@click.argument("folders", type=PATH, nargs=-1, required=True, metavar="FOLDER...")
@click.option("--out", type=PATH, required=True, metavar="FOLDER", help="The rig's folder.")
@click.option(
    "--kind", type=click.Choice(["mirror", "matte"]), help="Of the balls, if not told by looks."
)
@click.option(
    "--matte", type=PATH, metavar="FOLDER",
    help="Pictures of a matte ball besides mirror balls: the lamps' intensities.",
)  # fmt: skip
@click.option(
    "--mask", type=PATH, metavar="PICTURE",
    help="White where the balls are, if there is one FOLDER without mask.png.",
)  # fmt: skip
@click.option(
    "--ambient", type=PATH, metavar="PICTURE",
    help="Frame with all lamps off, if not ambient.png in each FOLDER; copied to the rig.",
)  # fmt: skip
@click.option("--camera", type=PATH, metavar="RIG", help="Rig whose camera is known.")
@click.option(
    "--response", type=ResponseType(), help="The camera's response: linear, srgb or gamma:2.2."
)
@click.option(
    "--focal-px",
    type=click.FloatRange(0, min_open=True),
    metavar="PX",
    help="Focal length; for positions.",
)
@click.option(
    "--ball-diameter-mm", type=Millimetres(5), metavar="MM", help="Of the balls; for positions."
)
@click.option(
    "--matte-diameter-mm", type=Millimetres(5), metavar="MM", help="Of --matte, if another."
)
@click.option(
    "--distance-mm", type=Millimetres(NEAREST), metavar="MM",
    help="From the camera to faces, if not where the balls were; for positions.",
)  # fmt: skip
@bits_option
@click.option("--force", is_flag=True, help="Overwrite the rig in --out.")
def calibrate(
    folders: tuple[Path, ...], out: Path, kind: Literal["mirror", "matte"] | None,
    matte: Path | None, mask: Path | None, ambient: Path | None, camera: Path | None,
    response: Any, focal_px: float | None, ball_diameter_mm: float | None,
    matte_diameter_mm: float | None, distance_mm: float | None, bits: int | None, force: bool,
) -> None:  # fmt: skip
    """Calibrate lamps from pictures of mirror or matte balls.

    Each FOLDER has a picture per lamp, named after it, and optionally mask.png and ambient.png.
    Several folders are the same lamps with balls in other places. Writes rig.json and
    calibration.png; look at it. Exit status: 0; 1 if the lamps cannot be trusted; 2 for wrong
    arguments.
    """
    check_out(out, force)
    if mask is not None and len(folders) > 1:
        raise UserError(f"{mask}: one mask for {len(folders)} folders; put mask.png in each")
    known = _camera(camera, response, focal_px)
    if ball_diameter_mm is None and (matte_diameter_mm or distance_mm) is not None:
        raise UserError("--matte-diameter-mm and --distance-mm need --ball-diameter-mm; give it")
    places = [read_ball_pictures(folder, known, mask, ambient, bits) for folder in folders]
    second: BallPictures | None = None
    if matte is not None:
        second = read_ball_pictures(matte, known, None, ambient, bits)
    sizes = BallSizes(ball_diameter_mm, matte_diameter_mm, distance_mm)
    calibrated = calibrate_rig(places, known, kind, second, sizes, date.today().isoformat())
    made_folder(out)
    _write(calibrated, out, ambient)
    _report(calibrated, out)


def _camera(rig: Path | None, response: Any, focal_px: float | None) -> Camera:
    camera = read_rig(rig).camera if rig is not None else Camera()
    changes = camera.model_dump(exclude_unset=True)
    if response is not None:
        changes["response"] = response
    if focal_px is not None:
        changes["focal_px"] = (focal_px, focal_px)
    return parse_camera(changes, rig or Path("--focal-px"))


def _write(calibrated: Calibrated, out: Path, ambient: Path | None) -> None:
    from psface.report.calibration_picture import draw_calibration

    rig = calibrated.rig
    if ambient is not None:
        rig = rig.model_copy(update={"ambient": f"ambient{ambient.suffix.lower()}"})
        if ambient.resolve() != (out / rig.ambient).resolve():
            with replacing(out / rig.ambient) as partial:
                shutil.copyfile(ambient, partial)
    with replacing(out / PICTURE) as partial:
        draw_calibration(calibrated, partial)
    write_rig(out / FILE, rig)


def _report(calibrated: Calibrated, out: Path) -> None:
    rig = calibrated.rig
    width = max(len(lamp.name) for lamp in rig.lamps)
    for number, (lamp, direction) in enumerate(zip(rig.lamps, rig.directions(), strict=True)):
        where = " ".join(f"{value:7.3f}" for value in direction)
        if lamp.position_mm is not None:
            where += "  at " + " ".join(f"{value:8.1f}" for value in lamp.position_mm) + " mm"
        residual = calibrated.residuals[number]
        fit = f"{residual:.2f} px" if calibrated.unit == "px" else f"{residual:.1%}"
        print(f"{lamp.name:{width}}  {where}  intensity {lamp.strength:.3f}  residual {fit}")
    for note in calibrated.notes:
        print(f"rig calibrate: {note}")
    if (apart := calibrated.disagreement) is not None:
        print(
            f"rig calibrate: the matte ball agrees to {np.median(apart):.1f} degrees in the "
            f"median, {apart.max():.1f} at most ({rig.lamps[int(np.argmax(apart))].name})"
        )
    print(
        f"rig calibrate: {len(rig.lamps)} {'near' if rig.near else 'distant'} lamps by "
        f"{rig.calibration.method}, directions within about {rig.calibration.score_deg:.2g} "
        f"degrees ({out / FILE}, {PICTURE})"
    )
