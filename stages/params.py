"""params.yaml as typed, validated sections, one per stage."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from ruamel.yaml import YAML

from stages.errors import UserError
from stages.files import check_regular

Map = Literal["albedo", "normalmap", "depthmap", "raw", "frames"]
Modality = Literal[
    "albedo",
    "normalmap",
    "depthmap",
    "raw",
    "frames",
    "normalmap-albedo",
    "normalmap-depthmap",
    "albedo-depthmap",
    "all",
]
MAPS: tuple[Map, ...] = get_args(Map)
Backbone = Literal[
    "iresnet18", "iresnet34", "iresnet50", "iresnet101", "iresnet152",
    "ir18", "ir34", "ir50", "ir100", "irse50", "irse101", "irse152",
]  # fmt: skip
DetectorName = Literal[
    "mtcnn", "opencv-haar", "opencv-yunet", "dlib-hog", "dlib-cnn", "mediapipe", "retinaface",
    "yolo-face",
]  # fmt: skip
# "aligned": the pictures are crops on the template already; nothing is detected.
Aligner = Literal[DetectorName, "aligned"]
Head = Literal["magface", "arcface", "cosface", "curricularface", "triplet"]

MAX_PIXELS = 150_000_000  # of a picture: more than any camera of faces has
SHOWN = 5  # faults of params.yaml that are told at once

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class SimulateParams(Section):
    """The embedded default: a population of people and the rig that captures them."""

    identities: Annotated[int, Field(ge=1, le=9999)]
    sessions: Annotated[int, Field(ge=1, le=365)]
    width: Annotated[int, Field(ge=64)]
    height: Annotated[int, Field(ge=64)]
    identity_variance: NonNegative
    yaw_sd: NonNegative
    motion: NonNegative
    noise: NonNegative
    redraw_hair: bool


class ScenesParams(Section):
    """Annotated pictures of simulated people for face detectors."""

    train: Count
    test: Count
    width: Annotated[int, Field(ge=64)]
    height: Annotated[int, Field(ge=64)]
    faces: Count
    smallest: Annotated[float, Field(ge=12)]
    largest: Positive

    @model_validator(mode="after")
    def _sizes_fit(self) -> ScenesParams:
        if not self.smallest <= self.largest <= min(self.width, self.height):
            raise ValueError("smallest <= largest <= the picture's shorter side")
        return self


AnnotationFormat = Literal["dlib", "wider", "fddb"]


class AnnotatedParams(Section):
    """Annotated pictures: the file or folder, its format, and the pictures' folder if another."""

    annotations: Annotated[str, Field(min_length=1)]
    format: AnnotationFormat
    images: str


class TrainMtcnnParams(AnnotatedParams):
    """Training one's own face detector."""

    init_from: str
    epochs: Count
    batch_size: Count
    learning_rate: Positive


class SurveyedDetector(Section):
    """A detector of the survey; None is its own default."""

    detector: DetectorName
    weights: str = ""
    min_face_size: Positive | None = None


class SurveyParams(AnnotatedParams):
    """Face detectors side by side."""

    sides: Annotated[list[Annotated[int, Field(ge=32)]], Field(min_length=1)]
    video_frames: Count
    detectors: Annotated[dict[str, SurveyedDetector], Field(min_length=1)]


class AuditParams(Section):
    """What a data set must be: the limits of every rule of `stages.audit`, which are allowed."""

    root: Annotated[str, Field(min_length=1)]
    metadata: str
    model: str
    adults: Annotated[str, Field(min_length=1)]
    children: Annotated[str, Field(min_length=1)]
    child_age: Positive
    min_pictures: Count
    adult_share: Fraction
    male_share: Fraction
    tolerance: Fraction
    min_side: Count
    max_side: Count
    min_aspect: Positive
    max_aspect: Positive
    min_face: Count
    min_face_share: Fraction
    max_face_share: Fraction
    max_yaw: Annotated[float, Field(gt=0, le=90)]
    max_pitch: Annotated[float, Field(gt=0, le=90)]
    min_brightness: Fraction
    max_brightness: Fraction
    min_contrast: Fraction
    max_contrast: Fraction
    min_colour: NonNegative
    max_blur: Positive
    max_pattern: Positive
    examples: Count

    @model_validator(mode="after")
    def _limits_fit(self) -> AuditParams:
        for low, high in (
            ("min_side", "max_side"),
            ("min_aspect", "max_aspect"),
            ("min_face_share", "max_face_share"),
            ("min_brightness", "max_brightness"),
            ("min_contrast", "max_contrast"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} must not be over {high}")
        if self.adults == self.children or "/" in self.adults + self.children:
            raise ValueError("adults and children are the names of two folders")
        return self


class OverlapParams(Section):
    """What is taken for one picture, and for one person under two names."""

    model: str
    max_distance: Annotated[int, Field(ge=0, le=16)]
    min_agreement: Fraction
    min_similarity: Fraction


class CaptureLimits(Section):
    """What stereo needs of a capture."""

    max_condition: Positive
    max_saturated: Fraction
    min_brightness: Fraction
    bits: Annotated[int, Field(ge=9, le=16)] | None = None
    max_pixels: Annotated[int, Field(ge=1, le=300_000_000)] = MAX_PIXELS


class IngestParams(CaptureLimits):
    """Which captures, in which layout."""

    source: Literal["photoface", "yale", "manifest", "folders", "celeba", "recordio"]
    root: Annotated[str, Field(min_length=1)]
    sessions_per_identity: Count
    lights_per_session: Annotated[int, Field(ge=3)]
    max_angle: Annotated[float, Field(gt=0, le=90)]


class StereoParams(Section):
    """From frames to normals, albedo and depth."""

    register_frames: bool
    exclude_shadows: bool
    integrator: Literal["frankot-chellappa", "least-squares"]


class CropParams(Section):
    """Detection and alignment."""

    size: Annotated[int, Field(ge=32)]
    detector: Aligner
    detector_weights: str
    min_face_size: Annotated[int, Field(ge=12)]
    padding: Annotated[float, Field(ge=0, le=1)]
    oval: bool
    colour: bool
    even_exposure: bool


class SplitParams(Section):
    """Who is trained on, who picks the epoch, who is tested."""

    val: Fraction
    test: Fraction
    min_sessions: Annotated[int, Field(ge=2)]
    max_sessions: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _parts_fit(self) -> SplitParams:
        if self.val + self.test >= 1:
            raise ValueError("val + test must leave something to train on: make their sum under 1")
        if self.max_sessions < self.min_sessions:
            raise ValueError("max_sessions must be at least min_sessions")
        return self


class MagFaceParams(Section):
    """MagFace (Meng et al., CVPR 2021, eq. 2-6): margins and the magnitudes they belong to."""

    scale: Positive
    lower_magnitude: Positive
    upper_magnitude: Positive
    lower_margin: NonNegative
    upper_margin: NonNegative
    lambda_g: NonNegative

    @model_validator(mode="after")
    def _ordered(self) -> MagFaceParams:
        if self.lower_magnitude >= self.upper_magnitude or self.lower_margin > self.upper_margin:
            raise ValueError("each lower_ value must lie under its upper_ value")
        return self


class MarginParams(Section):
    """ArcFace and CosFace: the scale of the cosines, and the margin in radians or in cosine."""

    scale: Positive
    margin: NonNegative


class CurricularFaceParams(MarginParams):
    """CurricularFace: ``alpha`` is the share of the newest batch in its running mean."""

    alpha: Annotated[float, Field(gt=0, le=1)]


class TripletParams(Section):
    """Batch-hard triplets: so many sessions of each person stand in a batch."""

    margin: NonNegative
    sessions_per_person: Annotated[int, Field(ge=2)]


class HeadsParams(Section):
    """A section for each head; the one that ``train.head`` names is used."""

    magface: MagFaceParams
    arcface: MarginParams
    cosface: MarginParams
    curricularface: CurricularFaceParams
    triplet: TripletParams


class TrainParams(Section):
    """The network, its losses and its schedule."""

    seed: Annotated[int, Field(ge=0)]
    backbone: Backbone
    init_from: str
    frozen_parts: Annotated[int, Field(ge=0, le=5)]
    layer_decay: Annotated[float, Field(gt=0, le=1)]
    embedding: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]
    head: Head
    heads: HeadsParams
    tasks: list[str]
    attention: bool
    task_weighting: Literal["fixed", "uncertainty"]
    task_weights: dict[str, NonNegative]
    focal_gamma: NonNegative
    reversal_weight: NonNegative
    erase: bool
    staged: bool
    epochs: Count
    batch_size: Annotated[int, Field(ge=4)]  # halves of it must still have batch statistics
    learning_rate: Positive
    weight_decay: NonNegative

    @model_validator(mode="after")
    def _steps_fit(self) -> TrainParams:
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError("tasks: one stands there twice")
        if self.frozen_parts and not self.init_from:
            raise ValueError("frozen_parts needs init_from: what is frozen would stay random")
        if self.staged and self.epochs <= len(self.tasks):
            raise ValueError("staged training needs an epoch or more for each task and identity")
        return self


class EvaluateParams(Section):
    """How much effort goes into intervals, and how much is pictured."""

    resamples: Annotated[int, Field(ge=100)]
    impostors: Count
    pictured_probes: Count
    pictured_per_condition: Count


class CompareParams(Section):
    """Which experiments are run and compared: parameters to set, by name, each with every seed."""

    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
    runs: Annotated[dict[str, list[str]], Field(min_length=1)]

    @field_validator("runs")
    @classmethod
    def _are_settings(cls, runs: dict[str, list[str]]) -> dict[str, list[str]]:
        for name, settings in runs.items():
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", name):
                raise ValueError(f"{name!r}: a name is of letters, digits and hyphens")
            for setting in settings:
                if "=" not in setting:
                    raise ValueError(f"{name}: {setting!r} is no setting: write name=value")
        return runs


class Params(Section):
    """The whole of params.yaml."""

    seed: Annotated[int, Field(ge=0)]
    modality: Modality
    fusion: Literal["late", "early"]
    attributes: dict[str, dict[str, list[str]]]
    simulate: SimulateParams
    scenes: ScenesParams
    train_mtcnn: TrainMtcnnParams
    survey: SurveyParams
    audit: AuditParams
    overlap: OverlapParams
    ingest: IngestParams
    stereo: StereoParams
    crop: CropParams
    split: SplitParams
    train: TrainParams
    evaluate: EvaluateParams
    compare: CompareParams

    @field_validator("attributes")
    @classmethod
    def _classes(cls, attributes: dict[str, dict[str, list[str]]]) -> Any:
        for attribute, classes in attributes.items():
            if len(classes) < 2:
                raise ValueError(f"{attribute} needs two or more classes")
            values = [value for group in classes.values() for value in group]
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"{attribute}: {', '.join(twice)} stands in more than one class")
            if not all(classes.values()):
                raise ValueError(f"{attribute} has a class without raw values")
        return attributes

    @model_validator(mode="after")
    def _tasks_are_attributes(self) -> Params:
        for task in self.train.tasks:
            if task not in self.attributes:
                known = ", ".join(self.attributes)
                raise ValueError(f"train.tasks: {task} is unknown: use some of {known}")
            if task not in self.train.task_weights:
                raise ValueError(f"train.task_weights lacks {task}, which is in train.tasks")
        return self

    def tasks(self) -> dict[str, dict[str, list[str]]]:
        """The attributes that the network is trained on, in the order of its chain."""
        return {task: self.attributes[task] for task in self.train.tasks}


def maps_of(modality: Modality) -> tuple[Map, ...]:
    """The maps that a modality is made of, in the order of their channels."""
    if modality == "all":
        return ("normalmap", "albedo", "depthmap")
    return tuple(name for name in modality.split("-") if name in MAPS)


def parse_yaml(text: str) -> Any:
    """YAML 1.2 like DVC, which writes params.yaml: in 1.1, a label `no` would be read as false."""
    return YAML(typ="safe", pure=True).load(text)


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml.

    Raises
    ------
    UserError
        If it is missing, no YAML, or has wrong, unknown or missing values, of which it tells the
        first: the parameter, what it is and what is allowed.
    """
    check_regular(path)
    try:
        raw = parse_yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: missing; run from the project's root") from None
    except Exception as error:  # the parser raises whatever odd text runs it into
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{path}: not readable as YAML: {reason}") from error
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        faults = [_describe(path, item)[:300] for item in error.errors()]
        more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        raise UserError("; ".join([*faults[:SHOWN], *more])) from None


def _describe(path: Path, item: Any) -> str:
    name = ".".join(str(part) for part in item["loc"]) or "the file"
    match item["type"]:
        case "literal_error":
            allowed = item["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
            return f"{path}: {name}={item['input']} is unknown: use one of {allowed}"
        case "missing":
            return f"{path}: {name} is missing"
        case "extra_forbidden":
            return f"{path}: {name} is no parameter of psface: remove it or mend its name"
    message = item["msg"].removeprefix("Value error, ")
    given = "" if isinstance(item["input"], dict) else f"={item['input']!r}"
    return f"{path}: {name}{given}: {message[0].lower()}{message[1:]}"
