"""Images and masks: reading, checking, splitting, synthetic terrain, and the batches that training sees."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nano_u.data.decode import decode_image, decode_mask
    from nano_u.data.doctor import examine
    from nano_u.data.doctor_report import DoctorReport, Finding, GroupRow
    from nano_u.data.floats import as_floats
    from nano_u.data.image_set import ImageSet
    from nano_u.data.index import DatasetIndex, index_dataset
    from nano_u.data.loading import load_data, load_images
    from nano_u.data.pipeline import evaluation_batches, training_batches
    from nano_u.data.sample import Sample
    from nano_u.data.spread import spread_indices
    from nano_u.data.synthetic import synthetic_splits, synthetic_terrain

_MODULES = {
    "DatasetIndex": "index",
    "DoctorReport": "doctor_report",
    "Finding": "doctor_report",
    "GroupRow": "doctor_report",
    "ImageSet": "image_set",
    "Sample": "sample",
    "as_floats": "floats",
    "decode_image": "decode",
    "decode_mask": "decode",
    "evaluation_batches": "pipeline",
    "examine": "doctor",
    "index_dataset": "index",
    "load_data": "loading",
    "load_images": "loading",
    "spread_indices": "spread",
    "synthetic_splits": "synthetic",
    "synthetic_terrain": "synthetic",
    "training_batches": "pipeline",
}
"""Public names and the modules that hold them: imported on first use, because `pipeline` needs TensorFlow."""

__all__ = [
    "DatasetIndex",
    "DoctorReport",
    "Finding",
    "GroupRow",
    "ImageSet",
    "Sample",
    "as_floats",
    "decode_image",
    "decode_mask",
    "evaluation_batches",
    "examine",
    "index_dataset",
    "load_data",
    "load_images",
    "spread_indices",
    "synthetic_splits",
    "synthetic_terrain",
    "training_batches",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
