from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nano_u.data import ImageSet
from nano_u.errors import ConfigError, DeployError
from nano_u.models import create_nano_u, save_model
from nano_u.workflows.export import calibration_set, export_model

NANO_U_OPERATORS = {"DEPTHWISE_CONV_2D", "CONV_2D", "MAX_POOL_2D", "RESIZE_NEAREST_NEIGHBOR"}
PUBLISHED = {"filters": [4, 8, 16], "bottleneck": 16, "pool_sizes": [2, 2, (3, 2)]}


def numbered_images(count: int) -> ImageSet:
    """Images whose every value is their number."""
    pixels = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 1, 1, 3))
    names = tuple(f"image_{index}" for index in range(count))
    return ImageSet(np.ascontiguousarray(pixels), np.zeros((count, 1, 1, 1), np.uint8), names, ("image",) * count)


@pytest.mark.parametrize(
    ("wanted", "chosen"), [(1, [0]), (2, [0, 9]), (4, [0, 3, 6, 9]), (10, list(range(10))), (200, list(range(10)))]
)
def test_calibration_images_are_spread_over_the_whole_training_split(wanted: int, chosen: list[int]) -> None:
    assert calibration_set(numbered_images(10), wanted).images[:, 0, 0, 0].tolist() == chosen


def test_calibration_on_no_image_is_refused() -> None:
    with pytest.raises(DeployError, match="needs at least one real calibration image, got 0"):
        calibration_set(numbered_images(10), 0)


def test_a_threshold_that_cannot_be_chosen_is_refused_before_anything_is_computed(
    tmp_path: Path, make_tiny_dataset: Callable[..., Path]
) -> None:
    save_model(create_nano_u((16, 16, 3), [2], 3, blocks_per_stage=1), tmp_path / "model.keras")
    data = make_tiny_dataset(tmp_path / "data")
    shutil.rmtree(data / "val")
    told: set[str] = set()

    for split, settings in (("val", ()), ("test", ("val_fraction=0",))):
        with pytest.raises(ConfigError, match=f"needs val images beside the {split} images"):
            export_model(
                tmp_path / "model.keras",
                data=str(data),
                split=split,
                overrides=settings,
                choose_threshold=True,
                progress=lambda what, done, total: told.add(what),
            )

    assert told == {"reading images"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "options", "parameters", "macs", "peak"),
    [
        ((48, 64, 3), {}, 17_112, 11_074_560, 196_608),
        ((60, 80, 3), PUBLISHED, 4_212, 2_399_200, 76_800),
    ],
)
def test_the_promised_networks_export_to_four_operators_at_the_promised_cost(
    tmp_path: Path,
    make_tiny_dataset: Callable[..., Path],
    shape: tuple[int, int, int],
    options: dict[str, object],
    parameters: int,
    macs: int,
    peak: int,
) -> None:
    from nano_u.graph import read_architecture, summarise

    model = create_nano_u(shape, **options)
    save_model(model, tmp_path / "model.keras")
    data = make_tiny_dataset(tmp_path / "data", size=shape[:2])

    export = export_model(tmp_path / "model.keras", data=str(data), output_dir=tmp_path / "export")

    cost = summarise(read_architecture(tmp_path / "model.keras"))
    assert (cost.parameters, cost.macs, cost.peak_activation_bytes) == (parameters, macs, peak)
    assert set(export.record.summary.operators) == NANO_U_OPERATORS
    assert export.record.summary.peak_activation_bytes == peak
    assert export.record.verification is not None
    assert export.record.verification.equal_to_micro in (True, None)
