"""What lies beside the C sources in a bundle: build files, a self-test with its vector, and a README of this model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from string import Template

import numpy as np
import numpy.typing as npt

from nano_u.codegen.camera_c import CameraSources
from nano_u.codegen.line_breaks import filled
from nano_u.data.camera import CameraFormat
from nano_u.quantization import QuantizedGraph

_FILES = {
    "CMakeLists.txt": "CMakeLists.txt",
    "library.properties": "library.properties",
    "test/self_test.c": "self_test.c",
    "examples/self_test/self_test.ino": "self_test.ino",
    "README.md": "README.md",
}


@dataclass(frozen=True)
class BundleFacts:
    """What the README tells of the network. `threshold` is the int8 value from which a pixel is foreground, if known.

    `memory` are rows of (what, bytes) for its table.
    """

    macs: int
    state_bytes: int
    threshold: int | None
    memory: tuple[tuple[str, str], ...]


def bundle_files(
    graph: QuantizedGraph,
    name: str,
    facts: BundleFacts,
    camera: tuple[CameraFormat, CameraSources] | None,
    vector: tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]],
) -> dict[str, str]:
    """Texts by path in the bundle. `name` is the C prefix; `vector` an int8 input and the output expected of it."""
    values = _values(graph, name, facts, camera)
    package = resources.files("nano_u.codegen").joinpath("bundle")
    files = {
        path: Template(package.joinpath(template).read_text(encoding="utf-8")).substitute(values)
        for path, template in _FILES.items()
    }
    return {**files, f"src/{name}_test_vector.h": _vector_header(name, *vector)}


def _values(
    graph: QuantizedGraph, name: str, facts: BundleFacts, camera: tuple[CameraFormat, CameraSources] | None
) -> Mapping[str, object]:
    source, target = graph.by_name[graph.input], graph.by_name[graph.output]
    sources = [f'"src/{name}.c"', *([] if camera is None else [f'"src/{name}_camera.c"'])]
    threshold = "" if facts.threshold is None else f"| foreground | where the output is at least {facts.threshold} |\n"
    return {
        "name": name,
        "NAME": name.upper(),
        "sources": " ".join(sources),
        **dict(zip(("input_height", "input_width", "input_channels"), source.shape, strict=True)),
        **dict(zip(("output_height", "output_width", "output_channels"), target.shape, strict=True)),
        "input_scale": f"{source.scale:.9g}",
        "input_zero_point": source.zero_point,
        "output_scale": f"{target.scale:.9g}",
        "output_zero_point": target.zero_point,
        "state_bytes": facts.state_bytes,
        "macs": f"{facts.macs:,}",
        "threshold_row": threshold,
        "memory_rows": "".join(f"| {what} | {value} |\n" for what, value in facts.memory),
        "camera_text": "" if camera is None else _camera_text(name, camera[0]),
        "camera_file": "" if camera is None else " and the camera's preprocessing",
        "dsp_text": (
            f"Cores with packed multiply-accumulate (Cortex-M4, M7, M33) use it; define `{name.upper()}_PORTABLE` to "
            "compile the portable path there too. Both give the same bytes."
        ),
    }


def _camera_text(name: str, camera: CameraFormat) -> str:
    view = camera.view
    part = f"{view.width}x{view.height} from ({view.left}, {view.top})"
    crop = "" if camera.crop is None else f", of which {part} are used"
    return f"""
From a camera of {camera.width}x{camera.height} pixels, {camera.pixels}{crop}, `{name}_camera.h` makes the
network's rows: it averages areas in integers and keeps one row of sums.

```c
static {name}_camera camera;
static int8_t network_row[{name.upper()}_INPUT_WIDTH * {name.upper()}_INPUT_CHANNELS];

{name}_camera_init(&camera);
for each row of the camera:
    if ({name}_camera_push(&camera, camera_row, network_row)) {{
        {name}_push_row(&state, network_row, take_row, context);
    }}
```
"""


def _vector_header(name: str, image: npt.NDArray[np.int8], mask: npt.NDArray[np.int8]) -> str:
    guard = f"{name.upper()}_TEST_VECTOR_H"
    arrays = "\n".join(
        f"static const int8_t {name}_test_{what}[{values.size}] = {{\n{filled(values.ravel().tolist())}}};"
        for what, values in (("input", image), ("output", mask))
    )
    text = "An input of the network and the output that the reference kernels give for it."
    return f"/* {text} */\n#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n\n{arrays}\n\n#endif\n"
