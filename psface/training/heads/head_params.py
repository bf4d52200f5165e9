"""Section ``train.heads`` of params.yaml, with a part for each head."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from psface.config import NonNegative, Positive, Section


class MagFaceParams(Section):
    """MagFace (Meng et al., CVPR 2021, eq. 2-6): margins and their magnitudes."""

    scale: Positive
    lower_magnitude: Positive
    upper_magnitude: Positive
    lower_margin: NonNegative
    upper_margin: NonNegative
    lambda_g: NonNegative

    @model_validator(mode="after")
    def _ordered(self) -> MagFaceParams:
        if self.lower_magnitude >= self.upper_magnitude or self.lower_margin > self.upper_margin:
            raise ValueError("each lower_ value must be below its upper_ value")
        return self


class MarginParams(Section):
    """ArcFace and CosFace: the scale of the cosines, and the margin in radians or cosine."""

    scale: Positive
    margin: NonNegative


class CurricularFaceParams(MarginParams):
    """CurricularFace: ``alpha`` is the weight of the newest batch in the running mean."""

    alpha: Annotated[float, Field(gt=0, le=1)]


class TripletParams(Section):
    """Batch-hard triplets, with ``sessions_per_person`` captures of each person in a batch."""

    margin: NonNegative
    sessions_per_person: Annotated[int, Field(ge=2)]


class HeadsParams(Section):
    """A section for each head; ``train.head`` selects the one used."""

    magface: MagFaceParams
    arcface: MarginParams
    cosface: MarginParams
    curricularface: CurricularFaceParams
    triplet: TripletParams
