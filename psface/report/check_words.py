"""What the checks of stereo found in a capture, in words."""

from __future__ import annotations

import math

from psface.stereo.trust.stereo_check import StereoTrust


def check_rows(trust: StereoTrust) -> list[tuple[str, str]]:
    """A line for each check: what was looked at, and what was found.

    Examples
    --------
    >>> nan = float("nan")
    >>> trust = StereoTrust(
    ...     residual=0.03, left_out=(nan,), left_out_mean=nan, scales=(1.0,), scale_errors=(nan,),
    ...     unexplained=(), disagreeing=(), few_lamps=0.1, motion_px=2.0, motion=0.01,
    ...     clipped=0.0, ambient=nan, ambient_bound=nan, evenness=0.1, warnings=(),
    ... )
    >>> check_rows(trust)[0]
    ('Fit', 'lamps and surface explain each pixel to within 3.0% of its brightness')
    """
    unknown = "the frames do not tell"
    rows = [
        (
            "Fit",
            trust.residual,
            "lamps and surface explain each pixel to within {:.1%} of its brightness",
        ),
        (
            "Left-out lamps",
            trust.left_out_mean,
            "each frame is predicted from the others to within {:.0%} of its brightness",
        ),
        ("Room light", trust.ambient, "places that a lamp cannot reach get {:.1%} of its light"),
        ("Saturation", trust.clipped, "{:.1%} of the face is at the sensor's limit"),
        ("Shadow", trust.few_lamps, "{:.1%} of the face is reached by fewer than three lamps"),
        ("Motion", trust.motion_px, "frames moved by up to {:.1f} px, which was undone"),
    ]
    told = [
        (name, unknown if math.isnan(value) else text.format(value)) for name, value, text in rows
    ]
    off = [f"{s:.2f}" for s in trust.scales if not math.isnan(s)]
    if off:
        told.append(("Lamps' strengths", "over what is stated: " + ", ".join(off)))
    return told
