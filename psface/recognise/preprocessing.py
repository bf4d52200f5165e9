"""From captures and pictures to crops as a model's card wants them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture, Pixels, picture_pixels
from psface.captures.checks import check_frames
from psface.errors import UserError
from psface.faces.cropping import Crop, crop_capture, crop_picture
from psface.model.card import Card
from psface.stereo.compute import compute_maps


def crop_for(capture: Capture, card: Card) -> Crop:
    """The face of a capture, or of a picture: the one that is nearest to the centre.

    Raises
    ------
    UserError
        If it cannot be used; the message says why.
    """
    crop = crop_pixels(checked_pixels(capture, card), card)
    if crop is None:
        raise UserError(no_face(capture.frames[0], card))
    return crop


def checked_pixels(capture: Capture, card: Card) -> Pixels:
    """The frames of a capture or a picture.

    Raises
    ------
    UserError
        If the model cannot use it; the message says why.
    """
    check_kind(capture, card)
    check_frames(capture, card.limits)
    return replace(capture, bits=card.limits.bits).pixels(card.crop.colour)


def crop_pixels(pixels: Pixels, card: Card) -> Crop | None:
    """The face of a capture, or of a picture; None where none is found."""
    maps = None
    if len(pixels.lights):
        maps = compute_maps(pixels.grey, pixels.lights, card.stereo)
    return crop_capture(pixels, maps, card.crop)


def crops_on(image: np.ndarray, card: Card) -> list[Crop]:
    """All faces of a picture (H, W) or (H, W, 3), grey or RGB, uint8 or uint16; the surest first.

    The model must be one for pictures: see `check_kind`.
    """
    return crop_picture(picture_pixels(image, card.crop.colour), card.crop)


def check_kind(capture: Capture, card: Card) -> None:
    """Whether a model can use such a capture.

    Raises
    ------
    UserError
        If it needs captures under several lights, or more frames; the message says so.
    """
    if capture.is_picture and card.maps != ["raw"]:
        raise UserError(
            f"{capture.frames[0]}: one picture; the model (modality {card.modality}) needs "
            "captures under three lights or more"
        )
    wanted = dict(zip(card.maps, card.channels, strict=True)).get("frames", 0)
    if len(capture.frames) < wanted:
        raise UserError(
            f"{capture.frames[0]}: {len(capture.frames)} frames; the model (modality "
            f"{card.modality}) needs {wanted}"
        )


def no_face(path: Path | str, card: Card) -> str:
    """What to say of a picture without a face."""
    if card.crop.detector == "aligned":
        return f"{path}: not square, as aligned crops are (crop.detector of the model's card)"
    smallest = card.crop.min_face_size
    return f"{path}: no face of {smallest} px or more (crop.min_face_size of the model's card)"
