"""Redundancy of a model over a whole dataset, after or without training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any, Literal, get_args

import keras

from nano_u.capture.model_inputs import build_with
from nano_u.capture.selection import Selector, select_layers
from nano_u.data.names import shortened
from nano_u.errors import ConfigError, DataError
from nano_u.monitoring.batch_norm_watch import BatchNormWatch
from nano_u.monitoring.input_batches import InputBatches, first_images, image_count, input_batches
from nano_u.monitoring.options import check_whole_number
from nano_u.monitoring.probe import ActivationProbe
from nano_u.monitoring.scoring import ExtraMetrics, score_layers
from nano_u.monitoring.stream_moments import measure_stream
from nano_u.redundancy import LayerRedundancy, Mode, aggregate

logger = logging.getLogger(__name__)

Spatial = Literal["pixels", "mean"]
Progress = Callable[[int, int | None], None]
"""Called with the images done and the images in all, None where nobody knows."""

MAX_CHANNELS = 256
BATCH_SIZE = 16


def analyze_layers(
    model: keras.Model,
    data: Any,
    *,
    layers: Sequence[Selector] | Selector | None = None,
    max_samples: int | None = None,
    max_channels: int | None = MAX_CHANNELS,
    spatial: Spatial = "pixels",
    batch_size: int = BATCH_SIZE,
    mode: Mode = "inference",
    extra_metrics: ExtraMetrics | None = None,
    progress: Progress | None = None,
) -> tuple[LayerRedundancy, ...]:
    """One record per selected layer, in network order, over all of `data` in constant memory.

    Args:
        model: any Keras model; it is the same to the byte afterwards, in training mode too.
        data: an array, `(x, y)`, a dictionary of arrays by input name, an `ImageSet`, or batches: a `tf.data.Dataset`,
            a `PyDataset`, a generator or another iterable, with or without labels. Arrays go in as they are, an
            `ImageSet` as float32 in [0, 1].
        layers: names, paths, `/regex/`, layers, roles or "output"; activations and linear inputs by default.
        max_samples: look at the first so many images only, as a monitor with that setting does.
        max_channels: wider layers are scored on a fixed subset of their channels; None scores them whole.
        spatial: "pixels" takes each pixel as a sample, "mean" the mean of each image.
        batch_size: images per forward pass, where `data` is not in batches already.
        mode: "inference", or "training" for BatchNorm and Dropout as in training, on the statistics of each batch.
        extra_metrics: functions of the covariance, by name.
        progress: told after each batch.

    The interval comes from 20 blocks of consecutive images: of `max_samples` where it is given (fewer are filled when
    fewer images come), else of all. A generator, which can be read only once and may end at any time, fills 11 to 20.

    Raises:
        ConfigError: an unknown layer, or an option out of its range.
        DataError: no images, or images that the model does not take.
    """
    check_options(max_samples, max_channels, spatial, batch_size, mode)
    stream = input_batches(data, batch_size, counted=max_samples is None)
    images = stream.images if max_samples is None else max_samples
    batches = first_images(stream.batches, max_samples)
    if not model.built:
        batches = _build(model, batches)
    selection = select_layers(model, layers)
    watch = BatchNormWatch(selection)
    training = mode == "training"
    also = None if training else watch.observe
    probe = ActivationProbe(selection, spatial=spatial, max_channels=max_channels, training=training, also=also)
    batches = _told(batches, progress, _expected(stream, max_samples))
    if images == 0:
        raise DataError(f"{model.name}: no images to observe")
    with _unchanged(model):
        moments = measure_stream(probe, batches) if images is None else probe.measure(batches, images)
    _warn_of_batch_norm(model, watch.unsettled())
    return score_layers(moments, mode=mode, extra_metrics=extra_metrics)


def analyze_model_redundancy(
    model: keras.Model,
    data: Any,
    *,
    layers: Sequence[Selector] | Selector | None = None,
    max_samples: int | None = None,
    max_channels: int | None = MAX_CHANNELS,
    spatial: Spatial = "pixels",
    batch_size: int = BATCH_SIZE,
    mode: Mode = "inference",
    extra_metrics: ExtraMetrics | None = None,
) -> dict[str, Any]:
    """`{"layers": {name: fields}, "aggregate": fields}` of a whole dataset, ready for JSON; None is undefined.

    Arguments and errors are those of `analyze_layers`.
    """
    records = analyze_layers(
        model,
        data,
        layers=layers,
        max_samples=max_samples,
        max_channels=max_channels,
        spatial=spatial,
        batch_size=batch_size,
        mode=mode,
        extra_metrics=extra_metrics,
    )
    return redundancy_dict(records)


def redundancy_dict(records: Sequence[LayerRedundancy]) -> dict[str, Any]:
    """The promised dictionary of `analyze_model_redundancy`, from its records."""
    return {
        "layers": {record.layer: _fields(record) for record in records},
        "aggregate": aggregate(records).scalars(),
    }


def _fields(record: LayerRedundancy) -> dict[str, Any]:
    """A record's scalars, with `keep` and `histogram` as lists."""
    keep, histogram = record.keep, record.histogram
    return {
        **record.scalars(),
        "keep": None if keep is None else list(keep),
        "histogram": None if histogram is None else list(histogram),
    }


def check_options(max_samples: int | None, max_channels: int | None, spatial: str, batch_size: int, mode: str) -> None:
    """Raise ConfigError, in one line, for an option of `analyze_layers` that is out of its range."""
    for name, value, allowed in (("spatial", spatial, get_args(Spatial)), ("mode", mode, get_args(Mode))):
        if value not in allowed:
            raise ConfigError(f"{name} must be {' or '.join(map(repr, allowed))}, got {value!r}")
    lowest = {"max_samples": (max_samples, 1), "max_channels": (max_channels, 2), "batch_size": (batch_size, 1)}
    for name, (number, least) in lowest.items():
        if number is not None:
            check_whole_number(name, number, least=least)


def _warn_of_batch_norm(model: keras.Model, unsettled: Sequence[str]) -> None:
    if unsettled:
        logger.warning(
            "%s: BatchNorm has not settled in %s: its running statistics are not those of these images; "
            "compare mode='training'",
            model.name,
            shortened(list(unsettled), 3),
        )


def _expected(stream: InputBatches, max_samples: int | None) -> int | None:
    numbers = [number for number in (stream.images, max_samples) if number is not None]
    return min(numbers, default=None)


def _build(model: keras.Model, batches: Iterator[Any]) -> Iterator[Any]:
    """Make the weights of a model that has seen no input yet, which may also make its layers."""
    batch = next(batches, None)
    if batch is None:
        return batches
    try:
        build_with(model, batch)
    except (ValueError, TypeError) as error:
        raise DataError(f"{model.name}: cannot run on the images given: {str(error).splitlines()[0]}") from error
    return chain([batch], batches)


def _told(batches: Iterable[Any], progress: Progress | None, images: int | None) -> Iterator[Any]:
    """The same batches; `progress` hears of each when the next one is asked for."""
    seen = 0
    for batch in batches:
        yield batch
        seen += image_count(batch)
        if progress is not None:
            progress(seen if images is None else min(seen, images), images)


@contextmanager
def _unchanged(model: keras.Model) -> Iterator[None]:
    """Put back what a forward pass may move: running statistics and the states of random generators."""
    before = [(variable, keras.ops.convert_to_numpy(variable).copy()) for variable in model.non_trainable_variables]
    try:
        yield
    finally:
        for variable, value in before:
            variable.assign(value)
