from __future__ import annotations

import pytest

from nano_u.monitoring.outputs import validation_iou


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["loss", "iou", "val_loss", "val_iou"], "val_iou"),
        (["val_mean_iou", "val_iou"], "val_iou"),
        (["val_loss", "val_mean_iou", "val_other_iou"], "val_mean_iou"),
        (["binary_io_u", "val_binary_io_u"], "val_binary_io_u"),
        (["val_one_hot_io_u"], "val_one_hot_io_u"),
        (["iou", "val_loss"], None),
    ],
)
def test_the_validation_iou_is_found_by_its_name(names: list[str], found: str | None) -> None:
    assert validation_iou(names) == found
