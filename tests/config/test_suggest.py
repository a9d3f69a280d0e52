from __future__ import annotations

import pytest

from nano_u.config.suggest import closest, did_you_mean

KEYS = ["layers", "epochs", "learning_rate", "batch_size"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("laers", "layers"),
        ("epoch", "epochs"),
        ("Learning-Rate", "learning_rate"),
        ("lr", "learning_rate"),
        ("batchsize", "batch_size"),
        ("zebra", None),
    ],
)
def test_the_closest_known_name_is_suggested(name: str, meant: str | None) -> None:
    assert closest(name, KEYS) == meant


def test_a_name_of_another_tool_is_suggested_only_where_ours_is_known() -> None:
    assert closest("lr", ["alpha", "beta"]) is None


def test_did_you_mean_is_empty_without_a_near_name() -> None:
    assert did_you_mean("laers", KEYS) == "; did you mean 'layers'?"
    assert did_you_mean("zebra", KEYS) == ""
