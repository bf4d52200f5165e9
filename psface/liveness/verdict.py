"""Whether a capture shows a live face or a copy of one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from psface.faces.cropping import Crop
from psface.faces.lamp_check import MARGIN
from psface.liveness.eye_highlights import eye_highlights
from psface.liveness.relief import Relief, measure_relief

# Below all live captures that were looked at, 1107 by the simulator's realistic rig (of 900 in full
# size, 1% are under 0.55 and 5% under 0.63), 174 of Extended Yale B (1% under 0.43) and one of
# Photoface (0.39), and above all prints and screens (0.32 at most): `psface measure liveness`.
THRESHOLD = 0.35
FLAT = 0.01  # of `Relief.outside_rank_1`: below, it is a plane
SMOOTH = 0.6  # of `Relief.beyond_sheet`: below, it is a bent sheet, or a print with highlights
ONE_FRAME = "cannot tell from one frame; record the face under three lamps or more"
LITTLE = "cannot tell: too little of the face is lit by three lamps"


@dataclass(frozen=True)
class Liveness:
    """What the lamps show of a face.

    Attributes
    ----------
    score : float
        In [0, 1]: how much the face's relief agrees with a face's, less ``disorder``. About 0 for
        pictures of faces; NaN if it cannot be told.
    relief : Relief or None
        None for a picture.
    disorder : float
        How much better the frames fit the lamps in another order, or from the other side, beyond
        what sound captures do.
    eyes : float
        Highlights that move with the lamps (`psface.liveness.eye_highlights`); no part of the
        score.
    """

    score: float
    relief: Relief | None
    disorder: float = 0.0
    eyes: float = math.nan

    def verdict(self, threshold: float) -> str:
        """``yes``, ``no``, or empty if it cannot be told."""
        if math.isnan(self.score):
            return ""
        return "yes" if self.score >= threshold else "no"

    def reason(self, threshold: float) -> str:
        """Why it is not live, or cannot be told; empty if it is live."""
        if self.relief is None:
            return ONE_FRAME
        if math.isnan(self.score):
            return LITTLE
        if self.score >= threshold:
            return ""
        if self.relief.outside_rank_1 < FLAT:
            return "flat: all frames are one picture, brighter or darker"
        if self.relief.beyond_sheet < SMOOTH:
            return "a smooth sheet, without the relief of a face"
        if self.disorder:
            return "its frames are not in the order of the lamps"
        return "its relief is not a face's"


PICTURE = Liveness(math.nan, None)  # of one frame


def liveness(crop: Crop) -> Liveness:
    """Judge an aligned crop of a capture under three lamps or more.

    The score is the concordance of the crop's relief with a mean face's
    (`psface.liveness.relief`), less what the lamps' best order explains the face better than the
    one that is given (`psface.faces.lamp_check.LampTrust.margin`, a log of misfit) beyond the
    `MARGIN` that sound captures stay under; at least 0. A print or a screen has no relief, and a
    video that is played to the lamps in another order has a wrong one. What has a face's relief
    passes: masks, and a screen that shows the right frame of a recording under each lamp.
    """
    if "normalmap" not in crop.planes:
        return PICTURE
    relief = measure_relief(crop.whole["normalmap"])
    if math.isnan(relief.strength):
        return Liveness(math.nan, relief)
    disorder = max(crop.trust.margin - MARGIN, 0.0) if crop.trust else 0.0
    score = max(relief.agreement - disorder, 0.0)
    return Liveness(score, relief, disorder, eye_highlights(crop.whole["frames"]))
