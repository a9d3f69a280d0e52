from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nano_u.redundancy import RunningCovariance, population_redundancy_score


def samples(count: int = 500, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.standard_normal((count, 4)) @ random.standard_normal((4, 4)) + 50).astype(np.float32)


def running_over(*parts: Any) -> RunningCovariance:
    running = RunningCovariance(4)
    for part in parts:
        running.update(part)
    return running


def test_parts_of_any_shape_give_the_covariance_of_all_samples() -> None:
    x = samples()
    expected = np.cov(x.astype(np.float64), rowvar=False, bias=True)

    running = running_over(x[:100].reshape(5, 4, 5, 4), x[100], x[101:101], x[101:].tolist())

    assert running.count == 500
    assert running.mean == pytest.approx(x.astype(np.float64).mean(axis=0))
    assert running.covariance() == pytest.approx(expected, rel=1e-9)


def test_merging_equals_one_stream() -> None:
    x = samples()
    left, right = running_over(x[:123]), running_over(x[123:])

    left.merge(right)

    assert left.count == 500
    assert left.covariance() == pytest.approx(running_over(x).covariance(), rel=1e-12)
    assert right.count == 377


def test_the_score_is_that_of_the_population_for_many_samples() -> None:
    mixing = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0.5, 0]])
    x = np.random.default_rng(1).standard_normal((20_000, 3)) @ mixing.T
    expected = population_redundancy_score(mixing @ mixing.T)

    assert running_over(x).redundancy_score() == pytest.approx(expected, abs=0.01)


def test_the_score_has_no_bias_from_few_samples() -> None:
    running = RunningCovariance(64)
    running.update(np.random.default_rng(2).standard_normal((64, 64)))

    assert population_redundancy_score(running.covariance()) == pytest.approx(0.40, abs=0.02)
    score = running.redundancy_score()
    assert score is not None
    assert score < 0.03


@pytest.mark.parametrize(
    ("channels", "x"),
    [(1, np.arange(9.0)[:, None]), (3, np.ones((9, 3))), (3, np.ones((1, 3))), (2, [[np.nan, 1.0], [1.0, 2.0]])],
    ids=["one channel", "constant", "one sample", "not finite"],
)
def test_without_a_defined_score_there_is_none(channels: int, x: Any) -> None:
    running = RunningCovariance(channels)
    running.update(x)

    assert running.redundancy_score() is None


def test_a_dead_channel_counts_as_redundant() -> None:
    x = np.random.default_rng(3).standard_normal((100_000, 4))
    x[:, 2] = 7

    assert running_over(x).redundancy_score() == pytest.approx(1 / 3, abs=1e-3)


def test_reset_forgets() -> None:
    running = running_over(samples())

    running.reset()

    assert running.count == 0
    assert not running.covariance().any()
    assert running.redundancy_score() is None


def test_what_is_given_out_does_not_change_the_state() -> None:
    running = running_over(samples())
    before = running.covariance()

    running.covariance()[:] = 0
    running.mean[:] = 0
    for array in running.get_state().values():
        array.fill(0)

    assert np.array_equal(running.covariance(), before)
    assert running.mean.all()


@pytest.mark.parametrize("way", ["state", "file", "pickle"])
def test_a_restored_state_goes_on_like_the_first(way: str, tmp_path: Path) -> None:
    x = samples()
    running = running_over(x[:200])
    if way == "state":
        restored = RunningCovariance(4)
        restored.set_state(running.get_state())
    elif way == "file":
        running.save(tmp_path / "state.of.layer")
        restored = RunningCovariance.load(tmp_path / "state.of.layer")
    else:
        restored = pickle.loads(pickle.dumps(running))

    restored.update(x[200:])

    running.update(x[200:])
    assert np.array_equal(restored.covariance(), running.covariance())
    assert restored.count == 500


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="channels must be positive, got 0"):
        RunningCovariance(0)
    with pytest.raises(ValueError, match=r"must hold 4 channels, got shape \(5, 3\)"):
        running_over(np.ones((5, 3)))
    with pytest.raises(ValueError, match="the state has 3 channels, this covariance 4"):
        RunningCovariance(4).set_state(RunningCovariance(3).get_state())
    with pytest.raises(ValueError, match="merge only"):
        RunningCovariance(4).merge(RunningCovariance(3))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_tensors_of_any_float_type_are_taken(dtype: str) -> None:
    tf = pytest.importorskip("tensorflow")
    x = tf.cast(samples(), dtype)
    expected = np.cov(tf.cast(x, "float64").numpy(), rowvar=False, bias=True)

    assert running_over(x).covariance() == pytest.approx(expected, rel=1e-9)


def test_inside_a_tf_function_every_run_of_the_graph_counts() -> None:
    tf = pytest.importorskip("tensorflow")
    x = samples()
    running = RunningCovariance(4)

    @tf.function(input_signature=[tf.TensorSpec([None, None, 4])])
    def step(batch: Any) -> Any:
        running.update(batch)
        return tf.reduce_sum(batch)

    for part in range(0, 500, 100):
        step(x[part : part + 100].reshape(10, 10, 4))

    assert step.experimental_get_tracing_count() == 1
    assert running.count == 500
    assert running.covariance() == pytest.approx(running_over(x).covariance(), rel=1e-12)


def test_a_tensor_of_other_channels_is_refused_when_the_graph_runs() -> None:
    tf = pytest.importorskip("tensorflow")
    running = RunningCovariance(3)

    @tf.function
    def step(batch: Any) -> None:
        running.update(batch)

    with pytest.raises(tf.errors.InvalidArgumentError, match="must hold 3 channels"):
        step(samples())
