from __future__ import annotations

import gc
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.func_graph import FuncGraph

from nano_u.config import ExperimentConfig
from nano_u.data.pipeline import batch_indices
from nano_u.data.synthetic import synthetic_terrain
from nano_u.errors import ConfigError, DataError, NonFiniteLossError
from nano_u.models import create_nano_u
from nano_u.training import train_single_model

RNG = np.random.default_rng(0)
IMAGES = RNG.random((10, 16, 16, 3), np.float32)
MASKS = (IMAGES.mean(axis=-1, keepdims=True) > 0.5).astype(np.float32)
PLAIN_ADAM = {"schedule": "constant", "optimizer": "adam"}
SHORT = {"epochs": 2, "batch_size": 4, "learning_rate": 0.01, "seed": 3}


def tiny_model() -> keras.Model:
    keras.utils.set_random_seed(7)
    return create_nano_u((16, 16, 3), filters=[2], bottleneck=3, blocks_per_stage=1)


def test_history_has_losses_and_iou_of_both_sets() -> None:
    history = train_single_model(tiny_model(), SHORT, (IMAGES, MASKS), (IMAGES[:4], MASKS[:4]))

    assert set(history.history) == {"loss", "iou", "val_loss", "val_iou"}
    assert len(history.history["loss"]) == 2


def test_training_learns_a_brightness_threshold() -> None:
    images = np.repeat(np.repeat(RNG.random((10, 4, 4, 1), np.float32), 4, axis=1), 4, axis=2) * np.ones(3, np.float32)
    masks = (images[..., :1] > 0.5).astype(np.float32)
    config = {**SHORT, "epochs": 40, "learning_rate": 0.03, "augmentation": {"enabled": False}}

    history = train_single_model(tiny_model(), config, (images, masks))

    assert history.history["iou"][-1] > 0.8 > 0.6 > history.history["iou"][0]


def test_two_runs_give_byte_equal_weights() -> None:
    runs = []
    for _ in range(2):
        model = tiny_model()
        train_single_model(model, SHORT, (IMAGES, MASKS))
        runs.append(b"".join(weight.tobytes() for weight in model.get_weights()))

    assert runs[0] == runs[1]


def test_first_losses_agree_with_bare_keras() -> None:
    """Augmentation off, same order of images: our layers, loss and pipeline compute what stock Keras computes."""
    ours, theirs = tiny_model(), stock_copy(tiny_model())
    config = ExperimentConfig.model_validate({**SHORT, "augmentation": {"enabled": False}, "training": PLAIN_ADAM})
    losses: list[float] = []
    record = keras.callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: losses.append(logs["loss"]))
    train_single_model(ours, config, (IMAGES, MASKS), callbacks=[record])
    theirs.compile(keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False)
    expected = []
    for epoch in (1, 2):
        total = seen = 0.0
        for batch in range(3):
            chosen = batch_indices(10, batch_size=4, seed=3, epoch=epoch, batch=batch)
            theirs.reset_metrics()
            total += len(chosen) * theirs.train_on_batch(IMAGES[chosen], MASKS[chosen], return_dict=True)["loss"]
            seen += len(chosen)
            expected.append(total / seen)  # Keras' logs hold the mean over the epoch so far

    np.testing.assert_allclose(losses, expected, rtol=1e-4)


@pytest.mark.slow
def test_fifty_steps_of_the_default_network_agree_with_bare_keras() -> None:
    """At a small learning rate: from 1e-4 on, stock Keras started 1e-7 away parts from itself by more than 1e-4."""
    data = synthetic_terrain(160)
    images, masks = data.images.astype(np.float32) / 255, data.masks.astype(np.float32)
    keras.utils.set_random_seed(7)
    ours = create_nano_u()
    theirs = stock_copy(ours)
    config = {"epochs": 5, "batch_size": 16, "learning_rate": 1e-5, "seed": 3, "augmentation": {"enabled": False}}
    means: list[float] = []
    record = keras.callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: means.append(logs["loss"]))

    train_single_model(ours, {**config, "training": PLAIN_ADAM}, (images, masks), callbacks=[record])

    theirs.compile(keras.optimizers.Adam(1e-5), keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=False)
    expected = []
    for step in range(50):
        chosen = batch_indices(160, batch_size=16, seed=3, epoch=1 + step // 10, batch=step % 10)
        theirs.reset_metrics()
        expected.append(theirs.train_on_batch(images[chosen], masks[chosen], return_dict=True)["loss"])
    sums = np.reshape(means, (5, 10)) * np.arange(1, 11)  # Keras' logs hold the mean over the epoch so far
    losses = np.diff(sums, axis=1, prepend=0.0).ravel()
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    assert expected[-1] < 0.95 * expected[0]


def stock_copy(model: keras.Model) -> keras.Model:
    """The same network and weights out of Keras' own layers."""

    def replace(layer: keras.layers.Layer) -> keras.layers.Layer:
        if type(layer).__name__ == "FusedBatchNormalization":
            return keras.layers.BatchNormalization(momentum=layer.momentum, name=layer.name)
        if type(layer).__name__ == "UpsampleNearest":
            return keras.layers.UpSampling2D(layer.size, name=layer.name)
        return type(layer).from_config(layer.get_config())

    copy = keras.models.clone_model(model, clone_function=replace)
    copy.set_weights(model.get_weights())
    return copy


def test_a_nan_image_stops_training_and_is_named() -> None:
    images = IMAGES.copy()
    images[6, 4:12, 4:12] = np.nan  # the middle, which augmentation always shows
    data = SimpleNamespace(images=images, masks=MASKS, names=tuple(f"image_{i}" for i in range(10)))

    with pytest.raises(NonFiniteLossError, match=r"epoch 1, batch \d \(images: .*image_6") as caught:
        train_single_model(tiny_model(), SHORT, data)

    assert str(caught.value).count("image_") == 4 or "batch 2" in str(caught.value)


def test_a_training_leaves_no_graph_behind() -> None:
    """Shrinking trains dozens of networks in one process; a graph takes some 60 MB."""

    def graphs() -> set[int]:
        gc.collect()
        return {id(found) for found in gc.get_objects() if isinstance(found, FuncGraph)}

    before = graphs()
    train_single_model(tiny_model(), SHORT, (IMAGES, MASKS), (IMAGES[:4], MASKS[:4]))

    assert graphs() <= before


def test_a_dataset_is_used_as_it_is() -> None:
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, MASKS)).batch(5)

    history = train_single_model(tiny_model(), SHORT, dataset, dataset)

    assert history.params["steps"] == 2


def test_plateau_and_early_stopping_and_averaging_run() -> None:
    options = {"schedule": "plateau", "early_stopping_patience": 1, "ema_momentum": 0.9, "loss": "bce_dice"}
    config = {**SHORT, "epochs": 6, "learning_rate": 1e-12, "training": options}

    history = train_single_model(tiny_model(), config, (IMAGES, MASKS), (IMAGES, MASKS))

    assert len(history.epoch) < 6


@pytest.mark.parametrize("validation", [(), ((IMAGES, MASKS),)])
def test_the_plateau_schedule_lowers_the_rate_when_the_loss_stands_still(
    validation: tuple[tuple[np.ndarray, np.ndarray], ...],
) -> None:
    """Ten still epochs are Keras' patience."""
    options = {"schedule": "plateau", "batch_norm_momentum": 0.5}
    config = {"epochs": 16, "batch_size": 10, "learning_rate": 1e-12, "augmentation": {"enabled": False}}
    model, rates = tiny_model(), []
    record = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: rates.append(float(model.optimizer.learning_rate)))

    train_single_model(model, {**config, "training": options}, (IMAGES, MASKS), *validation, callbacks=[record])

    shares = np.divide(rates, 1e-12)  # approx has an absolute tolerance of 1e-12
    assert shares[:10] == pytest.approx(np.ones(10))
    assert (np.diff(shares) <= 0).all()
    assert shares[-1] == pytest.approx(0.1)


def test_an_endless_dataset_and_an_unknown_key_are_refused() -> None:
    endless = tf.data.Dataset.from_tensor_slices((IMAGES, MASKS)).batch(5).repeat()

    with pytest.raises(DataError, match="must be finite"):
        train_single_model(tiny_model(), SHORT, endless)
    with pytest.raises(ConfigError, match="unknown key 'epoch_count'"):
        train_single_model(tiny_model(), {"epoch_count": 3}, (IMAGES, MASKS))


@pytest.mark.parametrize("images", [1, 3])
def test_fewer_images_than_the_batch_make_one_smaller_batch(images: int) -> None:
    history = train_single_model(tiny_model(), {**SHORT, "batch_size": 16}, (IMAGES[:images], MASKS[:images]))

    assert history.params["steps"] == 1
    assert np.isfinite(history.history["loss"]).all()


def test_debug_mode_runs_eagerly() -> None:
    model = tiny_model()

    train_single_model(model, {**SHORT, "epochs": 1, "debug_mode": True}, (IMAGES[:4], MASKS[:4]))

    assert model.run_eagerly
