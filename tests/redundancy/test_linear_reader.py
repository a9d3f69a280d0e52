from __future__ import annotations

import pytest
from tests.reporting.monitored import layer

from nano_u.redundancy.linear_reader import has_linear_reader, judged_at, no_linear_reader


@pytest.mark.parametrize("name", ["pool", "it's", "a; see 'b'"])
def test_the_point_that_the_reason_names_is_found_among_the_layers(name: str) -> None:
    sums = layer("sum", 0.5, keep=None, removable_reason=no_linear_reader(name))
    others = [layer("b", 0.5), layer(name, 0.5), sums]

    assert judged_at(sums, others) is others[1]
    assert not has_linear_reader(sums)


@pytest.mark.parametrize(
    "reason", [None, no_linear_reader(None), no_linear_reader("elsewhere"), "scored on 2 of 9 channels; use --exact"]
)
def test_without_a_monitored_point_further_on_there_is_none(reason: str | None) -> None:
    sums = layer("sum", 0.5, keep=None, removable_reason=reason)

    assert judged_at(sums, [layer("b", 0.5), sums]) is None


@pytest.mark.parametrize(
    ("keep", "reason", "read"),
    [
        ((0, 1), None, True),
        (None, "12 effective samples; advice on 8 channels needs 32", True),
        (None, None, True),
        (None, no_linear_reader(None), False),
        (None, no_linear_reader("pool"), False),
    ],
)
def test_a_linear_map_reads_a_layer_unless_its_reason_says_otherwise(
    keep: tuple[int, ...] | None, reason: str | None, read: bool
) -> None:
    assert has_linear_reader(layer("a", 0.5, keep=keep, removable_reason=reason)) == read
