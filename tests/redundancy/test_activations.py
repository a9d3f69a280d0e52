from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nano_u.redundancy import GroupMoments, compute_layer_redundancy, group_of_image, measure_layer


def activations(shape: tuple[int, ...] = (40, 3, 5, 4)) -> np.ndarray:
    random = np.random.default_rng(0)
    x = random.standard_normal(shape) @ random.standard_normal((4, 4))
    x[..., 3] = x[..., 0]
    return x.astype(np.float32)


@pytest.mark.parametrize("shape", [(400, 4), (40, 15, 4), (40, 3, 5, 4), (40, 3, 1, 5, 4)], ids=str)
def test_every_pixel_is_a_sample_and_groups_are_of_whole_images(shape: tuple[int, ...]) -> None:
    x = activations(shape)
    samples = x.reshape(shape[0], -1, 4)
    moments = GroupMoments.from_samples(samples, group_of_image(np.arange(shape[0]), shape[0]))
    record = measure_layer(moments, layer="x", mode="inference", linear_input=True, tolerance=1e-6)

    result = compute_layer_redundancy(x, linear_input=True)

    row = record.scalars()
    assert {name: row[name] for name in result if name not in ("keep", "histogram")} == {
        name: value for name, value in result.items() if name not in ("keep", "histogram")
    }
    assert result["keep"] == record.keep
    assert result["histogram"] == record.histogram
    assert result["samples"] == x.size // 4
    assert result["removable"] == 0.25


def test_the_promised_keys_are_there() -> None:
    result = compute_layer_redundancy(activations())

    assert {"redundancy_score", "condition_number", "rank", "num_channels", "dead_channels"} <= set(result)
    assert (result["rank"], result["num_channels"]) == (3, 4)


def test_advice_needs_to_know_the_reader() -> None:
    result = compute_layer_redundancy(activations())

    assert result["removable"] is None
    assert "linear_input=True" in str(result["removable_reason"])


def test_eps_is_the_share_below_which_an_eigenvalue_is_zero() -> None:
    x = np.random.default_rng(1).standard_normal((400, 3)) * [1, 1, 1e-2]

    fine, coarse = compute_layer_redundancy(x), compute_layer_redundancy(x, eps=1e-3)

    assert (fine["rank"], fine["condition_at_floor"]) == (3, False)
    assert (coarse["rank"], coarse["condition_at_floor"]) == (2, True)
    assert coarse["condition_number"] == pytest.approx(1e3)


def test_tensors_are_taken() -> None:
    tf = pytest.importorskip("tensorflow")
    x = activations()

    assert compute_layer_redundancy(tf.constant(x)) == compute_layer_redundancy(x)


@pytest.mark.parametrize("shape", [(0, 3, 3, 4), (5, 0, 3, 4), (0, 4)], ids=str)
def test_nothing_to_measure_is_said(shape: tuple[int, ...]) -> None:
    result = compute_layer_redundancy(np.zeros(shape))

    assert (result["status"], result["num_channels"]) == ("insufficient", 4)


@pytest.mark.parametrize(
    ("x", "eps", "text"),
    [
        (np.zeros(4), 1e-6, r"rank 2 to 5, got shape \(4,\)"),
        (np.zeros((1,) * 6), 1e-6, "rank 2 to 5"),
        (np.zeros((3, 2)), 1.0, r"eps must be in \[0, 1\), got 1.0"),
        (np.zeros((3, 2)), -0.1, "eps must be"),
        (np.zeros((3, 0)), 1e-6, "no channels"),
    ],
    ids=["rank 1", "rank 6", "eps 1", "eps below 0", "no channels"],
)
def test_what_cannot_be_measured_is_refused(x: Any, eps: float, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        compute_layer_redundancy(x, eps)
