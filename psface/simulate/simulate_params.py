"""Section ``simulate`` of params.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from psface.config import NonNegative, Section
from psface.rig.response import Response

NEAREST_MM = 300.0  # of camera and lamps: closer, they would stand among the shoulders

Share = Annotated[float, Field(ge=0, le=1)]


class RigParams(Section):
    """What the rig does that an ideal one does not; the defaults are the ideal rig.

    Attributes
    ----------
    camera_distance_mm : float
        From the camera to the middle of the face; 0 is an orthographic camera.
    lamp_distance_mm : float
        From the lamps to the middle of the face; 0 is distant lamps.
    lamp_spread : float
        Strengths are spread evenly over 1 +- this, in an order drawn once for the rig.
    lamp_anisotropy : float
        Exponent of the cosine by which near lamps weaken off their axis, which meets the face.
    ambient : float or None
        The room's light, as a share of a lamp's; None draws a little for every capture.
    ambient_frame : bool
        Whether every capture comes with ``ambient.png``, a frame with all lamps off.
    response : Response
        How the frames' values grow with light.
    vignetting : float
        Share of the light that the corners of a frame lose; it grows with the distance squared.
    auto_exposure : bool
        Whether the camera exposes each frame for its own brightness.
    failed_lamp : float
        Share of the captures in which one lamp stays dark.
    shuffled : float
        Share of the captures whose frames are out of order.
    varied : bool
        Whether every capture has a rig of its own: three to eight lamps, whose directions alone it
        tells (`psface.simulate.varied_rig`).
    """

    camera_distance_mm: NonNegative = 0.0
    lamp_distance_mm: NonNegative = 0.0
    lamp_spread: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    lamp_anisotropy: NonNegative = 0.0
    ambient: Share | None = None
    ambient_frame: bool = False
    response: Response = "linear"
    vignetting: Annotated[float, Field(ge=0, le=0.9)] = 0.0
    auto_exposure: bool = False
    failed_lamp: Share = 0.0
    shuffled: Share = 0.0
    varied: bool = False

    @model_validator(mode="after")
    def _possible(self) -> RigParams:
        for name in ("camera_distance_mm", "lamp_distance_mm"):
            if 0 < getattr(self, name) < NEAREST_MM:
                raise ValueError(f"{name} is 0 or at least {NEAREST_MM:g}")
        if self.lamp_anisotropy and not self.lamp_distance_mm:
            raise ValueError("lamp_anisotropy needs a lamp_distance_mm: distant lamps have no cone")
        if self.varied:
            for name in ("lamp_distance_mm", "lamp_spread", "ambient_frame", "auto_exposure"):
                if getattr(self, name):
                    raise ValueError(f"varied draws lamps for every capture: switch {name} off")
            if self.response != "linear":
                raise ValueError("varied captures tell directions alone: set response to linear")
        return self

    @property
    def ideal(self) -> bool:
        """Whether nothing is switched on."""
        return self == RigParams()


class SimulateParams(Section):
    """The built-in default: a population of people and the rig that captures them."""

    identities: Annotated[int, Field(ge=1, le=9999)]
    sessions: Annotated[int, Field(ge=1, le=365)]
    width: Annotated[int, Field(ge=64)]
    height: Annotated[int, Field(ge=64)]
    identity_variance: NonNegative
    fine_detail: NonNegative = 0.0
    yaw_sd: NonNegative
    motion: NonNegative
    noise: NonNegative
    redraw_hair: bool
    rig: RigParams = RigParams()
