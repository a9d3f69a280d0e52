from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from nano_u.errors import ConfigError
from nano_u.losses import LOSSES, make_loss

RNG = np.random.default_rng(3)
LOGITS = RNG.normal(0, 3, (2, 4, 5, 1)).astype(np.float32)
LABELS = RNG.integers(0, 2, (2, 4, 5, 1)).astype(np.float32)


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z.astype(np.float64)))


def reference_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    probs = sigmoid(logits)
    return float(-np.mean(labels * np.log(probs) + (1 - labels) * np.log(1 - probs)))


def reference_tversky(logits: np.ndarray, labels: np.ndarray, a: float, b: float) -> float:
    probs = sigmoid(logits)
    hits, alarms, misses = (probs * labels).sum(), (probs * (1 - labels)).sum(), ((1 - probs) * labels).sum()
    return float(1 - (hits + 1) / (hits + a * alarms + b * misses + 1))


REFERENCES = {
    "bce": reference_cross_entropy(LOGITS, LABELS),
    "dice": reference_tversky(LOGITS, LABELS, 0.5, 0.5),
    "tversky": reference_tversky(LOGITS, LABELS, 0.3, 0.7),
    "tversky_precision": reference_tversky(LOGITS, LABELS, 0.7, 0.3),
}
REFERENCES["bce_dice"] = (REFERENCES["bce"] + REFERENCES["dice"]) / 2
REFERENCES["bce_tversky"] = (REFERENCES["bce"] + REFERENCES["tversky"]) / 2
REFERENCES["bce_tversky_precision"] = (REFERENCES["bce"] + REFERENCES["tversky_precision"]) / 2


@pytest.mark.parametrize("kind", sorted(LOSSES))
def test_loss_equals_its_textbook_formula(kind: str) -> None:
    assert float(make_loss(kind)(LABELS, LOGITS)) == pytest.approx(REFERENCES[kind], rel=1e-5)


@pytest.mark.parametrize("kind", sorted(LOSSES))
def test_ignored_pixels_change_neither_loss_nor_gradient(kind: str) -> None:
    ignored = LABELS.copy()
    ignored[:, 2:] = 255
    other = LOGITS.copy()
    other[:, 2:] = 50.0
    loss = make_loss(kind)

    with tf.GradientTape() as tape:
        logits = tf.Variable(other)
        value = loss(ignored, logits)
    gradient = tape.gradient(value, logits).numpy()

    assert float(value) == pytest.approx(float(loss(LABELS[:, :2], LOGITS[:, :2])), rel=1e-6)
    assert np.all(gradient[:, 2:] == 0)
    assert np.abs(gradient[:, :2]).min() > 0


def test_gradient_of_cross_entropy_is_probability_minus_label() -> None:
    with tf.GradientTape() as tape:
        logits = tf.Variable(LOGITS)
        value = make_loss("bce")(LABELS, logits)

    expected = (sigmoid(LOGITS) - LABELS) / LABELS.size
    np.testing.assert_allclose(tape.gradient(value, logits).numpy(), expected, rtol=1e-4, atol=1e-8)


def test_cross_entropy_stays_finite_at_huge_logits() -> None:
    assert float(make_loss("bce")(np.ones((1, 1, 1, 1)), np.full((1, 1, 1, 1), -1e4))) == pytest.approx(1e4)


def test_unknown_loss_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown loss 'focal'; known: bce, bce_dice"):
        make_loss("focal")


def test_loss_survives_its_configuration() -> None:
    loss = make_loss("bce_dice")

    assert type(loss).from_config(loss.get_config()).kind == "bce_dice"
