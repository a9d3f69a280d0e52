from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from nano_u.errors import ConfigError
from nano_u.monitoring.options import check_whole_number


@pytest.mark.parametrize("value", [2, 3, np.int64(2), np.uint8(200)])
def test_whole_numbers_of_any_library_pass(value: Any) -> None:
    check_whole_number("interval", value, least=2)


@pytest.mark.parametrize("value", [True, np.True_, 2.0, np.float32(2), Fraction(2), "2", None])
def test_what_is_no_whole_number_is_refused_as_it_was_written(value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        check_whole_number("interval", value, least=0)

    assert str(caught.value) == f"interval: must be a whole number, got {value!r}"


@pytest.mark.parametrize("value", [1, np.int64(-3)])
def test_a_number_below_the_least_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        check_whole_number("interval", value, least=2)

    assert str(caught.value) == f"interval: must be at least 2, got {value}"
