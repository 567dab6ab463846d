"""What the API takes and answers; fractions in [0, 1]."""

from typing import Literal

from pydantic import BaseModel, Field

ClassifierName = Literal["parts", "models"]


class ClassifyForm(BaseModel):
    """What is asked of a classifier besides the photo."""

    recogniser: ClassifierName | None = Field(None, description="Which classifier answers; the first served where left out.")
    explain: bool = Field(False, description="Whether to draw which places of the photo speak for the answer.")


class VerifyForm(BaseModel):
    """What is asked of the verifier besides the two photos."""

    explain: bool = Field(False, description="Whether to draw which places of the photos make them alike.")


class SearchForm(BaseModel):
    """What is asked of the gallery besides the photo."""

    k: int = Field(5, ge=1, le=20, description="How many names to tell at most.")


class Candidate(BaseModel):
    """A class that the photo may show."""

    class_name: str
    probability: float


class HierarchyLevel(BaseModel):
    """What is said at one level, such as the make; `is_sure` is null without a calibration."""

    name: str
    value: str
    probability: float
    is_sure: bool | None


class Classification(BaseModel):
    """What a photo shows; `rejected` is null without a calibration, `heatmap` a data URI where it was asked for."""

    recogniser: ClassifierName
    class_name: str
    probability: float
    rejected: bool | None
    verdict: str
    top: list[Candidate]
    hierarchy: list[HierarchyLevel]
    heatmap: str | None


class VerificationAnswer(BaseModel):
    """Whether two photos show the same car; without a calibration there is only the score.

    `abstain_scores` are the scores between which a person should look; `impostors_above` is the share of the calibration's pairs of
    different cars that scored at least this much, `genuine_below` the share of those of the same car that scored less.
    """

    score: float
    probability: float | None
    threshold: float | None
    is_same: bool | None
    is_uncertain: bool
    impostors_above: float | None
    genuine_below: float | None
    abstain_scores: list[float] | None
    verdict: str
    heatmaps: list[str] | None


class GalleryMatch(BaseModel):
    """A name of the gallery, by its photo that is most alike."""

    name: str
    score: float
    probability: float | None
    thumbnail: str | None


class SearchAnswer(BaseModel):
    """Where in the gallery a car is; `is_known` and `threshold` are null without a calibration."""

    is_known: bool | None
    threshold: float | None
    verdict: str
    matches: list[GalleryMatch]


class Figure(BaseModel):
    """A figure of the last evaluation, with its 95 % interval."""

    value: float
    low: float
    high: float


class Accuracy(Figure):
    """The share of right answers in the last evaluation, with its 95 % interval."""

    n_photos: int


class EqualErrorRate(Figure):
    """The equal error rate in the last evaluation, with its 95 % interval."""

    n_pairs: int


class RecogniserInfo(BaseModel):
    """What a recogniser knows; what does not apply to it, or was not measured, is null."""

    name: Literal["parts", "models", "verifier", "gallery"]
    kind: str
    task: Literal["classify", "verify", "search"]
    class_names: list[str]
    trained: str | None
    n_train: int | None
    accuracy: Accuracy | None = None
    eer: EqualErrorRate | None = None
    is_calibrated: bool
    n_names: int | None = None
    n_photos: int | None = None


class RecogniserList(BaseModel):
    """What is served, and by which version of car-recog."""

    recognisers: list[RecogniserInfo]
    version: str


class Status(BaseModel):
    """Whether the server lives, or is ready."""

    status: Literal["live", "ready"]


class Problem(BaseModel):
    """An error after RFC 9457; `detail` says what to do."""

    type: str
    title: str
    status: int
    detail: str
