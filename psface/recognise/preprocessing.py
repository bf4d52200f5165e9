"""Crop captures and pictures as a model's card specifies."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from psface.captures.capture import Capture, Pixels, picture_pixels
from psface.captures.checks import check_frames
from psface.errors import UserError
from psface.faces.cropping import Crop, crop_capture, crop_picture
from psface.faces.trust_findings import checked, restored
from psface.model.card import Card
from psface.stereo.compute import compute_maps
from psface.stereo.trust.stereo_check import StereoTrust
from psface.stereo.trust.trust_warning import TrustWarning


def crop_for(capture: Capture, card: Card) -> Crop:
    """Crop the face of a capture or picture: the one nearest to the centre.

    Raises
    ------
    UserError
        If it cannot be used; the message says why.
    """
    return crop_and_doubts(capture, card)[0]


def crop_and_doubts(capture: Capture, card: Card) -> tuple[Crop, list[TrustWarning]]:
    """As `crop_for`, with what stereo and the face found wrong with the frames and their lights."""
    pixels = checked_pixels(capture, card)
    maps = compute_maps(pixels, card.stereo) if len(pixels.lights) else None
    crop = crop_capture(pixels, maps, card.crop)
    if crop is None:
        raise UserError(no_face(capture.frames[0], card))
    found = json.loads(maps.notes["trust"]) if maps is not None else {}
    both = checked(pixels.lights, restored(StereoTrust, found), crop.trust)
    return crop, [warning for _, warning in both.found()]


def checked_pixels(capture: Capture, card: Card) -> Pixels:
    """Read the frames of a capture or picture, checked against the card.

    Raises
    ------
    UserError
        If the model cannot use it; the message says why.
    """
    check_kind(capture, card)
    check_frames(capture, card.limits)
    return replace(capture, bits=card.limits.bits).pixels(card.crop.colour)


def crop_pixels(pixels: Pixels, card: Card) -> Crop | None:
    """Crop the face of a capture or picture; None if no face is found."""
    maps = None
    if len(pixels.lights):
        maps = compute_maps(pixels, card.stereo)
    return crop_capture(pixels, maps, card.crop)


def crops_on(image: np.ndarray, card: Card) -> list[Crop]:
    """Crop all faces of a picture (H, W) or (H, W, 3), grey or RGB, uint8 or uint16, best first.

    The model must accept pictures: see `check_kind`.
    """
    return crop_picture(picture_pixels(image, card.crop.colour), card.crop)


def check_kind(capture: Capture, card: Card) -> None:
    """Check that the model can use this kind of capture.

    Raises
    ------
    UserError
        If it needs several lights or more frames; the message says which.
    """
    if capture.is_picture and card.maps != ["raw"]:
        raise UserError(
            f"{capture.frames[0]}: one picture; the model (modality {card.modality}) needs "
            "captures under three lights or more"
        )
    needed = dict(zip(card.maps, card.channels, strict=True)).get("frames", 0)
    if len(capture.frames) < needed:
        raise UserError(
            f"{capture.frames[0]}: {len(capture.frames)} frames; the model (modality "
            f"{card.modality}) needs {needed}"
        )


def no_face(path: Path | str, card: Card) -> str:
    """The message for a picture without a face."""
    if card.crop.detector == "aligned":
        return f"{path}: not square, as aligned crops are (crop.detector in the model's card)"
    smallest = card.crop.min_face_size
    return (
        f"{path}: no face of {smallest} px or more (crop.min_face_size in the model's card); tight "
        "crops need a border (--padding 0.3)"
    )
