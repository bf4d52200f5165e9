"""Find a capture to look at: a folder of frames, or a map file."""

from __future__ import annotations

from pathlib import Path

from psface.captures.capture import NO_LIGHTS, Capture
from psface.captures.capture_table import read_captures
from psface.captures.checks import check_frames
from psface.captures.decoding import decode
from psface.captures.discovery import read_capture_at
from psface.captures.limits import SelectedLimits
from psface.captures.rigged import rigged
from psface.config import PARAMS, Selection, load
from psface.errors import UserError
from psface.faces.crop_params import CropParams
from psface.liveness.looking import CROP, LIMITS, STEREO
from psface.report.shown_capture import ShownCapture, face_trust, shown_of
from psface.rig.rig import Rig
from psface.stereo.compute import compute_maps
from psface.stereo.map_files import Maps, read_maps
from psface.stereo.map_folder import MapFolder
from psface.stereo.stereo_params import StereoParams

TABLE = "sessions.parquet"  # beside the folder of map files


class _Sections(Selection):
    ingest: SelectedLimits
    stereo: StereoParams
    crop: CropParams = CROP


def read_shown(path: Path, rig: Rig | None = None) -> ShownCapture:
    """Read a map file of the pipeline, or compute the maps of a capture.

    Parameters
    ----------
    path : Path
        A map file, which may be packed in a shard; a folder of one capture, in a layout of
        `psface.captures.discovery.find_captures`; or one capture of a manifest, named by the folder
        of its frames and, if that is called otherwise, its session. The maps are computed by
        sections ingest and stereo of ``params.yaml``, where the current folder has one, and in
        colour if the frames are. The face is found by section crop.
    rig : Rig, optional
        That took a capture without a rig file of its own, or the capture of a map file.

    Raises
    ------
    UserError
        If there is no such capture, or it cannot be used; the message says why.

    Examples
    --------
    >>> shown = read_shown(Path("capture"))
    >>> shown.maps.albedo.shape, len(shown.lights)
    ((64, 64), 4)
    """
    maps = _stored_maps(path) if path.suffix.lower() == ".exr" else None
    shown = _computed(_capture_at(path, rig)) if maps is None else _with_maps(path, maps, rig)
    if not shown.maps.mask.any():
        raise UserError(f"{path}: no surface found; its mask is empty")
    return shown


def _stored_maps(path: Path) -> Maps | None:
    """The maps in a file, or in a shard by the path that the file would have; None if neither."""
    if path.is_file():
        return read_maps(path)
    folder, key = _place_of(path)
    packed = MapFolder(folder)
    return packed.maps(key) if not path.exists() and packed.shard_with(key) else None


def _place_of(path: Path) -> tuple[Path, str]:
    """The folder of all map files, and the key of a map file's capture."""
    folder = path.resolve().parent
    return folder.parent, f"{folder.name}/{path.stem}"


def _with_maps(path: Path, maps: Maps, rig: Rig | None) -> ShownCapture:
    folder, name = _place_of(path)
    table = folder.parent / TABLE
    known = [c for c in read_captures(table) if c.key == name] if table.is_file() else []
    if not known:
        return ShownCapture(name, maps, rig.lights() if rig and rig.lamps else NO_LIGHTS, rig)
    capture = known[0] if rig is None else rigged(known[0], rig)
    return shown_of(capture, maps, load(_Sections).crop if PARAMS.is_file() else CROP)


def _capture_at(path: Path, rig: Rig | None) -> Capture:
    capture = read_capture_at(path, rig)
    if capture.is_picture:
        raise UserError(
            f"{path}: a picture; give a folder of one capture under three lights or more, or a map "
            "file of the stage stereo"
        )
    return capture


def _computed(capture: Capture) -> ShownCapture:
    limits, stereo, crop = LIMITS, STEREO, CROP
    if PARAMS.is_file():
        sections = load(_Sections)
        limits, stereo, crop = sections.ingest.limits, sections.stereo, sections.crop
    check_frames(capture, limits)
    pixels = capture.pixels(colours=_in_colour(capture))
    maps = compute_maps(pixels, stereo)
    face = face_trust(pixels, maps, crop)
    return ShownCapture(capture.key, maps, capture.lights, capture.rig, pixels.grey, face)


def _in_colour(capture: Capture) -> bool:
    """Whether the frames have channels that differ."""
    image = decode(capture.encoded(0), Path(capture.frames[0]), capture.bits, None, capture.white)
    return image.ndim == 3 and bool((image != image[..., :1]).any())
