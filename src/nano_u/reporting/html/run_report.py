"""The page of one run: its files to finished texts, tables and pictures; the template only arranges them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nano_u.evaluation import Evaluation, Gallery, GroupResult
from nano_u.graph import Architecture, deploy, layer_costs, summarise
from nano_u.redundancy import aggregate
from nano_u.reporting.accuracy_table import evaluation_table, interval_text
from nano_u.reporting.bands import band_of, redundancy_bands
from nano_u.reporting.correlation_figure import correlation_over_training, draw_correlation
from nano_u.reporting.cost_table import cost_table
from nano_u.reporting.export_tables import iou_drop
from nano_u.reporting.gallery_figure import PANELS, panel_pictures
from nano_u.reporting.heatmap_figure import draw_layer_scores, layer_heatmap
from nano_u.reporting.history import History
from nano_u.reporting.history_figure import draw_history
from nano_u.reporting.html.chip_section import ChipSection, chip_section
from nano_u.reporting.html.int8_tables import int8_tables
from nano_u.reporting.html.page_parts import Drawer, Picture, Tile
from nano_u.reporting.html.pictures import correlation_pixels, picture_uri
from nano_u.reporting.html.provenance_facts import provenance_facts
from nano_u.reporting.html.run_files import RunFiles
from nano_u.reporting.html.validation_table import validation_table
from nano_u.reporting.memory_figure import draw_memory_timeline, memory_timeline
from nano_u.reporting.monitored_run import MonitoredRun
from nano_u.reporting.recommendation_text import evidence_table, recommendations_to_dict
from nano_u.reporting.recommendations import THIN, Recommendations, recommend
from nano_u.reporting.redundancy_figure import draw_redundancy, redundancy_over_training
from nano_u.reporting.redundancy_table import layer_redundancy_table
from nano_u.reporting.shrink_steps import draw_shrinking, shrink_table
from nano_u.reporting.table import MISSING, Table, ratio
from nano_u.reporting.width_advice import removed_filters

MOST_MATRICES = 12
"""Correlation matrices on the page: those of the layers with the highest scores."""

MOST_GALLERIES = 3
"""Evaluations whose images are on the page; a run may have many, and pictures are most of its size."""

MOST_STEPS = 400
"""Logged steps among the page's data; of more, evenly chosen ones."""


@dataclass(frozen=True)
class GalleryRow:
    """One image: input, truth, prediction and error as addresses of pictures."""

    name: str
    role: str
    iou: str
    panels: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class GalleryPart:
    """The images of one evaluation, worst first."""

    title: str
    rows: tuple[GalleryRow, ...]


@dataclass(frozen=True)
class Matrix:
    """The correlation between one layer's channels as a picture."""

    layer: str
    channels: int
    uri: str


@dataclass(frozen=True)
class RunReport:
    """Everything on the page of one run, in order; empty parts are left out, and `missing` says how to get them."""

    title: str
    path: str
    tiles: tuple[Tile, ...]
    facts: tuple[tuple[str, str], ...]
    config_text: str | None
    accuracy: tuple[Table, ...]
    galleries: tuple[GalleryPart, ...]
    learning: tuple[Picture, ...]
    redundancy: tuple[Picture, ...]
    layers: Table | None
    matrices: tuple[Matrix, ...]
    matrices_left_out: int
    recommendations: Recommendations | None
    evidence: Table | None
    shrinking: Picture | None
    shrink_steps: Table | None
    memory: Picture | None
    cost: Table | None
    int8: tuple[Table, ...]
    chip: ChipSection | None
    missing: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]
    data: Mapping[str, Any]
    """The numbers, for those who want to go on with them."""


def run_report(files: RunFiles) -> RunReport:
    """The page of a run; a part that cannot be drawn is left out and becomes one of the problems of `files`."""
    found = files.attempt("recommendations", lambda: _recommended(files))
    draw = Drawer()
    matrices, left_out = files.attempt("matrices", lambda: _matrices(files.monitored)) or ((), 0)
    return RunReport(
        title=_title(files),
        path=str(files.path),
        tiles=files.attempt("key numbers", lambda: _tiles(files, found)) or (),
        facts=provenance_facts(files),
        config_text=files.config_text,
        accuracy=files.attempt("accuracy", lambda: _accuracy(files)) or (),
        galleries=files.attempt("galleries", lambda: _galleries(files)) or (),
        learning=_learning(files, draw),
        redundancy=files.attempt("redundancy", lambda: _redundancy(files, draw)) or (),
        layers=files.attempt("layers", lambda: _layers(files.monitored)),
        matrices=matrices,
        matrices_left_out=left_out,
        recommendations=found,
        evidence=None if found is None or not found.findings else evidence_table(found, price_with_advice=True),
        shrinking=files.attempt("shrinking", lambda: _shrinking(files, draw)),
        shrink_steps=shrink_table(files.shrinking, name=files.path.name) if files.shrinking else None,
        memory=files.attempt("memory", lambda: _memory(files.architecture, draw)),
        cost=files.attempt("cost", lambda: _cost(files.architecture)),
        int8=files.attempt("int8 model", lambda: _int8(files)) or (),
        chip=files.attempt("certificate", lambda: _chip(files, draw)),
        missing=_missing(files),
        problems=tuple(files.problems.items()),
        data=_data(files, found),
    )


def _recommended(files: RunFiles) -> Recommendations | None:
    return None if files.monitored is None else recommend(files.monitored, files.thresholds)


def _title(files: RunFiles) -> str:
    name = files.architecture.name if files.architecture else files.monitored.name if files.monitored else "run"
    return f"{name} in {files.path.resolve().name}"


def _tiles(files: RunFiles, found: Recommendations | None) -> tuple[Tile, ...]:
    tiles = []
    if files.evaluated:
        tiles.append(_accuracy_tile(f"IoU, {files.evaluated[0].name}", files.evaluated[0].evaluation.pooled))
    elif files.validation is not None:
        tiles.append(_accuracy_tile("IoU, validation", files.validation.pooled))
    exported = files.exported
    if exported is not None and exported.float_evaluation is not None and exported.int8_evaluation is not None:
        before, after = exported.float_evaluation.pooled, exported.int8_evaluation.pooled
        drop = iou_drop(before, after)
        note = "" if drop is None else f"{-drop:+.4f} against float on {exported.split}"
        tiles.append(Tile("IoU, int8", ratio(after.metrics.iou), note))
    if files.architecture is not None:
        cost = summarise(files.architecture)
        tiles += [
            Tile("parameters", f"{cost.parameters:,}", f"{cost.weight_bytes:,} bytes of int8 weights"),
            Tile("multiply-accumulates", f"{cost.macs / 1e6:,.2f} M", "per image"),
            Tile("RAM, peak of activations", f"{cost.peak_activation_bytes:,} B", f"at {cost.peak_layer}"),
        ]
    if files.monitored is not None and found is not None:
        tiles.append(_redundancy_tile(files, files.monitored))
        filters = sum(removed_filters(found.advice).values())
        thin = found.sections[-1].verdict == THIN
        tiles.append(Tile("filters that can go", MISSING if thin else f"{filters:,}", found.sections[-1].verdict))
    return tuple(tiles)


def _accuracy_tile(label: str, pooled: GroupResult) -> Tile:
    floor = "" if pooled.floor is None else f"; floor {ratio(pooled.floor.iou)}"
    return Tile(label, ratio(pooled.metrics.iou), f"95% interval {interval_text(pooled.iou_interval)}{floor}")


def _redundancy_tile(files: RunFiles, run: MonitoredRun) -> Tile:
    score = run.steps[-1].redundancy_score
    if score is None:
        return Tile("redundancy score", MISSING, "not defined at the last logged step")
    word = band_of(score, redundancy_bands(files.thresholds)).name
    return Tile("redundancy score", f"{score:.3f}", f"{word}; 0 = independent, 1 = all repeat one")


def _accuracy(files: RunFiles) -> tuple[Table, ...]:
    tables = [evaluation_table(entry.evaluation, title=f"Accuracy on {entry.name}") for entry in files.evaluated]
    networks = validation_table(files.validation, files.int8_validation, files.teacher_validation)
    if networks is not None:
        tables.append(networks)
    if files.validation is not None:
        tables.append(evaluation_table(files.validation, title="Accuracy on validation images, best epoch"))
    return tuple(tables)


def _galleries(files: RunFiles) -> tuple[GalleryPart, ...]:
    parts = (
        GalleryPart(f"Images of {entry.name}, worst first", _gallery_rows(entry.gallery))
        for entry in files.evaluated
        if entry.gallery is not None
    )
    return tuple(islice(parts, MOST_GALLERIES))


def _gallery_rows(gallery: Gallery) -> tuple[GalleryRow, ...]:
    return tuple(
        GalleryRow(
            image.name,
            image.role,
            "no foreground" if image.iou is None else f"{image.iou:.3f}",
            tuple((panel, picture_uri(pixels)) for panel, pixels in zip(PANELS, panel_pictures(image), strict=True)),
        )
        for image in gallery.images
    )


def _learning(files: RunFiles, draw: Drawer) -> tuple[Picture, ...]:
    """One picture of the training, and one of the fine-tuning under int8 arithmetic; two carry titles."""
    under_int8 = "under int8 arithmetic"
    always_int8 = files.quantization.aware and files.quantization.from_first_epoch
    curves = (
        ("learning curves", files.history, "Float training", under_int8 if always_int8 else ""),
        (f"learning curves {under_int8}", files.int8_history, "Fine-tuning under int8 arithmetic", under_int8),
    )
    floor = None if files.validation is None else files.validation.pooled.floor
    titled = files.history is not None and files.int8_history is not None
    pictures = []
    for part, history, title, how in curves:
        if history is not None and history.epochs:
            figure = partial(
                draw_history, history, floor_iou=None if floor is None else floor.iou, title=title if titled else ""
            )
            caption = f"Loss and IoU by epoch{how and f' {how}'}, training beside validation."
            pictures.append(files.attempt(part, partial(_pictured, figure, caption, draw)))
    return tuple(picture for picture in pictures if picture is not None)


def _pictured(figure: Callable[[], Figure], caption: str, draw: Drawer) -> Picture:
    return draw(figure(), caption)


def _redundancy(files: RunFiles, draw: Drawer) -> tuple[Picture, ...]:
    run = files.monitored
    if run is None:
        return ()
    over = redundancy_over_training(run, files.thresholds)
    correlation = correlation_over_training(run, files.thresholds)
    pictures = [
        draw(draw_redundancy(over, title="Redundancy score"), f"Redundancy over training: {over.trend}."),
        draw(draw_correlation(correlation, title="Mean |r| of channel pairs"), f"Correlation: {correlation.trend}."),
    ]
    if run.steps[-1].layers:
        scores = draw_layer_scores(layer_heatmap(run), title="Redundancy of every layer")
        pictures.append(draw(scores, "Redundancy of every layer over training."))
    return tuple(pictures)


def _layers(run: MonitoredRun | None) -> Table | None:
    if run is None or not run.steps[-1].layers:
        return None
    last = run.steps[-1]
    title = f"Layers at epoch {last.epoch}, step {last.step:,}"
    return layer_redundancy_table(last.layers, aggregate(last.layers), title=title)


def _matrices(run: MonitoredRun | None) -> tuple[tuple[Matrix, ...], int]:
    """Pictures of the matrices of the highest scores, in network order, and how many are left out."""
    if run is None or run.correlations is None:
        return (), 0
    found = run.correlations.matrices
    layers = [layer for layer in run.steps[-1].layers if layer.layer in found and layer.redundancy_score is not None]
    shown = sorted(layers, key=lambda layer: -(layer.redundancy_score or 0.0))[:MOST_MATRICES]
    matrices = [
        Matrix(layer.layer, len(found[layer.layer]), picture_uri(correlation_pixels(found[layer.layer])))
        for layer in layers
        if layer in shown
    ]
    return tuple(matrices), len(layers) - len(matrices)


def _shrinking(files: RunFiles, draw: Drawer) -> Picture | None:
    if not files.shrinking:
        return None
    floor = None if files.validation is None else files.validation.pooled.floor
    figure = draw_shrinking(files.shrinking, name=files.path.name, floor=None if floor is None else floor.iou)
    kept = sum(step.kept for step in files.shrinking[1:])
    return draw(figure, f"Validation IoU against cost of every network that was tried; {kept} steps were kept.")


def _memory(architecture: Architecture | None, draw: Drawer) -> Picture | None:
    if architecture is None or not deploy(architecture).ops:
        return None
    timeline = memory_timeline(architecture)
    peak = timeline.peak_op
    caption = (
        f"Peak {timeline.live[peak]:,} bytes at {timeline.ops[peak]}; planned by TensorFlow Lite Micro's rule: "
        f"{timeline.planned:,} bytes."
    )
    return draw(draw_memory_timeline(timeline), caption)


def _cost(architecture: Architecture | None) -> Table | None:
    return None if architecture is None else cost_table(layer_costs(architecture), summarise(architecture))


def _int8(files: RunFiles) -> tuple[Table, ...]:
    return () if files.exported is None else int8_tables(files.exported)


def _chip(files: RunFiles, draw: Drawer) -> ChipSection | None:
    if files.certificate is None:
        return None
    sizes = None if files.exported is None else files.exported.sizes
    return chip_section(files.certificate, draw, tflite_bytes=None if sizes is None else sizes.file_bytes)


def _missing(files: RunFiles) -> tuple[str, ...]:
    """What the page could show and how to get it; of a folder that is no run directory, what the monitor left out."""
    absent = files.monitored.absent if files.monitored else ()
    if not files.is_run:
        return absent
    run = shlex.quote(str(files.path))
    galleries = any(entry.gallery for entry in files.evaluated)
    hints = (
        ("provenance", files.provenance, "provenance: provenance.json is not there"),
        ("metrics", files.metrics, "final metrics: training has not finished"),
        (
            "learning curves",
            files.history or files.shrinking,
            "learning curves: history.csv is not there; the first epoch writes it",
        ),
        ("evaluation", files.evaluated, f"accuracy on test images: nano-u evaluate {run}"),
        ("gallery", galleries or not files.evaluated, f"gallery: nano-u evaluate {run}"),
        ("redundancy", files.monitored, "redundancy: train with --enable-nas"),
        ("architecture", files.architecture, "cost and memory: graph.json is not there; `nano-u train` writes it"),
        ("int8 model", files.exported, f"int8 model: nano-u export {run}"),
        ("certificate", files.certificate or not files.exported, f"C for a chip, proven: nano-u export {run} --c DIR"),
    )
    damaged = tuple(files.problems)
    missing = (text for part, found, text in hints if not found and not any(name.startswith(part) for name in damaged))
    return (*missing, *absent)


def _data(files: RunFiles, found: Recommendations | None) -> Mapping[str, Any]:
    exported = files.exported
    return {
        "run": str(files.path),
        "provenance": files.provenance,
        "history": _columns(files.history),
        "history_int8": _columns(files.int8_history),
        "validation": _plain(files.validation),
        "validation_int8": _plain(files.int8_validation),
        "validation_teacher": _plain(files.teacher_validation),
        "evaluations": {entry.name: entry.evaluation.to_dict() for entry in files.evaluated},
        "int8": None if exported is None else exported.record,
        "certificate": None if files.certificate is None else files.certificate.to_dict(),
        "shrinking": [step.to_dict() for step in files.shrinking],
        "redundancy": None if files.monitored is None else _redundancy_series(files.monitored),
        "recommendations": None if found is None else recommendations_to_dict(found),
    }


def _columns(history: History | None) -> Mapping[str, Any] | None:
    return None if history is None else {"epoch": history.epochs, **history.series}


def _plain(evaluation: Evaluation | None) -> Mapping[str, Any] | None:
    return None if evaluation is None else evaluation.to_dict()


def _redundancy_series(run: MonitoredRun) -> Mapping[str, Any]:
    """Model and layers over training, at `MOST_STEPS` steps at most, the first and the last among them."""
    chosen = np.unique(np.linspace(0, len(run.steps) - 1, MOST_STEPS).round().astype(int)).tolist()
    steps = tuple(run.steps[index] for index in chosen)
    return {
        "epoch": [step.epoch for step in steps],
        "step": [step.step for step in steps],
        "redundancy_score": [step.redundancy_score for step in steps],
        "correlation_mean": [step.correlation_mean for step in steps],
        "layers": replace(run, steps=steps).layer_scores(),
    }
