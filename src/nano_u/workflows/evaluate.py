"""How good a saved model is, beside what needs no learning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nano_u.data import ImageSet
from nano_u.data.camera_images import files_through_camera, set_through_camera
from nano_u.data.pixel_names import PixelName
from nano_u.evaluation import (
    DEFAULT_THRESHOLD,
    Evaluation,
    choose_gallery,
    evaluate,
    precision_recall_curve,
    save_gallery,
    threshold_sweep,
    to_logits,
)
from nano_u.reporting import (
    Table,
    draw_gallery,
    draw_precision_recall,
    draw_threshold_sweep,
    evaluation_table,
    save_figure,
    write_precision_recall_csv,
    write_sweep_csv,
)
from nano_u.runs import write_json, write_text_atomic
from nano_u.workflows.prediction import device_model, load_predictor
from nano_u.workflows.source import ModelSource, find_model, floor_of, split_of

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class EvaluationRun:
    """An evaluation and where its files lie; `camera` is what the images were sent as, None where there was none."""

    evaluation: Evaluation
    kind: str
    split: str
    folder: Path
    camera: PixelName | None = None

    def table(self, title: str | None = None) -> Table:
        """The accuracy table, with a line that says how images came to the model where a camera sent them."""
        seen = "" if self.camera is None else " as the device sees it"
        table = evaluation_table(self.evaluation, title=title or f"Accuracy on {self.split}, {self.kind}{seen}")
        return table if self.camera is None else replace(table, notes=(*table.notes, _camera_note(self.camera)))


def evaluate_model(
    model: Path,
    *,
    data: str | None = None,
    split: str = "test",
    threshold: float = DEFAULT_THRESHOLD,
    output_dir: Path | None = None,
    overrides: Sequence[str] = (),
    camera: PixelName | None = None,
    loading: Progress | None = None,
    predicting: Progress | None = None,
) -> EvaluationRun:
    """Evaluate a run, `.keras`, `.h5` or `.tflite` on one split and write table, sweep, curve and gallery.

    int8 models are computed as the device computes them. `threshold` is a probability in [0, 1]. Files go to
    `output_dir`, else to `evaluation/` in the run, or here where there is none: `<split>` for a run's best model,
    `<split>-int8` for its export, `<split>-<file>` for another file; data other than the run's own adds its name. The
    floor is that of the data's own training split; without one there is none. `overrides` change how data is read:
    `dataset.mask_suffix=_mask`.

    With `camera` the int8 model of a run or export folder is evaluated as the device computes it from the first byte
    on: each image, at its own size, is sent in that pixel format, decoded and resized in the device's integers.
    Masks are resized as always; files go to a folder of their own, `<split>-int8-<camera>`. Raises ModelError,
    DataError or ConfigError, in one line each.
    """
    source = find_model(model if camera is None else device_model(model), data=data, overrides=overrides)
    predictor = load_predictor(source.path)
    splits = source.load_data(predictor.input_shape, loading)
    chosen = split_of(splits, split)
    floor = floor_of(splits)
    if camera is not None:
        chosen = through_camera(source, split, chosen, camera, loading)
    logits = predictor.of(chosen, predicting)
    evaluation = evaluate(logits, chosen, floor_probabilities=floor, threshold=threshold)

    folder = output_dir or _folder(source, predictor.kind, split, camera)
    folder.mkdir(parents=True, exist_ok=True)
    _write_figures(folder, evaluation, logits, chosen, floor)
    names = {"model": source.path.name, "kind": predictor.kind, "split": split}
    if camera is not None:
        names["camera"] = camera
    write_json(folder / "metrics.json", {**names, "data": source.data_record(splits), **evaluation.to_dict()})
    run = EvaluationRun(evaluation, predictor.kind, split, folder, camera)
    write_text_atomic(folder / "table.txt", run.table("Accuracy").to_text())
    return run


def through_camera(
    source: ModelSource,
    split: str,
    chosen: ImageSet,
    camera: PixelName,
    loading: Progress | None = None,
    *,
    size: tuple[int, int] | None = None,
) -> ImageSet:
    """The chosen images as the device sees them; synthetic ones have no other size than the network's.

    `size` (height, width) is what a camera has; ConfigError names an image of another one.
    """
    samples = source.samples(split, chosen.names)
    if samples is None:
        return set_through_camera(chosen, camera)
    max_pixels = source.config.dataset.max_pixels
    return files_through_camera(chosen, samples, camera, max_pixels, size=size, progress=loading)


def _camera_note(camera: PixelName) -> str:
    return (
        f"As the device sees it: each image, at its own size, was sent as {camera}, decoded, brought to the network's "
        "size and made int8 in the device's integers."
    )


def _folder(source: ModelSource, kind: str, split: str, camera: PixelName | None) -> Path:
    """A folder per model and data of a run, so that the int8 table, say, does not replace the float one."""
    seen = (camera,) if camera else ()
    if source.run is None:
        return Path("evaluation") / "-".join((split, *(() if kind == "float32" else (kind,)), *seen))
    own = {source.run.best_model_path: None, source.run.export_dir / "model.tflite": kind}
    names = {path.resolve(): name for path, name in own.items()}
    place = source.path.resolve()
    model = names[place] if place in names else "-".join(place.relative_to(source.run.path.resolve()).parts)
    return source.run.evaluation_dir("-".join(part for part in (split, model, source.data_label, *seen) if part))


def _write_figures(
    folder: Path,
    evaluation: Evaluation,
    logits: npt.NDArray[np.float32],
    chosen: ImageSet,
    floor: npt.NDArray[np.float64] | None,
) -> None:
    sweep, curve = threshold_sweep(logits, chosen.masks), precision_recall_curve(logits, chosen.masks)
    write_sweep_csv(folder / "threshold_sweep.csv", sweep)
    write_precision_recall_csv(folder / "precision_recall.csv", curve)
    pooled, threshold = evaluation.pooled, evaluation.threshold
    floor_curve = None
    if floor is not None:
        floor_logits = np.broadcast_to(to_logits(floor)[None, ..., None], logits.shape)
        floor_curve = precision_recall_curve(floor_logits, chosen.masks)
    save_figure(
        draw_precision_recall(curve, floor=floor_curve, operating=pooled.metrics, threshold=threshold),
        folder / "precision_recall.png",
    )
    floor_iou = pooled.floor.iou if pooled.floor else None
    save_figure(draw_threshold_sweep(sweep, threshold=threshold, floor_iou=floor_iou), folder / "threshold_sweep.png")
    gallery = choose_gallery(logits, chosen, threshold=threshold)
    save_gallery(folder / "gallery.npz", gallery)
    save_figure(draw_gallery(gallery), folder / "gallery.png")
