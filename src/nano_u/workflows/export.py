"""From a trained model to int8 files whose sizes and accuracy are proven."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nano_u.data import ImageSet, as_floats
from nano_u.deploy import (
    ExportRecord,
    Verification,
    build_export_record,
    convert_int8,
    to_stock_keras,
    verify_int8,
)
from nano_u.deploy.quantized_writer import write_tflite
from nano_u.deploy.sensitivity import sensitivity
from nano_u.errors import BudgetError, ConfigError, DeployError
from nano_u.evaluation import DEFAULT_THRESHOLD, Evaluation, ThresholdSweep, evaluate, threshold_sweep
from nano_u.models import architecture_of, load_model, save_model
from nano_u.quantization.fake_quantization import QuantizedConvolution
from nano_u.reporting import ExportSizes, Table, accuracy_drop_table, export_table, iou_drop
from nano_u.reporting.sensitivity_table import sensitivity_table, write_sensitivity_csv
from nano_u.runs import atomic_path, write_json, write_text_atomic
from nano_u.training.quantization_aware_model import carry_back
from nano_u.training.trained_int8 import trained_int8
from nano_u.workflows.prediction import float_predictor_of, int8_predictor_of
from nano_u.workflows.source import ModelSource, accuracy_split, find_model, floor_of, split_of

if TYPE_CHECKING:
    import keras

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done and how many there are."""

VERIFIED_IMAGES = 20
SENSITIVITY_IMAGES = 64
THRESHOLD_SPLIT = "val"
ON_REQUEST = ("stock.keras", "sensitivity.csv", "sensitivity.txt")


@dataclass(frozen=True)
class Export:
    """What an export wrote, and the float and int8 accuracy on the same images."""

    folder: Path
    tflite: Path
    record: ExportRecord
    float_evaluation: Evaluation
    int8_evaluation: Evaluation
    split: str
    stock_keras: Path | None
    sensitivity: Table | None = None
    """Layers by what int8 loses in them, worst first; None unless it was asked for."""
    max_iou_drop: float | None = None
    """The IoU that int8 may lose; None where there is no limit."""

    @property
    def iou_drop(self) -> float | None:
        """IoU lost by int8, negative where it gained."""
        return iou_drop(self.float_evaluation.pooled, self.int8_evaluation.pooled)

    def raise_drop(self) -> None:
        """BudgetError where int8 loses more IoU than `max_iou_drop`, or where the loss is not defined."""
        drop, limit = self.iou_drop, self.max_iou_drop
        if limit is not None and (drop is None or drop > limit):
            measured = "undefined" if drop is None else f"{drop:.4f}"
            raise BudgetError(
                f"{self.tflite}: int8 loses {measured} IoU on {self.split}, more than the allowed {limit:g}"
            )

    @property
    def sizes(self) -> ExportSizes:
        """Sizes for the table."""
        summary, verified = self.record.summary, self.record.verification
        return ExportSizes(
            file_bytes=summary.file_bytes,
            weight_bytes=summary.weight_bytes,
            peak_activation_bytes=summary.peak_activation_bytes,
            arena_bytes=None if verified is None else verified.arena_bytes,
            operators=summary.operators,
        )


def export_model(
    model: Path,
    *,
    data: str | None = None,
    split: str | None = None,
    threshold: float | None = None,
    output_dir: Path | None = None,
    probabilities: bool | None = None,
    max_iou_drop: float | None = None,
    keras: bool = False,
    calibration_images: int | None = None,
    sensitive: bool = False,
    choose_threshold: bool = False,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
    raise_drop: bool = True,
) -> Export:
    """Convert to full-integer int8 with real calibration images, verify, and compare accuracy on the same images.

    Calibration images are spread evenly over the training split. A run that was trained under int8 arithmetic needs
    none: its ranges and integer weights are those that were trained, and the float network beside them is the same one
    without rounding, so that the difference is what rounding costs. Accuracy is measured on `split`: test where there
    is one, else val. Writes `model.tflite`, `export.json`, `accuracy.txt` and, with `keras`, `stock.keras` made of
    stock Keras layers only, to `output_dir`, else to `export/` in the run (`export-<data>` where data is not the run's
    own), or here where there is none. With `sensitive` also `sensitivity.csv`: how much each layer loses. With
    `choose_threshold` the threshold is that of highest int8 IoU on validation images, in place of `threshold` (0.5);
    both networks are judged at it. `overrides` go on top of the run's configuration.

    Raises:
        BudgetError: int8 loses more than `max_iou_drop` IoU; the files are written all the same. Without `raise_drop`
            it is left to `Export.raise_drop`.
        ConfigError: options that contradict each other or the run.
        DeployError: no calibration images, an operator that TensorFlow Lite Micro lacks, or outputs that differ from
            TensorFlow Lite Micro's.
    """
    if max_iou_drop is not None and not 0.0 <= max_iou_drop <= 1.0:
        raise ConfigError(f"max_iou_drop must lie in [0, 1], got {max_iou_drop}")
    if choose_threshold and threshold is not None:
        raise ConfigError(f"threshold ({threshold:g}) and choose_threshold: give one of them")
    source = find_model(model, data=data, overrides=overrides)
    subject = _resolve(source, split, probabilities, calibration_images, progress)
    held_out = _held_out(subject) if choose_threshold else None
    tflite, calibrated_on = _convert(subject, progress)
    if held_out is not None:
        threshold = _chosen_threshold(tflite, held_out)
    measured = _measure(subject, tflite, DEFAULT_THRESHOLD if threshold is None else threshold, progress)
    record = build_export_record(
        tflite,
        model=subject.network.name,
        threshold=measured.threshold,
        calibration_images=calibrated_on,
        verification=measured.verification,
    )
    origin = {
        "float_model": subject.float_name,
        "data": source.data_record(subject.splits),
        "threshold_chosen_on": None if held_out is None else THRESHOLD_SPLIT,
    }
    folder = output_dir or _folder(source)
    _remove_earlier(folder, source.path)
    stock = to_stock_keras(subject.network) if keras else None
    export = _write(folder, tflite, record, origin, measured, stock)
    limit = source.config.export.max_iou_drop if max_iou_drop is None else max_iou_drop
    export = replace(export, max_iou_drop=limit)
    if sensitive:
        export = _with_sensitivity(export, subject.network, tflite, subject.images)
    if raise_drop:
        export.raise_drop()
    return export


@dataclass(frozen=True)
class _Subject:
    """What is exported: the float network that int8 is compared with, its twin, and the images to judge both on.

    `twin` is the network that was trained under int8 arithmetic; None where int8 is to be made by conversion, which
    `probabilities` and `calibration_images` are for.
    """

    network: keras.Model
    float_name: str
    """What the record calls `network`."""
    twin: keras.Model | None
    splits: dict[str, ImageSet]
    split: str
    probabilities: bool
    calibration_images: int

    @property
    def images(self) -> ImageSet:
        """Those that accuracy is told on."""
        return self.splits[self.split]


@dataclass(frozen=True)
class _Measured:
    """Accuracy of both networks at one threshold, and how int8 compares with TensorFlow Lite Micro."""

    split: str
    threshold: float
    float_evaluation: Evaluation
    int8_evaluation: Evaluation
    verification: Verification


def _resolve(
    source: ModelSource,
    split: str | None,
    probabilities: bool | None,
    calibration_images: int | None,
    progress: Progress | None,
) -> _Subject:
    """Networks, images and settings; refuses what cannot be exported before anything is computed."""
    if source.path.suffix == ".tflite":
        raise DeployError(f"{source.path}: already int8; export takes a run directory or a .keras file")
    options = source.config.export
    wants_probabilities = options.probabilities if probabilities is None else probabilities
    aware = _trained_for_int8(source)
    if aware is not None:
        _refuse_conversion(wants_probabilities, calibration_images)
    network, twin = _float_network(source), None if aware is None else load_model(aware)
    if twin is not None:
        carry_back(twin, network)
    splits = source.load_data(float_predictor_of(network).input_shape, _step(progress, "reading images"))
    evaluated = accuracy_split(splits, split)
    split_of(splits, evaluated)
    count = options.calibration_images if calibration_images is None else calibration_images
    name = source.path.name if aware is None else f"{aware.name}, not rounded"
    return _Subject(network, name, twin, splits, evaluated, wants_probabilities, count)


def _convert(subject: _Subject, progress: Progress | None) -> tuple[bytes, int]:
    """The int8 file, and the number of images that its ranges were calibrated on: none where they were trained."""
    if subject.twin is not None:
        return write_tflite(trained_int8(subject.twin, architecture_of(subject.network))), 0
    calibration = calibration_set(split_of(subject.splits, "train"), subject.calibration_images)
    tflite = convert_int8(
        subject.network,
        as_floats(calibration.images),
        probabilities=subject.probabilities,
        progress=_step(progress, "calibrating"),
    )
    return tflite, len(calibration)


def _held_out(subject: _Subject) -> ImageSet:
    """The images to choose a threshold on, which accuracy is not told on."""
    images = subject.splits.get(THRESHOLD_SPLIT)
    if subject.split == THRESHOLD_SPLIT or not images:
        raise ConfigError(
            f"choose_threshold: needs {THRESHOLD_SPLIT} images beside the {subject.split} images that accuracy is "
            "told on"
        )
    return images


def _chosen_threshold(tflite: bytes, held_out: ImageSet) -> float:
    """The probability of highest IoU of the int8 model on `held_out`.

    It lies strictly between 0 and 1: at either end there is no int8 value to compare with.
    """
    sweep = threshold_sweep(int8_predictor_of(tflite).of(held_out), held_out.masks)
    best = ThresholdSweep(tuple(point for point in sweep.points if 0.0 < point.threshold < 1.0)).best
    if best is None:
        raise ConfigError(f"choose_threshold: the {THRESHOLD_SPLIT} images hold no foreground")
    return best.threshold


def _trained_for_int8(source: ModelSource) -> Path | None:
    """The quantisation-aware twin of a run's best model, where it was trained; another file is converted as it is."""
    run = source.run
    if run is None or source.path.resolve() != run.best_model_path.resolve() or not run.qat_model_path.is_file():
        return None
    return run.qat_model_path


def _refuse_conversion(probabilities: bool, calibration_images: int | None) -> None:
    """ConfigError for what only a conversion can do, and a quantisation-aware run is not converted."""
    if probabilities:
        raise ConfigError("probabilities: a quantisation-aware run exports logits; apply a sigmoid after them")
    if calibration_images is not None:
        raise ConfigError(
            "calibration_images: the ranges of a quantisation-aware run are those that were trained; leave this out"
        )


def _float_network(source: ModelSource) -> keras.Model:
    """The model; DeployError where it is the twin of one."""
    network = load_model(source.path)
    if any(isinstance(layer, QuantizedConvolution) for layer in network.layers):
        run = "that it comes from" if source.run is None else f"({source.run.path})"
        raise DeployError(
            f"{source.path}: rounds as int8 does and is half of an export; export the run directory {run}"
        )
    return network


def calibration_set(train_data: ImageSet, count: int) -> ImageSet:
    """`count` real training images, spread evenly over the split; all of them where it has fewer."""
    if count < 1:
        raise DeployError(f"int8 conversion needs at least one real calibration image, got {count}")
    return train_data.spread(count)


def _measure(subject: _Subject, tflite: bytes, threshold: float, progress: Progress | None) -> _Measured:
    """Both networks on the images that accuracy is told on; DeployError where int8 is not what the device computes."""
    images, floor = subject.images, floor_of(subject.splits)
    int8_logits = int8_predictor_of(tflite).of(images, _step(progress, "evaluating int8"))
    before, after = (
        evaluate(logits, images, floor_probabilities=floor, threshold=threshold)
        for logits in (float_predictor_of(subject.network).of(images), int8_logits)
    )
    return _Measured(subject.split, threshold, before, after, _verified(tflite, images, progress))


def _verified(tflite: bytes, images: ImageSet, progress: Progress | None) -> Verification:
    """Comparison with TensorFlow Lite Micro on some of the images; DeployError where a single value differs."""
    some = as_floats(images.spread(VERIFIED_IMAGES).images)
    verification = verify_int8(tflite, some, progress=_step(progress, "comparing with TensorFlow Lite Micro"))
    if verification.equal_to_micro is False:
        raise DeployError(
            f"{verification.differing_values} output values differ between the reference kernels and TensorFlow Lite "
            "Micro; the model is not safe to deploy, please report it with the model"
        )
    return verification


def _write(
    folder: Path,
    tflite: bytes,
    record: ExportRecord,
    origin: dict[str, Any],
    measured: _Measured,
    stock: keras.Model | None,
) -> Export:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.tflite"
    with atomic_path(path) as temporary:
        temporary.write_bytes(tflite)
    stock_path = None if stock is None else folder / "stock.keras"
    if stock_path is not None:
        with atomic_path(stock_path) as temporary:
            save_model(stock, temporary)
    before, after = measured.float_evaluation, measured.int8_evaluation
    export = Export(folder, path, record, before, after, measured.split, stock_path)
    accuracy = {
        "split": measured.split,
        "float": before.to_dict(),
        "int8": after.to_dict(),
        "iou_drop": export.iou_drop,
    }
    write_json(folder / "export.json", {**record.to_dict(), **origin, "accuracy": accuracy})
    text = accuracy_drop_table(before, after).to_text() + "\n" + export_table(export.sizes).to_text()
    write_text_atomic(folder / "accuracy.txt", text)
    return export


def _remove_earlier(folder: Path, source: Path) -> None:
    """Remove what an earlier export wrote on request: beside the new model it would pass for the new one's."""
    if not (folder / "export.json").is_file():
        return
    for name in ON_REQUEST:
        path = folder / name
        if path.resolve() != source.resolve():
            path.unlink(missing_ok=True)


def _with_sensitivity(export: Export, network: keras.Model, tflite: bytes, images: ImageSet) -> Export:
    """Signal-to-noise ratios on some of the images, also as `sensitivity.csv` and `sensitivity.txt`."""
    some = as_floats(images.spread(SENSITIVITY_IMAGES).images)
    layers = sensitivity(network, architecture_of(network), tflite, some)
    write_sensitivity_csv(export.folder / "sensitivity.csv", layers)
    table = sensitivity_table(layers, images=len(some))
    write_text_atomic(export.folder / "sensitivity.txt", table.to_text())
    return replace(export, sensitivity=table)


def _folder(source: ModelSource) -> Path:
    """The run's `export/`; another beside it for other data, whose images set other int8 ranges."""
    if source.run is None:
        return Path("export")
    folder, label = source.run.export_dir, source.data_label
    return folder if label is None else folder.with_name(f"{folder.name}-{label}")


def _step(progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(what, done, total)
