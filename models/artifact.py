"""A trained model as bytes and back: a description and named arrays in one block that can't run code when read.

The format is that of `twin.snapshot`: magic, version, BLAKE2b-128 of the rest, zlib of (MessagePack header, raw
arrays). Not pickle, which runs whatever a file says. Not Keras' own files or a SavedModel: they hold graphs and
layers by name, and lambdas among them are code; a stream worker would need TensorFlow to read them. Not HDF5: its C
library is large, has no checksum over the whole, and a long list of faults at damaged files. What is written here is
weights and names of the few operations that `models.network` knows, and both are checked before use.
"""

from __future__ import annotations

import zlib
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from models.batch.spec import FeatureSpec
from models.layers import Layer as Layer
from models.layers import Step, steps
from twin import snapshot
from twin.errors import ArtifactError, SnapshotError

FORMAT, FORMAT_VERSION = "lockstep.model", 1

MOST_BYTES = 1 << 20
"""Of an artifact: it travels in the log."""
MOST_INFLATED = 1 << 23
MOST_LAYERS, MOST_FEATURES, MOST_OUTPUTS = 16, 512, 64

F32 = np.float32
Arrays = dict[str, NDArray[Any]]

Text = Annotated[str, Meta(min_length=1, max_length=256)]
Name = Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,128}$")]


class Output(Struct, frozen=True, kw_only=True):
    """What one row of the last layer is.

    Attributes:
        kind: "log_odds" of a target, or a "quantile" of the counter.
        target: Its name; of a quantile, the counter's.
        horizon_s: How far ahead [s].
        level: Of the quantile; 0 for log-odds.
        scale, shift: A quantile in the counter's unit is `scale * row + shift`.
    """

    kind: Literal["log_odds", "quantile"]
    target: Text
    horizon_s: Annotated[int, Meta(ge=1, le=31 * 86400)]
    level: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    scale: float = 1.0
    shift: float = 0.0


class Training(Struct, frozen=True, kw_only=True):
    """What a model was trained on; event time only, so that the same data and seed give the same bytes.

    Attributes:
        begin, end: First and last period used [ms since 1970], the held-out part included.
        samples: Rows that gradients were computed from.
        objective: Of `models.debias`, such as "erm".
        origin: Whether labels were measured or made by the twin: "real", "synthetic" or "both".
        run: Which run made the synthetic ones; empty where there are none.
        twin_version: Of the program that the features were computed with.
        evidence_of: The version that the scores are of, which never learnt from what it was scored on; this one was
            trained again on that, too, and can't be scored there. Empty: they are its own.
        lam: How much of the twin each context was taught, where gradients say it: "first", "last" and "mean" epoch.
        shift: How far the twin's inputs lay from the real ones: "auc", "effective" of "synthetic" samples.
    """

    begin: int
    end: int
    samples: Annotated[int, Meta(ge=0)]
    seed: int
    objective: Name = "erm"
    origin: Literal["real", "synthetic", "both"] = "real"
    run: Annotated[str, Meta(max_length=128)] = ""
    twin_version: Annotated[str, Meta(max_length=64)] = ""
    evidence_of: Annotated[str, Meta(max_length=64)] = ""
    lam: list[dict[str, float]] = []
    shift: dict[str, float] = {}


class ModelArtifact(Struct, frozen=True, kw_only=True, eq=False):
    """A model that the fold can run. Names follow TS 28.105 (mLModelId, mLModelVersion, ModelPerformance).

    Attributes:
        m_l_model_id: What the model is for; its versions follow each other.
        m_l_model_version: A function of everything below but the performance.
        targets: Names, one each log-odds output, in their order.
        horizons: Of the outputs [s], ascending, each once.
        counter: That it speaks of; empty for a failure model.
        granularity_ms: Of the periods it was trained on [ms].
        features: Names of the rows of X, in order.
        marked: Rows that may be missing and have a mark of their own: inputs are the features, then these marks.
        spec: How the features of a counter are made, see `models.batch.features`; None for a failure model.
        model_performance_validation: Score by name, of the held-out last part.
        arrays: "mean" and "deviation" `[num_features]`, and those of the layers, all float32.
    """

    m_l_model_id: Name
    m_l_model_version: Annotated[str, Meta(max_length=64)] = ""
    kind: Literal["congestion", "failure"]
    targets: list[Text]
    horizons: list[int]
    counter: Annotated[str, Meta(max_length=128)] = ""
    granularity_ms: Annotated[int, Meta(ge=1, le=86_400_000)]
    features: list[Name]
    marked: list[int]
    layers: list[Layer]
    outputs: list[Output]
    training: Training
    spec: FeatureSpec | None = None
    model_performance_training: dict[str, float | None] = {}
    model_performance_validation: dict[str, float | None] = {}
    arrays: Arrays = {}


def with_version(artifact: ModelArtifact) -> ModelArtifact:
    """The same, with the version that its content gives it."""
    unnamed = msgspec.structs.replace(
        artifact, m_l_model_version="", model_performance_training={}, model_performance_validation={}
    )
    content = snapshot.digest(_data(unnamed), artifact.arrays)
    return msgspec.structs.replace(artifact, m_l_model_version=f"b{FORMAT_VERSION}-{content[:12]}")


def pack(artifact: ModelArtifact) -> bytes:
    """An artifact as bytes, the same for the same content.

    Raises:
        ArtifactError: It is not one that `unpack` would read.
    """
    check(artifact)
    body = snapshot.pack(_data(artifact), artifact.arrays)
    if len(body) > MOST_BYTES:
        raise ArtifactError(f"the model has {len(body)} bytes, {MOST_BYTES} fit into the log; train a smaller one")
    return body


def unpack(body: bytes) -> ModelArtifact:
    """What `pack` was given.

    Raises:
        ArtifactError: Damaged, too large, of another version, or with a layer, activation or shape that can't be.
    """
    if len(body) > MOST_BYTES:
        raise ArtifactError(f"{len(body)} bytes are no model: at most {MOST_BYTES} are")
    try:
        inflate = zlib.decompressobj()
        inflate.decompress(body[26:], MOST_INFLATED)
        if inflate.unconsumed_tail:
            raise ArtifactError(f"the model unpacks to more than {MOST_INFLATED} bytes")
        data, arrays = snapshot.unpack(body)
    except (SnapshotError, zlib.error) as error:
        raise ArtifactError(f"the model can't be read; the one before stays in use ({error})") from error
    if data.pop("format", None) != FORMAT:
        raise ArtifactError("this is a snapshot of something else, not a model")
    if (version := data.pop("format_version", None)) != FORMAT_VERSION:
        raise ArtifactError(f"the model has format version {version!r:.20}, this program reads {FORMAT_VERSION}")
    try:
        artifact = msgspec.convert(data | {"arrays": {}}, ModelArtifact)
    except (msgspec.MsgspecError, TypeError) as error:
        raise ArtifactError(f"the model's description is wrong: {error}") from error
    artifact = msgspec.structs.replace(artifact, arrays=arrays)
    check(artifact)
    return artifact


def check(artifact: ModelArtifact) -> list[Step]:
    """Make sure that a network can be built from it and that its sums are numbers.

    Returns:
        Its layers, ready to run.

    Raises:
        ArtifactError: It can't.
    """
    a, F = artifact, len(artifact.features)
    if not (0 < F <= MOST_FEATURES and 0 < len(a.layers) <= MOST_LAYERS and 0 < len(a.outputs) <= MOST_OUTPUTS):
        raise ArtifactError(f"{F} features, {len(a.layers)} layers and {len(a.outputs)} outputs make no model")
    if len(set(a.features)) != F or a.marked != sorted(set(a.marked)) or not all(0 <= k < F for k in a.marked):
        raise ArtifactError("a feature is named twice, or a mark is of none")
    log_odds = [o for o in a.outputs if o.kind == "log_odds"]
    if a.outputs[: len(log_odds)] != log_odds or [o.target for o in log_odds] != a.targets or not a.targets:
        raise ArtifactError("the outputs don't begin with the log-odds of the targets")
    if a.horizons != sorted({o.horizon_s for o in a.outputs}):
        raise ArtifactError("the horizons are not those of the outputs")
    if not all(np.isfinite([o.level, o.scale, o.shift]).all() for o in a.outputs):
        raise ArtifactError("an output's scale is no number")
    if (a.kind == "congestion") != (a.spec is not None):
        raise ArtifactError("a congestion model, and no other, says how its features are made")
    if a.spec is not None and (a.spec.names, a.spec.marked) != (a.features, a.marked):
        raise ArtifactError("the features are not those that the description makes")
    if a.spec is not None and (a.spec.counter, a.spec.granularity_ms) != (a.counter, a.granularity_ms):
        raise ArtifactError("the features are of another counter, or of other periods")
    wanted: dict[str, tuple[int, ...]] = {"mean": (F,), "deviation": (F,)}
    width = inputs = F + len(a.marked)
    for number, layer in enumerate(a.layers):
        if layer.kind == "residual" and layer.units != width:
            raise ArtifactError(f"layer {number} adds {layer.units} values to {width}")
        width += inputs if layer.kind == "wide" else 0
        wanted |= {f"{number}/weights": (layer.units, width), f"{number}/bias": (layer.units,)}
        width = layer.units
    if width != len(a.outputs):
        raise ArtifactError(f"the last layer has {width} values for {len(a.outputs)} outputs")
    found = {name: array.shape for name, array in a.arrays.items()}
    if found != wanted:
        odd = sorted({n for n in found.keys() | wanted.keys() if found.get(n) != wanted.get(n)})[0]
        raise ArtifactError(f"array {odd[:40]!r} has the shape {found.get(odd)}, not {wanted.get(odd)}")
    for name, array in a.arrays.items():
        if array.dtype != F32 or not np.isfinite(array).all() or np.abs(array).max(initial=0) > 1e12:
            raise ArtifactError(f"array {name!r} isn't made of ordinary 32-bit numbers")
    if not (a.arrays["deviation"] > 0).all():
        raise ArtifactError("a feature has no deviation")
    return steps(a.layers, a.arrays, F, len(a.marked))


def _data(artifact: ModelArtifact) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(artifact, arrays={}))
    del data["arrays"]
    return data | {"format": FORMAT, "format_version": FORMAT_VERSION}
