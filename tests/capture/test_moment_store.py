from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from nano_u.capture.captured import Captured
from nano_u.capture.moment_store import MomentStore, Slot, slot_of
from nano_u.redundancy import GROUPS, GroupMoments, group_of_image


def slot(name: str = "layer", channels: int = 3, **options: Any) -> Slot:
    fields = {"channels": None, "channels_first": False, "linear_input": False, "reads": None, **options}
    return Slot(name, channels, **fields)


def images(count: int, *shape: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, *shape)) + random.normal(size=shape[-1])).astype(np.float32)


def expected(x: np.ndarray, capacity: int, *, channels: Sequence[int] | None = None) -> GroupMoments:
    """In one pass over the images of the window, in float64."""
    samples = x.reshape(len(x), -1, x.shape[-1])[:capacity]
    samples = samples if channels is None else samples[..., list(channels)]
    return GroupMoments.from_samples(samples, group_of_image(np.arange(len(samples)), capacity))


def assert_equal(found: GroupMoments, wanted: GroupMoments) -> None:
    scale = float(np.abs(wanted.total().scatter).max())
    assert found.images == wanted.images
    np.testing.assert_array_equal(found.counts, wanted.counts)
    np.testing.assert_allclose(found.means, wanted.means, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.scatters, wanted.scatters, rtol=1e-5, atol=1e-6 * scale)


def fill(store: MomentStore, *layers: np.ndarray, batch: int, as_graph: bool = False) -> None:
    def observe(*tensors: tf.Tensor) -> None:
        store.observe(tensors)

    step = tf.function(observe, reduce_retracing=True) if as_graph else observe
    for start in range(0, len(layers[0]), batch):
        step(*(tf.constant(layer[start : start + batch]) for layer in layers))


@pytest.mark.parametrize("as_graph", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize(
    ("count", "limit", "batch"),
    [(20, 20, 4), (23, 23, 5), (23, 10, 4), (7, 40, 3), (64, 64, 64), (9, 9, 1), (3, 2, 3)],
    ids=str,
)
def test_groups_are_those_of_one_pass_over_the_window(count: int, limit: int, batch: int, as_graph: bool) -> None:
    x = images(count, 4, 5, 3)
    store = MomentStore([slot()], "pixels")

    store.open(limit, whole_batch=False)
    fill(store, x, batch=batch, as_graph=as_graph)

    (found,) = store.read()
    assert_equal(found, expected(x, limit))


def test_a_whole_batch_window_cuts_groups_from_each_batch() -> None:
    x = images(40, 4, 3)
    store = MomentStore([slot()], "pixels")

    store.open(64, whole_batch=True)
    fill(store, x, batch=20)

    (found,) = store.read()
    groups = np.concatenate([group_of_image(np.arange(20), 20)] * 2)
    assert_equal(found, GroupMoments.from_samples(x, groups))


def test_several_layers_of_other_ranks_and_formats() -> None:
    maps, vectors, first = images(10, 4, 4, 3), images(10, 5, seed=1), images(10, 2, 3, 4, seed=2)
    slots = [slot("maps", 3), slot("vectors", 5), slot("first", 2, channels_first=True)]
    store = MomentStore(slots, "pixels")

    store.open(10, whole_batch=False)
    fill(store, maps, vectors, first, batch=4)

    found = store.read()
    for moments, x in zip(found, (maps, vectors, np.moveaxis(first, 1, -1)), strict=True):
        assert_equal(moments, expected(x, 10))


def test_the_mean_of_an_image_is_one_sample() -> None:
    x = images(12, 4, 4, 3)
    store = MomentStore([slot()], "mean")

    store.open(12, whole_batch=False)
    fill(store, x, batch=5)

    (found,) = store.read()
    assert_equal(found, expected(x.mean(axis=(1, 2))[:, None], 12))


def test_a_wide_layer_is_scored_on_the_same_channels_every_time() -> None:
    x = images(6, 4, 12)
    wide = Captured("wide", tf.constant(x), False, True, None)

    one, other = slot_of(wide, max_channels=5), slot_of(wide, max_channels=5)
    store = MomentStore([one], "pixels")
    store.open(6, whole_batch=False)
    fill(store, x, batch=4)

    assert one == other
    assert one.channels is not None
    assert len(set(one.channels)) == one.width == 5
    assert list(one.channels) == sorted(one.channels)
    assert slot_of(wide, max_channels=12).channels is None
    assert slot_of(wide, max_channels=None).width == 12
    assert_equal(store.read()[0], expected(x, 6, channels=one.channels))


def test_nothing_is_looked_at_outside_a_window() -> None:
    x = images(8, 4, 3)
    store = MomentStore([slot()], "pixels")

    fill(store, x, batch=4)
    assert store.read()[0].images == 0

    store.open(8, whole_batch=False)
    fill(store, x[:4], batch=4)
    store.close()
    fill(store, x[4:], batch=4)

    (found,) = store.read()
    assert found.images == 4
    assert_equal(found, expected(x[:4], 8))


def test_a_new_window_starts_from_nothing_whatever_the_last_one_was_centred_on() -> None:
    x, y = images(5, 4, 3) + np.float32(1000), images(5, 4, 3, seed=1)
    store = MomentStore([slot()], "pixels")

    for values in (x, y):
        store.open(5, whole_batch=False)
        fill(store, values, batch=2)
        assert_equal(store.read()[0], expected(values, 5))


def test_many_stores_in_one_process_bring_no_warning_of_frequent_tracing(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(8):
        MomentStore([slot()], "pixels").open(5, whole_batch=False)

    assert "retracing" not in caplog.text


def test_what_was_read_stays_when_the_store_goes_on() -> None:
    x, y = images(5, 4, 3), images(5, 4, 3, seed=1)
    store = MomentStore([slot()], "pixels")
    store.open(10, whole_batch=False)
    fill(store, x, batch=5, as_graph=True)
    (found,) = store.read()

    fill(store, y, batch=5, as_graph=True)
    store.open(10, whole_batch=False)

    groups = group_of_image(np.arange(5), 10)
    assert_equal(found, GroupMoments.from_samples(x, groups))


def test_batches_of_other_means_are_about_one_origin() -> None:
    x = images(12, 16, 3) + np.repeat(np.float32([0, 500, -300]), 4)[:, None, None]
    store = MomentStore([slot()], "pixels")

    store.open(12, whole_batch=False)
    fill(store, x, batch=4)

    total, wanted = store.read()[0].total(), expected(x, 12).total()
    unit = np.sqrt(np.diag(wanted.scatter))
    assert np.max(np.abs(total.scatter - wanted.scatter) / np.outer(unit, unit)) <= 1e-6


def test_an_image_that_is_not_finite_spoils_its_own_group_only() -> None:
    x = images(GROUPS, 4, 3)
    x[7, 2, 1] = np.nan
    store = MomentStore([slot()], "pixels")

    store.open(GROUPS, whole_batch=False)
    fill(store, x, batch=5)

    (found,) = store.read()
    finite = np.isfinite(found.scatters).all(axis=(1, 2))
    assert not finite[7]
    assert finite[[0, 4, 10, 19]].all()


TWO_REPLICAS = """
import numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from nano_u.capture.moment_store import MomentStore, Slot
from nano_u.redundancy import GroupMoments
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
x = np.random.default_rng(0).normal(size=(8, 4, 3)).astype(np.float32)
with strategy.scope():
    store = MomentStore([Slot("layer", 3, None, False, False, None)], "pixels")
store.open(8, whole_batch=False)
halves = iter([x[:4], x[4:]])
values = strategy.experimental_distribute_values_from_function(lambda context: tf.constant(next(halves)))
tf.function(lambda v: strategy.run(lambda one: store.observe([one]), args=(v,)))(values)
found = store.read()[0]
whole = GroupMoments.from_samples(x, [0] * 8).total()
assert found.images == 8, found.images
np.testing.assert_allclose(found.total().scatter, whole.scatter, rtol=1e-5, atol=1e-5)
"""


@pytest.mark.slow
def test_replicas_count_for_themselves_and_are_merged() -> None:
    done = subprocess.run([sys.executable, "-c", TWO_REPLICAS], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-2000:]
