from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from tests.monitoring.tiny import compiled, data, fit, monitor, network


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if "BatchNorm has not settled" in record.message]


@pytest.mark.parametrize("probe", [False, True], ids=["validation pass", "probe images"])
@pytest.mark.parametrize(("mean", "variance"), [(50.0, 1.0), (0.0, 1e4)], ids=["mean", "variance"])
def test_running_statistics_that_describe_other_data_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, probe: bool, mean: float, variance: float
) -> None:
    model, images = compiled(network(momentum=1.0 - 1e-9)), data(8)
    layer = model.get_layer("bn1")
    layer.moving_mean.assign(np.full(4, mean))
    layer.moving_variance.assign(np.full(4, variance))

    with caplog.at_level(logging.WARNING, "nano_u"):
        options = {"validation_data": images[0]} if probe else {}
        fit(model, [monitor(tmp_path, **options)], **({} if probe else {"validation_data": images}))

    (said,) = warnings_of(caplog)
    assert "bn1" in said


def test_settled_statistics_are_not_complained_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = compiled(network(momentum=0.5))

    with caplog.at_level(logging.WARNING, "nano_u"):
        fit(model, [monitor(tmp_path)], epochs=4, validation_data=data(8))

    assert warnings_of(caplog) == []
