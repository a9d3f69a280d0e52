"""Does the redundancy record foresee what removing channels costs? Real images, several seeds, without surgery.

    python benchmarks/predictive_validity.py [--data DIR] [--seeds 1 2 3] [--epochs 60] [--draws 5] [--cache DIR]

Trains the default network (nets in `--cache` are read again, so that the evaluation alone can be repeated). At each
point that a pointwise convolution or the head reads, 12, 25 and 50 % of the channels are taken away by editing that
consumer's kernel in place: the rows of the dropped channels become zero and, when folded, what least squares says about
them is added to the kept rows and to the bias (or BatchNorm's mean). One layer at a time, without retraining.

The kept channels are chosen by our pivoted Cholesky order on the correlation, by the L1 norm of the filters that make
them, by their variance, and by chance. "Pivoted as read" is the choice of `nano-u shrink`: pivoted
Cholesky on the covariance, each channel weighted by the norm of the consumer's row that reads it.
Covariances come from training images; loss and IoU from validation images, on which the checkpoint was chosen; test
images are not looked at. Printed, whatever they are: the rise of the loss by method, and Spearman's correlation over
layers x fractions between what the record predicts and the rise with our choice, folded.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from camvid_accuracy import CAMVID, trained
from intervals import Estimate, machine, t_interval
from nano_u.capture.selection import select_layers
from nano_u.config import load_experiment
from nano_u.data import ImageSet, load_data
from nano_u.errors import NanoUError
from nano_u.models import load_model
from nano_u.monitoring.probe import ActivationProbe
from nano_u.redundancy import (
    GroupMoments,
    LayerRedundancy,
    Reconstruction,
    linear_reconstruction,
    measure_layer,
    select_channels,
)
from nano_u.redundancy.correlation import correlation_matrix
from nano_u.redundancy.live_channels import live_channels
from nano_u.redundancy.student_t import student_t_95

FRACTIONS = (0.12, 0.25, 0.5)
FEWEST_CHANNELS = 8  # an eighth of them is one channel
IGNORED = 255
OURS, AS_READ, MAGNITUDE, VARIANCE, CHANCE = "ours", "pivoted as read", "L1 magnitude", "variance", "chance"
METHODS = (OURS, AS_READ, MAGNITUDE, VARIANCE, CHANCE)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Point:
    """A tensor that a 1x1 convolution reads: that consumer, the BatchNorm behind it, and the L1 norm of each filter
    `(channels,)` that produces it."""

    name: str
    consumer: keras.layers.Conv2D
    norm: keras.layers.BatchNormalization | None
    magnitude: Array


@dataclass(frozen=True)
class Removal:
    """What one removal cost, and what was predicted from the training images.

    `residual_share` is the mean share of their variance that the dropped channels lose, `residual_variance` the sum of
    what they lose, `output_share` the share of the variance of the consumer's output that is lost with it.
    """

    seed: int
    layer: str
    fraction: float
    method: str
    folded: bool
    loss_rise: float
    iou_drop: float
    residual_share: float
    residual_variance: float
    output_share: float
    redundancy_score: float


PREDICTORS: dict[str, Callable[[Removal], float]] = {
    "mean residual share of the dropped channels": lambda removal: removal.residual_share,
    "summed residual variance of the dropped channels": lambda removal: removal.residual_variance,
    "lost share of the consumer's output variance": lambda removal: removal.output_share,
    "redundancy score of the layer, negated": lambda removal: -removal.redundancy_score,
}


def points_of(model: keras.Model) -> tuple[Point, ...]:
    """Every input of a 1x1 convolution with enough channels, in network order."""
    found = []
    for layer in model.layers:
        if not isinstance(layer, keras.layers.Conv2D) or tuple(layer.kernel_size) != (1, 1):
            continue
        if layer.kernel.shape[2] < FEWEST_CHANNELS:
            continue
        readers = [other for other in model.layers if other is not layer and other.input is layer.output]
        norm = readers[0] if len(readers) == 1 and isinstance(readers[0], keras.layers.BatchNormalization) else None
        if norm is None and layer.bias is None:
            continue  # nowhere to put the intercept
        producer = layer.input._keras_history.operation
        found.append(Point(producer.name, layer, norm, _filter_norms(producer)))
    return tuple(found)


def _filter_norms(layer: keras.layers.Layer) -> Array:
    """L1 norm per output channel of the nearest convolution upstream."""
    while not isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
        layer = layer.input._keras_history.operation
    kernel = np.abs(np.asarray(layer.kernel, np.float64))
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    return kernel.sum(axis=(0, 1, 3) if is_depthwise else (0, 1, 2))


def pivot_order(covariance: Array, mean: Array) -> list[int]:
    """All channels, the most needed first: pivoted Cholesky on the live ones, what it leaves over, then dead ones."""
    live = live_channels(np.diagonal(covariance), mean)
    numbers = np.flatnonzero(live)
    chosen = select_channels(correlation_matrix(covariance[np.ix_(numbers, numbers)]), limit=0.0).keep
    order = [int(numbers[index]) for index in chosen]
    rest = sorted(set(range(len(mean))) - set(order), key=lambda channel: (not live[channel], channel))
    return order + rest


def weighted_pivot_order(covariance: Array, weights: Array) -> list[int]:
    """Pivoted Cholesky on the covariance of channels times `weights`: the largest rest of variance comes first."""
    rest = covariance * weights[:, None] * weights
    left, order = list(range(len(weights))), []
    while left:
        pivot = max(left, key=lambda channel: float(rest[channel, channel]))
        left.remove(pivot)
        order.append(pivot)
        if rest[pivot, pivot] > 0:
            rest = rest - np.outer(rest[pivot], rest[pivot]) / rest[pivot, pivot]
    return order


def orders(point: Point, covariance: Array, mean: Array, *, draws: int, seed: int) -> dict[str, list[list[int]]]:
    """Orders of keeping by method; several for chance."""
    rng = np.random.default_rng([seed, len(mean), len(point.name)])
    strength = np.linalg.norm(np.asarray(point.consumer.kernel, np.float64)[0, 0], axis=1)
    return {
        OURS: [pivot_order(covariance, mean)],
        AS_READ: [weighted_pivot_order(covariance, strength)],
        MAGNITUDE: [np.argsort(-point.magnitude, kind="stable").tolist()],
        VARIANCE: [np.argsort(-np.diagonal(covariance), kind="stable").tolist()],
        CHANCE: [rng.permutation(len(mean)).tolist() for _ in range(draws)],
    }


@contextmanager
def removed(point: Point, rebuilt: Reconstruction, *, folded: bool) -> Iterator[None]:
    """Inside the block the consumer does without the dropped channels; folded, the kept ones stand in for them."""
    layer = point.consumer
    kernel = np.asarray(layer.kernel)
    target = layer.bias if layer.bias is not None else point.norm.moving_mean
    offset = np.asarray(target)
    keep, dropped = list(rebuilt.keep), list(rebuilt.dropped)
    edited = kernel.copy()
    edited[0, 0, dropped] = 0
    layer.kernel.assign(edited)
    if folded:
        edited[0, 0, keep] += rebuilt.weights.T @ kernel[0, 0, dropped]
        shift = rebuilt.intercept @ kernel[0, 0, dropped]
        layer.kernel.assign(edited)
        target.assign(offset + shift if layer.bias is not None else offset - shift)  # y - mean = (y + shift) - mean'
    try:
        yield
    finally:
        layer.kernel.assign(kernel)
        target.assign(offset)


def lost_output_share(point: Point, rebuilt: Reconstruction, covariance: Array, *, folded: bool) -> float:
    """Variance of what the consumer no longer computes over the variance of what it computed, summed over outputs."""
    kernel = np.asarray(point.consumer.kernel, np.float64)[0, 0]
    keep, dropped = list(rebuilt.keep), list(rebuilt.dropped)
    rest = covariance[np.ix_(dropped, dropped)]
    if folded:
        rest = rest - rebuilt.weights @ covariance[np.ix_(keep, dropped)]
    lost = np.einsum("df,de,ef->", kernel[dropped], rest, kernel[dropped])
    return float(lost / np.einsum("cf,cd,df->", kernel, covariance, kernel))


class Judge:
    """Loss and IoU of the model as it is now, on held-out images."""

    def __init__(self, model: keras.Model, held_out: ImageSet) -> None:
        self._images = tf.constant(held_out.images.astype(np.float32) / 255)
        self._labels = held_out.masks == 1
        self._valid = held_out.masks != IGNORED
        self._predict = tf.function(lambda images: model(images, training=False), autograph=False)

    def __call__(self) -> tuple[float, float]:
        """Mean binary cross-entropy of the pixels, and their IoU of the class at probability 0.5."""
        logits = self._predict(self._images).numpy().astype(np.float64)
        loss = np.logaddexp(0, logits) - logits * self._labels
        predicted = logits > 0
        union = ((predicted | self._labels) & self._valid).sum()
        return float(loss[self._valid].mean()), float((predicted & self._labels & self._valid).sum() / max(1, union))


def measure(model: keras.Model, seed: int, train: ImageSet, held_out: ImageSet, *, draws: int) -> list[Removal]:
    """All removals of one network."""
    points = points_of(model)
    moments = _moments(model, train)
    judge = Judge(model, held_out)
    loss, iou = judge()
    print(f"seed {seed}: {len(points)} layers, validation loss {loss:.4f}, IoU {iou:.4f}", flush=True)
    removals = []
    for point in points:
        total = moments[point.name].total()
        record = measure_layer(moments[point.name], layer=point.name, mode="inference", linear_input=True)
        _describe(record)
        for method, candidates in orders(point, total.covariance, total.mean, draws=draws, seed=seed).items():
            for order in candidates:
                for fraction in FRACTIONS:
                    kept = len(order) - max(1, round(fraction * len(order)))
                    rebuilt = linear_reconstruction(total.covariance, total.mean, order[:kept])
                    for folded in (True, False):
                        with removed(point, rebuilt, folded=folded):
                            after_loss, after_iou = judge()
                        removals.append(
                            Removal(
                                seed,
                                point.name,
                                fraction,
                                method,
                                folded,
                                after_loss - loss,
                                iou - after_iou,
                                _residual_share(rebuilt, total.covariance),
                                float(rebuilt.residual_variance.sum()),
                                lost_output_share(point, rebuilt, total.covariance, folded=folded),
                                record.redundancy_score or 0.0,
                            )
                        )
    return removals


def _moments(model: keras.Model, images: ImageSet) -> dict[str, GroupMoments]:
    probe = ActivationProbe(select_layers(model, "linear_inputs"), max_channels=None)
    pixels = images.images.astype(np.float32) / 255
    batches = [pixels[start : start + 64] for start in range(0, len(pixels), 64)]
    return {slot.name: found for slot, found in probe.measure(batches, len(pixels))}


def _residual_share(rebuilt: Reconstruction, covariance: Array) -> float:
    variance = np.diagonal(covariance)[list(rebuilt.dropped)]
    shares = np.divide(rebuilt.residual_variance, variance, out=np.zeros_like(variance), where=variance > 0)
    return float(shares.mean())


def _describe(record: LayerRedundancy) -> None:
    removable = "-" if record.removable is None else f"{record.removable:.0%}"
    score = "-" if record.redundancy_score is None else f"{record.redundancy_score:.3f}"
    print(f"  {record.layer:34} {record.num_channels:4} channels, score {score}, removable {removable}", flush=True)


def ranks(values: Sequence[float]) -> Array:
    """Ranks from 1; equal values share the mean of theirs."""
    x = np.asarray(values, np.float64)
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return ((last - counts + 1 + last) / 2)[inverse]


def spearman(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Spearman's rank correlation in [-1, 1]; None where one side does not vary."""
    first, second = ranks(x), ranks(y)
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def spearman_over_layers(x: Sequence[float], y: Sequence[float], layers: Sequence[str]) -> Estimate | None:
    """Spearman's correlation with a 95 % interval by the delete-a-layer jackknife of its Fisher transform.

    Removals of one layer resemble each other, so whole layers are left out. None where nothing varies.
    """
    value = spearman(x, y)
    names = sorted(set(layers))
    if value is None or len(names) < 3:
        return None if value is None else Estimate(value, None, None)
    replicates = []
    for name in names:
        others = [index for index, layer in enumerate(layers) if layer != name]
        left_out = spearman([x[index] for index in others], [y[index] for index in others])
        replicates.append(_fisher(value if left_out is None else left_out))
    spread = (len(names) - 1) * statistics.fmean((one - statistics.fmean(replicates)) ** 2 for one in replicates)
    margin = student_t_95(len(names) - 1) * math.sqrt(spread)
    return Estimate(value, math.tanh(_fisher(value) - margin), math.tanh(_fisher(value) + margin))


def _fisher(correlation: float) -> float:
    return math.atanh(max(-0.999999, min(0.999999, correlation)))


def mean_rises(removals: Sequence[Removal], method: str, folded: bool, fraction: float) -> list[tuple[float, float]]:
    """(rise of the loss, drop of IoU) of each seed, averaged over layers (and draws)."""
    chosen = [one for one in removals if (one.method, one.folded, one.fraction) == (method, folded, fraction)]
    return [
        (
            statistics.fmean(one.loss_rise for one in chosen if one.seed == seed),
            statistics.fmean(one.iou_drop for one in chosen if one.seed == seed),
        )
        for seed in sorted({one.seed for one in chosen})
    ]


def report_methods(removals: Sequence[Removal]) -> None:
    """Rise of the loss by method and fraction, and how much more than ours, folded."""
    titles = ["channels kept by", *(f"loss, {fraction:.0%} removed" for fraction in FRACTIONS)]
    titles += [f"above ours folded, {fraction:.0%}" for fraction in FRACTIONS]
    titles += [f"IoU lost, {fraction:.0%}" for fraction in FRACTIONS]
    print("\nRise of the validation loss, mean over layers, then over seeds with its 95 % t interval\n")
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}")
    for folded in (True, False):
        for method in METHODS:
            by_fraction = [mean_rises(removals, method, folded, fraction) for fraction in FRACTIONS]
            reference = [mean_rises(removals, OURS, True, fraction) for fraction in FRACTIONS]
            cells = [t_interval([rise for rise, _ in rows]).text(4) for rows in by_fraction]
            for rows, ours in zip(by_fraction, reference, strict=True):
                differences = [rise - base for (rise, _), (base, _) in zip(rows, ours, strict=True)]
                is_ours = folded and method == OURS
                cells.append("-" if is_ours else t_interval(differences).text(4, sign=True))
            cells += [f"{statistics.fmean(drop for _, drop in rows):.4f}" for rows in by_fraction]
            print(f"| {method}, {'folded' if folded else 'rows zeroed'} | {' | '.join(cells)} |")


def report_predictions(removals: Sequence[Removal]) -> None:
    """Spearman's correlation of every predictor with the rise of the loss, per seed, pooled, and per fraction."""
    ours = [one for one in removals if one.method == OURS and one.folded]
    seeds = sorted({one.seed for one in ours})
    groups = {f"seed {seed}": [one for one in ours if one.seed == seed] for seed in seeds}
    groups["all seeds"] = ours
    groups |= {
        f"all seeds, {fraction:.0%}": [one for one in ours if one.fraction == fraction] for fraction in FRACTIONS
    }
    print("\nSpearman: prediction from training images and rise of the validation loss (our choice, folded), with the")
    print("95 % interval of a jackknife over layers\n")
    print(f"| predictor | {' | '.join(groups)} |\n|{'---|' * (len(groups) + 1)}")
    for name, predictor in PREDICTORS.items():
        cells = []
        for members in groups.values():
            found = spearman_over_layers(
                [predictor(one) for one in members],
                [one.loss_rise for one in members],
                [one.layer for one in members],
            )
            cells.append("-" if found is None else found.text(2))
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> int:
    """Train or read the networks, remove channels, print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=CAMVID)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--draws", type=int, default=5, help="choices by chance per layer and fraction")
    parser.add_argument("--cache", type=Path, default=Path("runs/predictive_validity"))
    options = parser.parse_args()
    if not options.data.is_dir():
        print(f"skipped: {options.data} is absent (its licence keeps it out of the project)")
        return 0
    removals: list[Removal] = []
    for seed in options.seeds:
        config = load_experiment(None, settings={"data": str(options.data), "epochs": options.epochs, "seed": seed})
        try:
            run = trained(config, options.cache / f"seed{seed}-epochs{options.epochs}")
        except NanoUError as error:
            raise SystemExit(f"predictive_validity: {error}") from error
        data = load_data(str(options.data), config)
        removals += measure(load_model(run.best_model_path), seed, data["train"], data["val"], draws=options.draws)
    report_methods(removals)
    report_predictions(removals)
    layers = len({one.layer for one in removals})
    print(
        f"\n{layers} layers with at least {FEWEST_CHANNELS} channels, {len(options.seeds)} seeds, {options.epochs} "
        f"epochs, chance: mean of {options.draws} draws; {machine()}. Not measured: several layers at once, retraining "
        "after removal, other data."
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
