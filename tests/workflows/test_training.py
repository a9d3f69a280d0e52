from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import nano_u
from nano_u.config import ExperimentConfig, load_experiment
from nano_u.data import as_floats, load_data
from nano_u.errors import ConfigError
from nano_u.evaluation import evaluate
from nano_u.models import load_model
from nano_u.monitoring.callback import NASMonitorCallback
from nano_u.training.quantization_aware_model import carry_back
from nano_u.workflows.training import TrainingObserver, TrainingRun, run_training


def weight_bytes(path: Path) -> bytes:
    return b"".join(weight.tobytes() for weight in load_model(path).get_weights())


def configuration(tiny_settings: tuple[str, ...], *more: str, data: Path) -> ExperimentConfig:
    return load_experiment(None, None, (*tiny_settings, *more), settings={"data": data})


@pytest.fixture
def precision() -> Iterator[str]:
    """A global dtype policy that somebody else has set in this process."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield "mixed_float16"
    keras.config.set_dtype_policy(before)


def test_the_function_gives_the_commands_weights_byte_for_byte_and_its_history_is_the_file(
    tiny_run: Path, tmp_path: Path
) -> None:
    config = load_experiment(tiny_run / "config.yaml")
    run = tmp_path / "run"

    model, history = nano_u.train(
        config.model_name,
        config.epochs,
        config.batch_size,
        config.learning_rate,
        data=str(config.data),
        seed=config.seed,
        run_dir=run,
        **config.model_dump(include={"model", "training", "augmentation"}),
    )

    assert weight_bytes(run / "best.keras") == weight_bytes(tiny_run / "best.keras")
    assert b"".join(weight.tobytes() for weight in model.get_weights()) == weight_bytes(run / "best.keras")
    rows = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    recorded = {key: [float(row[key]) for row in rows] for key in history.history}
    assert recorded == history.history
    assert recorded.keys() == {"loss", "iou", "val_loss", "val_iou"}


def test_a_ready_monitor_watches_the_training_of_the_function_and_leaves_its_weights_alone(
    tiny_run: Path, tmp_path: Path
) -> None:
    """It measures probe images, which costs forward passes of its own, and writes into the run."""
    config = load_experiment(tiny_run / "config.yaml")
    probe = load_data(str(config.data), config)["test"].images.astype(np.float32) / 255
    callback = NASMonitorCallback(validation_data=probe, layers="bottleneck", tensorboard=False)
    run = tmp_path / "run"

    _, history = nano_u.train(
        epochs=config.epochs,
        batch_size=config.batch_size,
        lr=config.learning_rate,
        data=str(config.data),
        seed=config.seed,
        run_dir=run,
        nas_callback=callback,
        **config.model_dump(include={"model", "training", "augmentation"}),
    )

    rows = list(csv.DictReader((run / "nas" / "nano_u_nas_metrics.csv").read_text().splitlines()))
    metrics = callback.get_metrics()
    recorded = load_experiment(run / "config.yaml").nas
    assert weight_bytes(run / "best.keras") == weight_bytes(tiny_run / "best.keras")
    assert (
        [float(row["redundancy_score"]) for row in rows] == metrics["redundancy"] == history.history["nas_redundancy"]
    )
    assert metrics["step"] == [3, 6]
    assert all("bottleneck" in name or "decoder1_block1_depthwise" in name for name in metrics["layers"])
    assert (recorded.enabled, recorded.layers, recorded.tensorboard) == (True, ("bottleneck",), False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"nas_log_dir": "logs"}, "nas_log_dir: monitoring is off; set enable_nas_monitoring=True"),
        ({"nas_config": {"laers": ["a"]}, "enable_nas_monitoring": True}, "unknown key 'nas.laers'"),
        ({"nas_config": {"layers": "a"}, "nas": {"layers": "a"}}, "give this section or the nas_... arguments"),
        ({"enable_nas_monitoring": True, "use_nas": False}, "use_nas: false contradicts nas.enabled: true"),
        ({"enable_nas_monitoring": True, "nas_log_freq": "step"}, "nas.log_freq: should be 'epoch' or 'batch'"),
    ],
)
def test_monitoring_arguments_that_make_no_sense_are_refused_before_anything_is_read(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        nano_u.train(data="nowhere", **arguments)

    assert message in str(caught.value)


def test_a_named_experiment_of_a_file_trains_and_says_where(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file gives the settings of `tiny_run` but for one epoch and another seed."""
    (tmp_path / "mine.yaml").write_text(
        f"extends: {tiny_run / 'config.yaml'}\nexperiments:\n  quick: {{epochs: 1, seed: 4}}\n"
    )
    monkeypatch.chdir(tmp_path)

    result = nano_u.train_model("mine.yaml", "quick")

    run = Path(result["run_dir"])
    metrics = json.loads((run / "metrics.json").read_text())
    assert result["status"] == "success"
    assert run.parent == Path("runs")
    assert Path(result["model_path"]) == run / "best.keras"
    best = {"best_val_iou": metrics["validation"]["pooled"]["metrics"]["iou"]}
    assert result["final_metrics"] == metrics["final"] | best
    assert weight_bytes(run / "best.keras") != weight_bytes(tiny_run / "best.keras")


class WeightsOfEveryStep(keras.callbacks.Callback):
    """The trainable weights after every step, and as they stand in the model at every epoch's end."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[list[np.ndarray]] = []
        self.epoch_ends: list[int] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self.steps.append([variable.numpy() for variable in self.model.trainable_variables])

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.epoch_ends.append(len(self.steps))

    def averaged(self, momentum: float, steps: int) -> list[np.ndarray]:
        """The exponential moving average over the first `steps` steps, which starts at the first step's weights."""
        average = self.steps[0]
        for weights in self.steps[1:steps]:
            average = [momentum * old + (1 - momentum) * new for old, new in zip(average, weights, strict=True)]
        return average


def test_the_best_model_of_an_averaged_training_is_the_average_that_was_validated(
    tiny_dataset: Path, tmp_path: Path, tiny_settings: tuple[str, ...]
) -> None:
    steps = WeightsOfEveryStep()
    config = configuration(tiny_settings, "training.ema_momentum=0.6", "training.optimizer=adamw", data=tiny_dataset)

    trained = run_training(config, run_path=tmp_path / "run", observer=TrainingObserver(callbacks=(steps,)))

    seen = steps.epoch_ends[trained.best_epoch - 1]
    average, raw = steps.averaged(0.6, seen), steps.steps[seen - 1]
    best = [variable.numpy() for variable in load_model(trained.run.best_model_path).trainable_variables]
    for ours, expected in zip(best, average, strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-6)
    assert max(np.abs(ours - last).max() for ours, last in zip(best, raw, strict=True)) > 1e-3
    assert_validated(trained)


def assert_validated(trained: TrainingRun) -> None:
    """The recorded validation IoU of the best epoch is the saved model's, whose statistics were left alone."""
    assert trained.validation is not None
    assert trained.batch_norm is not None
    assert not trained.batch_norm.reestimated
    recorded = trained.history.history["val_iou"][trained.best_epoch - 1]
    assert trained.validation.pooled.metrics.iou == pytest.approx(recorded, abs=1e-6)


def test_statistics_that_lag_are_replaced_in_the_saved_model_too(
    tiny_dataset: Path, tmp_path: Path, tiny_settings: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """Momentum 0.9999 leaves the running statistics where they began; all training images fit into one batch."""
    config = configuration(tiny_settings, "training.batch_norm_momentum=0.9999", data=tiny_dataset)

    trained = run_training(config, run_path=tmp_path / "run")

    assert trained.batch_norm is not None
    assert trained.batch_norm.reestimated
    assert [record.levelname for record in caplog.records if "lagged behind and were replaced" in record.message] == [
        "WARNING"
    ]
    saved = load_model(trained.run.best_model_path)
    batch_norm = next(layer for layer in saved.layers if isinstance(layer, keras.layers.BatchNormalization))
    images = load_data(str(tiny_dataset), config)["train"].images.astype(np.float32) / 255
    before = keras.Model(saved.input, batch_norm.input)(images).numpy()
    np.testing.assert_allclose(batch_norm.moving_mean, before.mean(axis=(0, 1, 2)), rtol=1e-3)
    np.testing.assert_allclose(batch_norm.moving_variance, before.var(axis=(0, 1, 2)), rtol=1e-3)
    metrics = json.loads(trained.run.metrics_path.read_text())
    assert metrics["batch_norm"]["reestimated"]
    assert metrics["validation"]["pooled"]["metrics"]["iou"] > max(trained.history.history["val_iou"])


def test_statistics_that_lag_under_int8_arithmetic_are_replaced_in_the_network_that_is_exported(
    tiny_dataset: Path, tmp_path: Path, tiny_settings: tuple[str, ...]
) -> None:
    """Without validation images, which lagging statistics would judge wrongly, the last epoch is kept."""
    shutil.rmtree(tiny_dataset / "val")
    lagging = ("training.batch_norm_momentum=0.9999", "epochs=8", "learning_rate=0.05", "val_fraction=0")
    from_the_start = ("quantization.aware=true", "quantization.from_first_epoch=true")
    config = configuration(tiny_settings, *lagging, *from_the_start, data=tiny_dataset)

    trained = run_training(config, run_path=tmp_path / "run")

    assert trained.batch_norm is not None
    assert trained.batch_norm.reestimated
    aware = load_model(trained.run.qat_model_path)
    first = next(layer for layer in aware.layers if getattr(layer, "batch_norm", False))
    data = load_data(str(tiny_dataset), config)["train"]
    images = as_floats(data.images)
    bytes_of = aware.get_layer(f"{aware.input.name}_bytes")(images)
    before = tf.nn.depthwise_conv2d(bytes_of, first.kernel, [1, *first.strides, 1], first.padding.upper()).numpy()
    np.testing.assert_allclose(first.moving_mean, before.mean(axis=(0, 1, 2)), rtol=0.02, atol=0.01)  # rounded weights
    np.testing.assert_allclose(first.moving_variance, before.var(axis=(0, 1, 2)), rtol=0.05)
    copy = load_model(trained.run.best_model_path)
    carry_back(aware, copy)
    for ours, theirs in zip(load_model(trained.run.best_model_path).get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    judged = evaluate(np.asarray(aware(images)), data, floor_probabilities=None)
    assert judged.pooled.metrics.iou == pytest.approx(trained.batch_norm.reestimated_iou)
    assert judged.pooled.metrics.iou > 0.8 > 0.1 > trained.batch_norm.inference_iou


def compute_types(model: keras.Model) -> set[str]:
    return {layer.compute_dtype for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)}


def test_mixed_precision_trains_half_precision_layers_and_leaves_kerass_policy_alone(
    tiny_dataset: Path, tmp_path: Path, tiny_settings: tuple[str, ...], precision: str
) -> None:
    config = configuration(tiny_settings, "training.mixed_precision=true", "epochs=1", data=tiny_dataset)

    trained = run_training(config, run_path=tmp_path / "run")

    assert keras.config.dtype_policy().name == precision
    assert compute_types(trained.model) == {"bfloat16"}
    assert {variable.dtype for variable in trained.model.variables} == {"float32"}
    assert load_model(trained.run.best_model_path).get_layer("logits").compute_dtype == "bfloat16"
    assert_validated(trained)


def test_a_training_that_fails_leaves_kerass_policy_alone_too(
    tiny_dataset: Path, tmp_path: Path, tiny_settings: tuple[str, ...], precision: str
) -> None:
    config = configuration(tiny_settings, "training.mixed_precision=true", "model_name=nano_v", data=tiny_dataset)

    with pytest.raises(ConfigError, match="unknown model 'nano_v'; known: nano_u, bu_net"):
        run_training(config, run_path=tmp_path / "run")

    assert keras.config.dtype_policy().name == precision


class EnoughSeenError(Exception):
    """Ends a training before its first step."""


class LayerTypes(keras.callbacks.Callback):
    """The types that the network's layers compute in."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.seen = compute_types(self.model)
        raise EnoughSeenError


def test_full_precision_does_not_follow_somebody_elses_policy(
    tiny_dataset: Path, tmp_path: Path, tiny_settings: tuple[str, ...], precision: str
) -> None:
    types = LayerTypes()

    with pytest.raises(EnoughSeenError):
        run_training(
            configuration(tiny_settings, data=tiny_dataset),
            run_path=tmp_path / "run",
            observer=TrainingObserver(callbacks=(types,)),
        )

    assert types.seen == {"float32"}
    assert keras.config.dtype_policy().name == precision
