"""One contract for every kind of model: the right numbers, the same training, nothing left behind."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from tests.monitoring.zoo import STYLES, ModelStyle, float64_scores

from nano_u.errors import TrainingError
from nano_u.monitoring import NASMonitorCallback
from nano_u.redundancy import LayerRedundancy

DEFAULT_MAX_SAMPLES = 64
FIELDS = {
    "redundancy": "redundancy_score",
    "correlation_mean": "correlation_mean",
    "correlation_std": "correlation_std",
    "trace": "trace",
    "condition_number": "condition_number",
}
QUICK = {"functional", "subclassed_attributes", "dropout", "shared_layer", "raw_operations", "own_training_step"}


def cases(*, quick: Sequence[str] | set[str] | None = None) -> list[Any]:
    """Every style; those outside `quick` (by default those that take seconds) only in the slow tests."""
    return [
        pytest.param(
            style,
            id=style.name,
            marks=pytest.mark.slow if style.slow or (quick is not None and style.name not in quick) else (),
        )
        for style in STYLES
    ]


@dataclass(frozen=True)
class Trained:
    """A model after a fit, its history, and the folder in which the fit ran."""

    style: ModelStyle
    model: keras.Model
    history: dict[str, list[float]]
    folder: Path


def trained(style: ModelStyle, folder: Path, *callbacks: keras.callbacks.Callback, **options: Any) -> Trained:
    """A new model of this style after a shuffled fit inside `folder`."""
    model = style.compiled()
    x, y = style.data()
    settings = {"batch_size": 4, "epochs": 2, "verbose": 0, **options}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        history = model.fit(x, y, callbacks=list(callbacks), **settings)
    return Trained(style, model, history.history, folder)


@dataclass(frozen=True)
class Pair:
    """The same training without and with a monitor that was given no argument."""

    plain: Trained
    watched: Trained
    monitor: NASMonitorCallback


@pytest.fixture(scope="module", params=cases())
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    style: ModelStyle = request.param
    folder = tmp_path_factory.mktemp(style.name)
    monitor = NASMonitorCallback()
    validation = {"validation_data": style.data(), "validation_batch_size": 4}
    yield Pair(trained(style, folder, **validation), trained(style, folder, monitor, **validation), monitor)
    keras.backend.clear_session()


@pytest.mark.parametrize("style", cases())
def test_the_hand_made_reference_ends_in_the_models_own_output(style: ModelStyle) -> None:
    model = style.compiled()
    x, _ = style.data()
    model(x)

    for training in (False, True):
        found = style.activations(model, x, training=training)

        before = [variable.numpy() for variable in model.variables]
        outputs = keras.tree.flatten(model(x, training=training))
        for variable, value in zip(model.variables, before, strict=True):
            variable.assign(value)
        for name, output in zip(style.outputs, outputs, strict=True):
            own = np.moveaxis(output, style.channel_axis, -1) if len(output.shape) > 2 else np.asarray(output)
            np.testing.assert_allclose(found[name], own, rtol=1e-5, atol=1e-6)
        assert [name for name in found if name in style.selected(training=training)] == list(
            style.selected(training=training)
        )


def test_training_is_the_same_to_the_byte(pair: Pair) -> None:
    plain, watched = pair.plain, pair.watched

    for one, other in zip(state(plain.model), state(watched.model), strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes(), one.path
    for name, values in plain.history.items():
        assert watched.history[name] == values, name


def test_the_default_selection_is_what_the_style_says(pair: Pair) -> None:
    assert list(pair.monitor.get_metrics()["layers"]) == list(pair.watched.style.selection)


def test_scores_of_the_validation_pass_equal_those_of_the_reference(pair: Pair) -> None:
    style = pair.watched.style
    x, _ = style.data()
    activations = style.activations(pair.watched.model, x)

    assert_scores(style, pair.monitor, activations, training=False, capacity=DEFAULT_MAX_SAMPLES)


def test_a_row_says_who_reads_the_layer(pair: Pair) -> None:
    (path,) = (pair.watched.folder / "logs" / "nas").glob("*_nas_layers.csv")
    with path.open(newline="") as file:
        rows = {row["layer"]: row for row in csv.DictReader(file)}

    not_linear = {name for name, row in rows.items() if row["removable_reason"].startswith("not read by a linear")}

    assert not_linear == {name for name, linear in pair.watched.style.selection.items() if not linear}


def test_nothing_is_left_in_the_model(pair: Pair) -> None:
    plain, watched = pair.plain.model, pair.watched.model

    for one, other in zip(plain._flatten_layers(), watched._flatten_layers(), strict=True):
        assert set(vars(one)) == set(vars(other)), other.name
        assert "call" not in vars(other), other.name
    assert type(watched.train_function) is type(plain.train_function)
    assert type(watched.test_function) is type(plain.test_function)
    assert len(watched.losses) == len(plain.losses)


@pytest.mark.parametrize("style", cases(quick=QUICK))
def test_scores_of_training_batches_equal_those_of_the_reference(style: ModelStyle, tmp_path: Path) -> None:
    monitor = NASMonitorCallback(monitor_frequency="batch", log_frequency=1)
    x, _ = style.data()
    twin = style.compiled()
    twin(x)
    activations = style.activations(twin, x, training=True)

    trained(style, tmp_path, monitor, batch_size=8, epochs=1, shuffle=False)

    assert_scores(style, monitor, activations, training=True, capacity=8)


@pytest.mark.parametrize("style", cases(quick=QUICK))
def test_scores_of_probe_images_equal_those_of_the_reference(style: ModelStyle, tmp_path: Path) -> None:
    monitor = NASMonitorCallback(validation_data=style.data())

    run = trained(style, tmp_path, monitor)

    x, _ = style.data()
    activations = style.activations(run.model, x)
    assert_scores(style, monitor, activations, training=False, capacity=8)
    for one, other in zip(state(trained(style, tmp_path).model), state(run.model), strict=True):
        assert one.numpy().tobytes() == other.numpy().tobytes(), one.path


@pytest.mark.parametrize("style", cases(quick={*QUICK, "own_training_step_without_losses"}))
def test_a_penalty_reaches_the_loss_or_is_refused(style: ModelStyle, tmp_path: Path) -> None:
    monitor = NASMonitorCallback(redundancy_weight=0.5)

    if not style.takes_penalty:
        with pytest.raises(TrainingError, match=r"train_step ignores model\.losses"):
            trained(style, tmp_path, monitor)
        return
    run = trained(style, tmp_path, monitor, epochs=1, batch_size=8)
    plain = trained(style, tmp_path, epochs=1, batch_size=8)

    assert run.history["redundancy_penalty"][0] > 0
    assert run.history["task_loss"][0] == pytest.approx(plain.history["loss"][0], rel=style.tolerance)
    assert any(
        not np.array_equal(one.numpy(), other.numpy())
        for one, other in zip(plain.model.trainable_variables, run.model.trainable_variables, strict=True)
    )
    assert len(run.model.losses) == len(plain.model.losses)


def state(model: keras.Model) -> list[keras.Variable]:
    """Everything that training moves: weights, statistics, random states, optimizer slots."""
    return [*model.variables, *model.optimizer.variables]


def assert_scores(
    style: ModelStyle,
    monitor: NASMonitorCallback,
    activations: dict[str, np.ndarray],
    *,
    training: bool,
    capacity: int,
) -> None:
    """The monitor's last logged step holds the scores of these activations."""
    selected = style.selected(training=training)
    expected = float64_scores(
        {name: activations[name] for name in selected},
        mode="training" if training else "inference",
        linear_inputs={name for name, linear in selected.items() if linear},
        capacity=capacity,
    )
    layers = monitor.get_metrics()["layers"]
    assert list(layers) == list(selected)
    for name, record in expected.items():
        for metric, field in FIELDS.items():
            value = getattr(record, field)
            wanted = value
            if value is not None:
                tolerance = tolerance_of(style, record, metric)
                wanted = pytest.approx(value, rel=tolerance, abs=tolerance)
            assert layers[name][metric][-1] == wanted, f"{name}: {metric}"


def tolerance_of(style: ModelStyle, record: LayerRedundancy, metric: str) -> float:
    """Float32 activations differ in their last digits; the smallest eigenvalue by that share of the largest."""
    if metric != "condition_number" or record.condition_number is None:
        return style.tolerance
    return style.tolerance * max(1.0, 1e-2 * record.condition_number)
