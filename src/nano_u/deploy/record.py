"""What firmware must know about an exported model, beside the `.tflite` file."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any

from nano_u.deploy.affine import AffineQuantization
from nano_u.deploy.flatbuffer import read_graph
from nano_u.deploy.summary import TfliteSummary, summarise_tflite
from nano_u.deploy.threshold import int8_threshold
from nano_u.deploy.verify import Verification


@dataclass(frozen=True)
class ExportRecord:
    """The sidecar of one `.tflite`: foreground is where the int8 output is >= `int8_threshold` (128 = nowhere)."""

    model: str
    sha256: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_quantization: AffineQuantization
    output_quantization: AffineQuantization
    output_kind: str
    probability_threshold: float
    int8_threshold: int
    calibration_images: int
    summary: TfliteSummary
    verification: Verification | None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form."""
        return {
            "format": 1,
            **dataclasses.asdict(self),
            "input_shape": list(self.input_shape),
            "output_shape": list(self.output_shape),
            "summary": self.summary.to_dict(),
        }


def build_export_record(
    tflite: bytes,
    *,
    model: str,
    threshold: float,
    calibration_images: int,
    verification: Verification | None = None,
) -> ExportRecord:
    """The record of `tflite`, cut at the probability `threshold`."""
    graph = read_graph(tflite)
    output = graph.output.quantization
    return ExportRecord(
        model=model,
        sha256=hashlib.sha256(tflite).hexdigest(),
        input_shape=graph.input.shape,
        output_shape=graph.output.shape,
        input_quantization=graph.input.quantization,
        output_quantization=output,
        output_kind="probability" if graph.gives_probabilities else "logit",
        probability_threshold=threshold,
        int8_threshold=int8_threshold(threshold, output, probabilities=graph.gives_probabilities),
        calibration_images=calibration_images,
        summary=summarise_tflite(tflite),
        verification=verification,
    )
