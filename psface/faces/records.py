"""Crops that stay compressed: pictures of a RecordIO file that are already aligned.

Nothing of them is copied: the array of their crops holds where each record begins, and what its
bytes add up to, so that a file that has changed is noticed. They are decoded and cut when they are
read.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from psface.captures.decoding import decode
from psface.captures.images import grey, rgb, to_uint8
from psface.captures.recordio import read_record
from psface.errors import UserError
from psface.faces.alignment import TEMPLATE, crop_image, face_oval, similarity
from psface.faces.crop_params import CropParams
from psface.faces.stored_planes import in_halves, stored_pixels
from psface.files import check_regular, replacing

PLACE = np.dtype([("byte", "<u8"), ("sum", "<u4")])
COMPANION = "raw.json"


def record_of(frame: str) -> tuple[str, int] | None:
    """The file and byte of a frame ``<file>::<byte>``; None for any other.

    Examples
    --------
    >>> record_of("faces/train.rec::88"), record_of("faces/one.png")
    (('faces/train.rec', 88), None)
    """
    file, separator, byte = frame.rpartition("::")
    return (file, int(byte)) if separator and byte.isascii() and byte.isdigit() else None


def place_of(byte: int, encoded: bytes) -> np.ndarray:
    """What is stored of a picture: where its record begins, and the CRC-32 of its bytes."""
    return np.array((byte, zlib.crc32(encoded)), PLACE)


@dataclass(frozen=True)
class RecordFile:
    """What all records have in common: their file, and how they are cut."""

    path: str
    params: CropParams

    def write(self, companion: Path) -> None:
        """Write it, to be read beside the array of the records' places."""
        content = {"records": self.path, "crop": self.params.model_dump(mode="json")}
        with replacing(companion) as partial:
            partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, companion: Path) -> RecordFile:
        """Read what `write` wrote.

        Raises
        ------
        UserError
            If it is missing or damaged.
        """
        check_regular(companion)
        try:
            content = json.loads(companion.read_text(encoding="utf-8"))
            return cls(str(content["records"]), CropParams.model_validate(content["crop"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{companion}: missing or damaged; run `dvc repro -f crop`") from error


class Records:
    """Crops of a RecordIO file, read as if they were an array (N, C, size, size).

    Parameters
    ----------
    places : (N,) PLACE
    companion : Path
        A file of `RecordFile.write`.

    Raises
    ------
    UserError
        If the companion is missing or not one.
    """

    ndim = 4

    def __init__(self, places: np.ndarray, companion: Path) -> None:
        common = RecordFile.read(companion)
        self.archive, self.params = Path(common.path), common.params
        self.places = places
        size = self.params.size
        self.kept = (
            face_oval(size, self.params.zoom) if self.params.oval else np.ones((size, size), bool)
        )
        self.shape = (len(places), 3 if self.params.colour else 1, size, size)

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Decode and cut the crops of some rows, (B, C, size, size) uint8 or float16.

        Raises
        ------
        UserError
            If the file is missing, or the pictures have changed since.
        """
        crops = [self._crop(int(p["byte"]), int(p["sum"])) for p in self.places[rows]]
        if all(crop.dtype == np.uint8 for crop in crops):
            return np.stack(crops) if crops else np.empty((0, *self.shape[1:]), np.uint8)
        return np.stack([in_halves(crop) for crop in crops])

    def _crop(self, byte: int, expected: int) -> np.ndarray:
        encoded = read_record(self.archive, byte)[1]
        if zlib.crc32(encoded) != expected:
            raise UserError(
                f"{self.archive}, byte {byte}: another picture than when it was cropped; run "
                "`dvc repro` again"
            )
        return cut_aligned(decode(encoded, self.archive, None, None), self.kept, self.params)


def cut_aligned(image: np.ndarray, kept: np.ndarray, params: CropParams) -> np.ndarray:
    """Cut a decoded picture (H, H) or (H, H, 3) that shows a face on the template.

    Returns
    -------
    (C, size, size) uint8 or float16
        What `psface.faces.cropping.crop_capture` cuts, in eight bits where it has no more.
    """
    eight_bit = image.dtype == np.uint8
    same = len(image) == params.size and params.zoom == 1
    if eight_bit and same and not params.even_exposure:
        # The same as below, in a third of the time.
        if params.colour:
            planes = np.stack(cv2.split(image) if image.ndim == 3 else [image] * 3)
        else:
            planes = (to_uint8(grey(image)) if image.ndim == 3 else image)[None]
        return planes * kept if params.oval else planes
    light = rgb(image) if params.colour else grey(image)[..., None]
    cut = crop_image(
        light, similarity(TEMPLATE * len(image), params.size, params.zoom), params.size
    )
    cut = np.moveaxis(cut.reshape(params.size, params.size, -1), -1, 0)
    return stored_pixels(cut, kept, params, eight_bit)
