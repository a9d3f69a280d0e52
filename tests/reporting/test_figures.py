from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from nano_u.data.image_set import ImageSet
from nano_u.errors import ConfigError, RunError
from nano_u.evaluation import (
    Evaluation,
    PrecisionRecallCurve,
    choose_gallery,
    precision_recall_curve,
    threshold_sweep,
    to_logits,
)
from nano_u.reporting import (
    History,
    draw_gallery,
    draw_history,
    draw_precision_recall,
    draw_threshold_sweep,
    save_figure,
)
from nano_u.reporting.figure_style import BLUE, GREY, ORANGE, PURPLE
from nano_u.reporting.gallery_figure import error_image, mask_image

SIGNATURES = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}
HISTORY = History(
    (1, 2, 3),
    {"loss": (0.7, 0.5, 0.4), "val_loss": (0.8, None, 0.6), "iou": (0.3, 0.5, 0.6), "val_iou": (0.2, 0.6, 0.5)},
)


def labels(figure: Figure) -> list[str]:
    return [text for axes in figure.axes for text in axes.get_legend_handles_labels()[1]]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_saved_figure_is_of_its_suffix_and_the_same_every_time(tmp_path: Path, suffix: str) -> None:
    paths = [save_figure(draw_history(HISTORY), tmp_path / "new" / f"{name}{suffix}") for name in "ab"]

    first, second = (path.read_bytes() for path in paths)

    assert first.startswith(SIGNATURES[suffix])
    assert first == second
    assert b"Date" not in first
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [f"a{suffix}", f"b{suffix}"]


@pytest.mark.parametrize("name", ["figure.bmp", "figure"])
def test_another_suffix_is_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"use \.png, \.svg, \.pdf"):
        save_figure(draw_history(HISTORY), tmp_path / name)


def test_drawing_leaves_pyplot_alone() -> None:
    draw_history(HISTORY)

    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_precision_recall_shows_model_floor_and_operating_point(
    image_set: ImageSet, logits: np.ndarray, evaluation: Evaluation, tmp_path: Path
) -> None:
    curve = precision_recall_curve(logits, image_set.masks)
    floor = precision_recall_curve(np.broadcast_to(to_logits(np.full((12, 16, 1), 0.4)), logits.shape), image_set.masks)

    figure = draw_precision_recall(curve, floor=floor, operating=evaluation.pooled.metrics)

    shown = labels(figure)
    assert shown[:2] == [
        f"model, AP {curve.average_precision:.3f}",
        f"no-learning floor, AP {floor.average_precision:.3f}",
    ]
    assert "model at threshold 0.5" in shown
    assert save_figure(figure, tmp_path / "curve.png").stat().st_size > 10_000


def test_precision_recall_without_foreground_says_so(tmp_path: Path) -> None:
    figure = draw_precision_recall(PrecisionRecallCurve((), (), (), None, 0.0))

    assert [text.get_text() for text in figure.axes[0].texts] == ["no foreground in the truth"]
    save_figure(figure, tmp_path / "curve.png")


def test_the_sweep_shows_the_threshold_in_use_and_the_best_one(
    image_set: ImageSet, logits: np.ndarray, tmp_path: Path
) -> None:
    sweep = threshold_sweep(logits, image_set.masks)
    assert sweep.best is not None

    figure = draw_threshold_sweep(sweep, threshold=0.4, floor_iou=0.3)

    best = f"best IoU {sweep.best.metrics.iou:.3f} at {sweep.best.threshold:.2f} (not applied)"
    assert labels(figure) == ["IoU", "F1", "precision", "recall", "floor IoU 0.300", "in use, 0.4", best]
    assert save_figure(figure, tmp_path / "sweep.png").stat().st_size > 10_000


def test_learning_curves_show_training_validation_and_the_best_epoch(tmp_path: Path) -> None:
    figure = draw_history(HISTORY, floor_iou=0.45, title="run $1")

    assert [axes.get_title(loc="left") for axes in figure.axes] == ["loss", "IoU"]
    assert "best 0.600, epoch 2" in labels(figure)
    assert "no-learning floor 0.450" in labels(figure)
    assert save_figure(figure, tmp_path / "history.png").stat().st_size > 10_000


def test_learning_curves_without_validation_or_with_one_epoch_are_drawn(tmp_path: Path) -> None:
    figure = draw_history(History((1,), {"loss": (0.5,)}))

    assert labels(figure) == ["training"]
    save_figure(figure, tmp_path / "history.png")


@pytest.mark.parametrize("history", [History((), {"loss": ()}), History((1,), {"seconds": (3.0,)})])
def test_a_history_with_nothing_to_draw_is_refused(history: History) -> None:
    with pytest.raises(RunError, match="nothing to draw"):
        draw_history(history)


def test_the_gallery_has_four_panels_and_a_caption_for_each_image(
    image_set: ImageSet, logits: np.ndarray, tmp_path: Path
) -> None:
    gallery = choose_gallery(logits, image_set)

    figure = draw_gallery(gallery)

    assert len(figure.axes) == 4 * len(gallery.images) == 32
    for image in gallery.images:
        assert f"{image.role}, IoU {image.iou:.3f}: {image.name}" in texts(figure)
    assert [text.get_text() for text in figure.legends[0].get_texts()][-1] == "ignored"
    assert save_figure(figure, tmp_path / "gallery.png").stat().st_size > 20_000


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_gallery_of_few_images_is_drawn(image_set: ImageSet, logits: np.ndarray, tmp_path: Path, count: int) -> None:
    few = image_set.select(range(count))

    figure = draw_gallery(choose_gallery(logits[:count], few))

    assert len(figure.axes) == 4 * count
    save_figure(figure, tmp_path / "gallery.png", dpi=40)


def test_any_file_name_can_be_drawn(image_set: ImageSet, logits: np.ndarray, tmp_path: Path) -> None:
    odd = ("$b_{c$", "日本", "x" * 200, "<b>[red]", "\\frac")
    named = dataclasses.replace(image_set.select(range(5)), names=odd)

    path = save_figure(draw_gallery(choose_gallery(logits[:5], named)), tmp_path / "gallery.png", dpi=40)

    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_error_map_tells_the_kinds_of_pixels_apart(image_set: ImageSet, logits: np.ndarray) -> None:
    image = choose_gallery(logits, image_set, worst=1, median=0, best=0).images[0]
    grey = dataclasses.replace(
        image,
        image=np.zeros((1, 5, 3), np.uint8),
        truth=np.array([[1, 0, 1, 0, 255]], np.uint8),
        prediction=np.array([[True, True, False, False, True]]),
    )

    pixels = error_image(grey)[0]

    background = np.full(3, 0.35)
    assert pixels[0] == pytest.approx(0.55 * background + 0.45 * np.array(to_rgb(BLUE)))
    assert pixels[1] == pytest.approx(0.15 * background + 0.85 * np.array(to_rgb(ORANGE)))
    assert pixels[2] == pytest.approx(0.15 * background + 0.85 * np.array(to_rgb(PURPLE)))
    assert pixels[3] == pytest.approx(background)
    assert pixels[4] == pytest.approx(background)


def test_masks_are_drawn_in_the_colours_of_the_legend() -> None:
    colours = mask_image(np.array([[1, 255]], np.uint8))

    assert tuple(colours[0, 0]) == pytest.approx(to_rgb(BLUE))
    assert tuple(colours[0, 1]) == pytest.approx(to_rgb(GREY))
