"""Find balls in pictures: by a mask, or by their own outlines."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from psface.errors import UserError
from psface.rig.calibration.ball_geometry import Ball, fitted_ball
from psface.rig.rig_parts import Camera

SMALLEST = 20.0  # px of radius; highlights in smaller ones are not exact enough
ROUND = 0.03  # of the radius: typical distance of an outline from its circle
SIDES = 360  # directions in which an outline is looked for
SUPPORT = 0.45  # share of them in which one must be
TRUSTED = 0.05  # of the radius: the most that a mask may be off
WINDOWS = (0.15, 0.06, 0.03)  # of the radius: where it is looked for, ever nearer
REMEDY = "give a mask.png that is white where the ball is; it needs over 40 px"


def balls_of_mask(mask: np.ndarray, camera: Camera, path: Path) -> list[Ball]:
    """Fit a ball to each part of a mask, from left to right.

    Parameters
    ----------
    mask : (H, W) bool
    path : Path
        Of the mask, for messages.

    Raises
    ------
    UserError
        If it is empty, or a part is not round, too small, or cut off by the border.

    Examples
    --------
    >>> y, x = np.mgrid[:80, :100]
    >>> mask = np.hypot(x - 50, y - 40) < 30
    >>> [ball] = balls_of_mask(mask, Camera(), Path("mask.png"))
    >>> round(ball.x), round(ball.y), round(ball.radius)
    (50, 40, 30)
    """
    parts = _parts(mask.astype(np.uint8))
    if not parts:
        raise UserError(f"{path}: no ball in the mask; it is white where the ball is")
    balls = []
    for part in parts:
        outline = _outline(part)
        height, width = mask.shape
        on_border = (outline <= 0).any() or (outline >= (width - 1, height - 1)).any()
        middle, _ = fitted_ball(outline, Camera())
        out = outline - (middle.x, middle.y)
        # The centres of a mask's outermost pixels are half a pixel inside of its outline.
        ball, distances = fitted_ball(
            outline + 0.5 * out / np.maximum(np.hypot(*out.T), 1)[:, None], camera
        )
        check_ball(ball, mask.shape, path, bool(on_border))
        if float(np.median(np.abs(distances))) > ROUND * ball.radius:
            raise UserError(f"{path}: the mask is not round; it is white where the ball is")
        balls.append(ball)
    return sorted(balls, key=lambda ball: ball.x)


def check_ball(ball: Ball, shape: tuple[int, ...], path: Path, on_border: bool = False) -> None:
    """Refuse a ball that is too small or not whole.

    Raises
    ------
    UserError
        If it is.
    """
    if ball.radius < SMALLEST:
        raise UserError(
            f"{path}: a ball of {2 * ball.radius:.0f} px, too small for directions to a degree; "
            f"take the pictures from nearer, so that it has over {2 * SMALLEST:.0f}"
        )
    edges = (ball.x, shape[1] - 1 - ball.x, ball.y, shape[0] - 1 - ball.y)
    if on_border or min(edges) < ball.radius - 0.5:
        raise UserError(
            f"{path}: the ball at ({ball.x:.0f}, {ball.y:.0f}) is cut off by the border; take "
            "pictures in which it is whole"
        )


def checked(ball: Ball, frames: np.ndarray, mirror: bool, path: Path) -> Ball:
    """Check a ball of a mask against the outline that the pictures show, where they show one.

    Masks drawn by hand are often a pixel off, which turns the directions of a mirror ball by a
    degree: its outline is corrected if it is off by more than half a pixel. That of a matte ball is
    uneven with its light, so that the mask is to be trusted.

    Parameters
    ----------
    frames : (n, H, W)
        Linear, one per lamp.
    path : Path
        Of the mask, for messages.

    Raises
    ------
    UserError
        If the pictures show a ball in another place.
    """
    image = _dim_parts(frames) if mirror else _bright_parts(frames)
    found = _refined(image, ball, ball.camera, darker_outside=not mirror)
    if found is None:
        others = (_outlined_balls if mirror else _bright_balls)(image, ball.camera)
        found = next((b for b in others if _apart(b, ball) < ball.radius), None)
    if found is None:
        return ball
    off = _apart(found, ball)
    if off > TRUSTED * ball.radius:
        raise UserError(
            f"{path}: the mask is {off:.0f} px off the ball, which the pictures show at "
            f"({found.x:.0f}, {found.y:.0f}) with a radius of {found.radius:.0f} px; draw it "
            "again, or leave it out"
        )
    return found if mirror and off > 0.5 else ball


def _apart(first: Ball, second: Ball) -> float:
    """How far two outlines are from each other, in pixels."""
    shift = np.hypot(first.x - second.x, first.y - second.y)
    return float(shift) + abs(first.radius - second.radius)


def find_balls(frames: np.ndarray, camera: Camera, path: Path) -> list[Ball]:
    """Find balls by what stands out in the frames together, from left to right.

    A matte ball is brighter than what is behind it; a mirror ball shows by its outline alone.

    Parameters
    ----------
    frames : (n, H, W)
        Linear, one per lamp.
    path : Path
        Of their folder, for messages.

    Raises
    ------
    UserError
        If no outline is clear enough.
    """
    found = _bright_balls(_bright_parts(frames), camera)
    found = found or _outlined_balls(_dim_parts(frames), camera)
    if not found:
        raise UserError(f"{path}: no ball found; {REMEDY}")
    for ball in found:
        check_ball(ball, frames.shape[1:], path)
    return sorted(found, key=lambda ball: ball.x)


def _parts(mask: np.ndarray) -> list[np.ndarray]:
    """Masks of the connected parts, without specks."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    large = [n + 1 for n in range(count - 1) if areas[n] >= max(9, areas.max() / 50)]
    return [(labels == number).astype(np.uint8) for number in large]


def _outline(part: np.ndarray) -> np.ndarray:
    """Outermost pixels (P, 2) of a connected mask."""
    outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return max(outlines, key=len)[:, 0].astype(np.float64)


def _bright_balls(image: np.ndarray, camera: Camera) -> list[Ball]:
    """Bright, round areas with sharp outlines."""
    top = float(np.percentile(image, 99.5))
    levels = np.clip(np.sqrt(np.clip(image / max(top, 1e-6), 0, 1)) * 255, 0, 255).astype(np.uint8)
    level, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)
    found = []
    for part in _parts((levels > level).astype(np.uint8)):
        area = int(part.sum())
        if area < np.pi * (SMALLEST / 2) ** 2:
            continue
        start, _ = fitted_ball(_outline(part), Camera())
        if not 0.7 < area / (np.pi * start.radius**2) < 1.4:
            continue
        ball = _refined(image, start, camera, darker_outside=True)
        if ball is not None and ball.radius > SMALLEST:
            found.append(ball)
    return found


def _bright_parts(frames: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(frames.max(axis=0).astype(np.float32), (0, 0), 1.0)


def _dim_parts(frames: np.ndarray) -> np.ndarray:
    """The frames' mean without highlights, which are far brighter than what shows an outline."""
    mean = frames.mean(axis=0)
    level = max(float(np.percentile(mean, 60)) * 4, 1e-4)
    return cv2.GaussianBlur(np.minimum(mean / level, 1).astype(np.float32), (0, 0), 1.5)


def _outlined_balls(image: np.ndarray, camera: Camera) -> list[Ball]:
    """Balls whose whole outlines show, the clearest first, none over another."""
    grey = (image * 255).astype(np.uint8)
    size = min(image.shape)
    circles = cv2.HoughCircles(
        grey, cv2.HOUGH_GRADIENT_ALT, 1.5, size / 4,
        param1=60, param2=0.6, minRadius=int(SMALLEST), maxRadius=size // 2,
    )  # fmt: skip
    if circles is None:
        return []
    starts = [Ball(float(x), float(y), float(r), Camera()) for x, y, r, *_ in circles[0][:8]]
    refined = [_refined(image, start, camera, darker_outside=False) for start in starts]
    kept: list[Ball] = []
    for ball in (ball for ball in refined if ball is not None and ball.radius > SMALLEST):
        if all(np.hypot(ball.x - b.x, ball.y - b.y) > 0.9 * (ball.radius + b.radius) for b in kept):
            kept.append(ball)
    return kept


def _refined(image: np.ndarray, start: Ball, camera: Camera, darker_outside: bool) -> Ball | None:
    """Fit a ball to where the image changes most on rays from its middle; None if unclear."""
    ball, distances = start, np.zeros(0)
    for window in WINDOWS:
        points, steps = _edges(image, ball, window, darker_outside)
        clear = steps > 0.25 * np.percentile(steps, 90)
        if clear.sum() < SUPPORT * SIDES:
            return None
        ball, distances = fitted_ball(points[clear], Camera())
        if not 0.5 < ball.radius / start.radius < 2:
            return None
    near = points[clear][np.abs(distances) < max(0.01 * ball.radius, 1)]
    # Noise has edges anywhere: an outline is where the strongest ones of a wide band are.
    wide, _ = _edges(image, ball, WINDOWS[0], darker_outside)
    out = np.hypot(*(wide - (ball.x, ball.y)).T) - ball.radius
    if (np.abs(out) < max(0.015 * ball.radius, 1)).sum() < SUPPORT * SIDES:
        return None
    return fitted_ball(near, camera)[0]


def _edges(
    image: np.ndarray, ball: Ball, window: float, darker_outside: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Points (SIDES, 2) of the strongest change of brightness near a circle, and its strength."""
    turns = np.linspace(0, 2 * np.pi, SIDES, endpoint=False)
    reach = max(window * ball.radius, 3)
    offsets = np.arange(-reach, reach + 0.25, 0.25)
    x = ball.x + np.cos(turns)[:, None] * (ball.radius + offsets)
    y = ball.y + np.sin(turns)[:, None] * (ball.radius + offsets)
    profiles = cv2.remap(
        image, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    change = np.gradient(cv2.GaussianBlur(profiles, (0, 0), sigmaX=3, sigmaY=0.01), axis=1)
    rise = -change if darker_outside else np.abs(change)
    best = np.clip(rise.argmax(axis=1), 1, len(offsets) - 2)
    line = np.arange(SIDES)
    left, peak, right = rise[line, best - 1], rise[line, best], rise[line, best + 1]
    bend = np.where(np.abs(left - 2 * peak + right) < 1e-12, -1, left - 2 * peak + right)
    radius = ball.radius + offsets[best] + 0.25 * np.clip(0.5 * (left - right) / bend, -1, 1)
    points = (ball.x + radius * np.cos(turns), ball.y + radius * np.sin(turns))
    return np.stack(points, axis=1), peak
