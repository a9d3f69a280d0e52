"""The monitor in `fit` with our two networks: its files, its numbers and the weights it must not touch."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from nano_u.graph import read_architecture, summarise
from nano_u.models import count_parameters, create_bu_net, create_nano_u
from nano_u.monitoring.callback import NASMonitorCallback

EPOCHS, BATCH, IMAGES = 2, 4, 12
NETWORKS = ("nano_u", pytest.param("bu_net", marks=pytest.mark.slow))
MODEL_FIELDS = ("redundancy_score", "correlation_mean", "correlation_std", "trace", "condition_number")


@dataclass(frozen=True)
class Watched:
    """A network after a `fit` under the monitor, the same after one without it, and where the files lie."""

    model: keras.Model
    plain: keras.Model
    history: dict[str, list[float]]
    monitor: NASMonitorCallback
    folder: Path

    def rows(self, suffix: str) -> list[dict[str, str]]:
        path = self.folder / f"{self.model.name}_nas_{suffix}.csv"
        return list(csv.DictReader(path.read_text().splitlines()))


def network(name: str) -> keras.Model:
    keras.utils.set_random_seed(1)
    if name == "bu_net":
        return create_bu_net((16, 16, 3), filters=[2], bottleneck=4)
    return create_nano_u((16, 16, 3), filters=[2], bottleneck=4, blocks_per_stage=1)


def fit(model: keras.Model, *callbacks: keras.callbacks.Callback) -> dict[str, list[float]]:
    random = np.random.default_rng(0)
    x = random.random((IMAGES + BATCH, 16, 16, 3), dtype=np.float32)
    y = (x.mean(axis=-1, keepdims=True) > 0.5).astype(np.float32)
    fitted = model.fit(
        x[:IMAGES],
        y[:IMAGES],
        validation_data=(x[IMAGES:], y[IMAGES:]),
        batch_size=BATCH,
        epochs=EPOCHS,
        callbacks=list(callbacks),
        verbose=0,
    )
    return dict(fitted.history)


@pytest.fixture(scope="module", params=NETWORKS)
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = tmp_path_factory.mktemp(request.param)
    monitor = NASMonitorCallback(log_dir=folder, tensorboard=False)
    model, plain = network(request.param), network(request.param)
    history = fit(model, monitor)
    fit(plain)
    return Watched(model, plain, history, monitor, folder)


def test_the_weights_are_byte_for_byte_those_without_the_monitor(watched: Watched) -> None:
    for ours, expected in zip(watched.model.get_weights(), watched.plain.get_weights(), strict=True):
        assert ours.tobytes() == expected.tobytes()


def test_the_files_are_those_of_the_network_and_nothing_else(watched: Watched) -> None:
    name = watched.model.name

    assert {path.name for path in watched.folder.iterdir()} == {
        f"{name}_nas_metrics.csv",
        f"{name}_nas_layers.csv",
        f"{name}_nas.jsonl",
        f"{name}_nas_correlations.npz",
        f"{name}_nas_run.json",
        "graph.json",
    }


def test_the_tables_have_a_row_per_epoch_and_one_per_layer(watched: Watched) -> None:
    steps = IMAGES // BATCH

    keys = [(row["epoch"], row["step"]) for row in watched.rows("metrics")]
    layers = [(row["epoch"], row["layer"]) for row in watched.rows("layers")]

    assert keys == [(str(epoch), str(epoch * steps)) for epoch in range(1, EPOCHS + 1)]
    names = list(watched.monitor.get_metrics()["layers"])
    assert layers == [(str(epoch), name) for epoch in range(1, EPOCHS + 1) for name in names]
    assert len(names) > 3


def test_every_place_that_tells_a_number_tells_the_same(watched: Watched) -> None:
    rows, layers = watched.rows("metrics"), watched.rows("layers")
    lines = [json.loads(line) for line in (watched.folder / f"{watched.model.name}_nas.jsonl").read_text().splitlines()]
    metrics = watched.monitor.get_metrics()

    for field in MODEL_FIELDS:
        told = metrics["redundancy" if field == "redundancy_score" else field]
        assert [float(row[field]) for row in rows] == told == [line["model"][field] for line in lines]
    assert watched.history["nas_redundancy"] == metrics["redundancy"]
    assert watched.history["nas_correlation"] == metrics["correlation_mean"]
    assert watched.history["nas_condition"] == metrics["condition_number"]
    told = [line["layers"] for line in lines]
    assert [row["redundancy_score"] for row in layers] == [
        "" if layer["redundancy_score"] is None else repr(layer["redundancy_score"]) for step in told for layer in step
    ]


def test_the_correlations_hold_a_histogram_per_step_and_the_matrix_of_the_last(watched: Watched) -> None:
    layers = [row for row in watched.rows("layers") if row["epoch"] == str(EPOCHS)]

    with np.load(watched.folder / f"{watched.model.name}_nas_correlations.npz") as arrays:
        assert arrays["epochs"].tolist() == list(range(1, EPOCHS + 1))
        assert arrays["layers"].tolist() == [row["layer"] for row in layers]
        for number, row in enumerate(layers):
            live = int(row["num_channels"]) - int(row["dead_channels"])
            assert arrays["histograms"][-1, number].sum() == live * (live - 1) // 2
            upper = np.triu_indices(int(row["num_channels"]), 1)
            if live == int(row["num_channels"]) > 1:
                mean = np.abs(arrays[f"correlation_{number}"][upper]).mean()
                assert mean == pytest.approx(float(row["correlation_mean"]), rel=1e-9)


def test_the_records_name_the_network_and_its_size(watched: Watched) -> None:
    run = json.loads((watched.folder / f"{watched.model.name}_nas_run.json").read_text())
    parameters = count_parameters(watched.model)

    assert (run["model_name"], run["parameters"]) == (watched.model.name, parameters)
    assert summarise(read_architecture(watched.folder / "graph.json")).parameters == parameters
    assert [(row["epoch"], row["iou"]) for row in run["validation_iou"]] == list(
        enumerate(watched.history[next(key for key in watched.history if key.startswith("val_") and "iou" in key)], 1)
    )
