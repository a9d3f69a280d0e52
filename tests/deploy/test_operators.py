from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from nano_u.deploy import MICRO_OPERATORS, check_operators, list_operators, micro_available
from nano_u.errors import DeployError

# Custom operators and helpers with a registration of their own that no built-in code selects.
NOT_BUILT_IN = re.compile(
    "CIRCULAR|DECODE|DELAY|DETECTION|ENERGY|ETHOSU|FFT|FILTER|FRAMER|OVERLAP|PCAN|STACKER|WINDOW|L2NORM|CLASSIFIER"
)


def test_operators_are_listed_in_their_order(tiny: Any) -> None:
    assert list_operators(tiny.tflite) == (
        "DEPTHWISE_CONV_2D",
        "CONV_2D",
        "MAX_POOL_2D",
        "DEPTHWISE_CONV_2D",
        "CONV_2D",
        "RESIZE_NEAREST_NEIGHBOR",
        "DEPTHWISE_CONV_2D",
        "CONV_2D",
        "CONV_2D",
    )


def test_our_own_operators_pass(tiny: Any) -> None:
    check_operators(tiny.tflite)


@pytest.mark.parametrize("operator", ["TILE", "SELECT", "POW"])
def test_operator_and_layer_are_named(exchange_operator: Callable[[str, str], bytes], operator: str) -> None:
    with pytest.raises(DeployError, match=f"TensorFlow Lite Micro has no {operator} .layer 'encoder1_pool'."):
        check_operators(exchange_operator("MAX_POOL_2D", operator))


def test_a_custom_operator_is_named(exchange_operator: Callable[[str, str], bytes]) -> None:
    with pytest.raises(DeployError, match=r"has no CUSTOM: .layer 'decoder1_upsample'."):
        check_operators(exchange_operator("RESIZE_NEAREST_NEIGHBOR", "CUSTOM"))


@pytest.mark.skipif(not micro_available(), reason="tflite-micro (the extra `mcu`) is not installed")
def test_the_table_is_what_the_pinned_tflite_micro_registers() -> None:
    spec = find_spec("tflite_micro.python.tflite_micro")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    runtime = Path(spec.submodule_search_locations[0], "_runtime.so").read_bytes()

    registered = {name.decode() for name in re.findall(rb"\d+Register_([A-Z0-9_]+)Ev", runtime)}

    assert {name for name in registered if not NOT_BUILT_IN.search(name)} == MICRO_OPERATORS
