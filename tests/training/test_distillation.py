from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from nano_u.config import config_from_mapping
from nano_u.errors import ConfigError, DataError
from nano_u.losses import bernoulli_divergence, make_loss
from nano_u.models import create_nano_u, load_model
from nano_u.training import train_with_distillation
from nano_u.training.checkpoint import BestModel

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (10, 16, 16, 3), np.uint8)
MASKS = (IMAGES.mean(axis=-1, keepdims=True) > 128).astype(np.uint8)
PLAIN = {
    "epochs": 1,
    "batch_size": 10,
    "learning_rate": 0.01,
    "seed": 3,
    "augmentation": {"enabled": False},
    "training": {"schedule": "constant", "optimizer": "adam"},
}


def tiny(seed: int, size: int = 16) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return create_nano_u((size, size, 3), filters=[2], bottleneck=3, blocks_per_stage=1)


def weights(model: keras.Model) -> bytes:
    return b"".join(weight.tobytes() for weight in model.get_weights())


def logits(model: keras.Model, *, training: bool = False) -> tf.Tensor:
    return model(IMAGES.astype(np.float32) / 255.0, training=training)


@pytest.mark.parametrize("live", [False, True])
def test_the_first_loss_is_the_weighted_sum_of_both_terms(live: bool) -> None:
    student, teacher = tiny(0), tiny(1)
    answer = logits(student, training=True)
    supervised = float(make_loss("bce")(MASKS.astype(np.float32), answer))
    divergence = float(bernoulli_divergence(answer, logits(teacher), 2.0))
    student = tiny(0)  # as it was: the pass above moved BatchNorm's averages

    history = train_with_distillation(
        student, teacher, {**PLAIN, "alpha": 0.25, "temperature": 2.0}, (IMAGES, MASKS), live_teacher=live
    ).history

    assert history["student_loss"] == [pytest.approx(supervised, rel=1e-5)]
    assert history["distillation_loss"] == [pytest.approx(divergence, rel=2e-3)]  # float16 logits where cached
    assert history["loss"] == [pytest.approx(0.25 * supervised + 0.75 * divergence, rel=2e-3)]


def test_logged_terms_weigh_images_as_the_loss_does() -> None:
    """Batches of nine and of one image: a mean over batches would not add up."""
    config = {**PLAIN, "batch_size": 9, "learning_rate": 1e-12, "alpha": 0.3}

    history = train_with_distillation(tiny(0), tiny(1), config, (IMAGES, MASKS), (IMAGES, MASKS)).history

    for prefix in ("", "val_"):
        loss, supervised, divergence = (
            history[f"{prefix}{name}"][0] for name in ("loss", "student_loss", "distillation_loss")
        )
        assert loss == pytest.approx(0.3 * supervised + 0.7 * divergence, rel=1e-5)


def test_a_student_of_several_classes_is_refused() -> None:
    image = keras.Input((16, 16, 3))
    student = keras.Model(image, keras.layers.Conv2D(3, 1)(image), name="classes")

    with pytest.raises(ConfigError, match="student classes: gives 3 channels; one logit per pixel is learnt"):
        train_with_distillation(student, tiny(1), PLAIN, (IMAGES, MASKS))


@pytest.mark.parametrize("live", [False, True])
def test_the_teacher_stays_as_it_was_to_the_byte(live: bool) -> None:
    teacher = tiny(1)
    before = weights(teacher)

    train_with_distillation(tiny(0), teacher, {**PLAIN, "epochs": 2}, (IMAGES, MASKS), live_teacher=live)

    assert weights(teacher) == before


def test_the_students_batch_norm_is_updated_once_a_step() -> None:
    student, plain = tiny(0), tiny(0)
    config = {**PLAIN, "learning_rate": 1e-12, "training": {**PLAIN["training"], "batch_norm_momentum": 0.5}}

    train_with_distillation(student, tiny(1), config, (IMAGES, MASKS))

    answer = next(layer for layer in plain.layers if "bn" in layer.name)
    feeding = keras.Model(plain.input, answer.input)(IMAGES.astype(np.float32) / 255.0)
    expected = 0.5 * np.asarray(feeding).mean(axis=(0, 1, 2))
    np.testing.assert_allclose(student.get_layer(answer.name).moving_mean, expected, rtol=1e-4, atol=1e-6)


def test_a_student_follows_its_teacher_where_the_masks_say_nothing() -> None:
    """With alpha 0 only the teacher counts, and the divergence from it falls."""
    student, teacher = tiny(0), tiny(5)
    kernel, bias = teacher.get_layer("logits").get_weights()
    teacher.get_layer("logits").set_weights([1000 * kernel, bias + 1])
    before = float(bernoulli_divergence(logits(student), logits(teacher), 1.0))
    config = {**PLAIN, "epochs": 60, "learning_rate": 0.03, "alpha": 0.0, "temperature": 1.0}

    train_with_distillation(student, teacher, config, (IMAGES, np.full_like(MASKS, 255)))

    assert float(bernoulli_divergence(logits(student), logits(teacher), 1.0)) < 0.5 * before


def test_cached_and_live_teachers_give_the_same_losses_without_augmentation() -> None:
    config = {**PLAIN, "epochs": 3, "batch_size": 4}

    cached = train_with_distillation(tiny(0), tiny(1), config, (IMAGES, MASKS)).history["loss"]
    live = train_with_distillation(tiny(0), tiny(1), config, (IMAGES, MASKS), live_teacher=True).history["loss"]

    np.testing.assert_allclose(cached, live, rtol=2e-3)


def test_validation_has_both_terms_and_iou() -> None:
    history = train_with_distillation(tiny(0), tiny(1), PLAIN, (IMAGES, MASKS), (IMAGES[:4], MASKS[:4])).history

    terms = {"loss", "iou", "student_loss", "distillation_loss"}
    assert set(history) == terms | {f"val_{term}" for term in terms}


def test_a_dataset_is_taught_by_a_live_teacher() -> None:
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES / np.float32(255), MASKS.astype(np.float32))).batch(5)

    history = train_with_distillation(tiny(0), tiny(1), PLAIN, dataset, dataset).history

    assert history["distillation_loss"][0] > 0


def test_a_teacher_of_another_size_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"teacher nano_u: takes images of \(8, 8, 3\), the student .* \(16, 16, 3\)"):
        train_with_distillation(tiny(0), tiny(1, size=8), PLAIN, (IMAGES, MASKS))


@pytest.mark.parametrize(("images", "masks", "message"), [(10, 9, "10 images but 9 masks"), (0, 0, "no images")])
def test_arrays_that_cannot_be_taught_are_refused_before_the_teacher_is_asked(
    images: int, masks: int, message: str
) -> None:
    asked: list[int] = []

    with pytest.raises(DataError, match=message):
        train_with_distillation(
            tiny(0), tiny(1), PLAIN, (IMAGES[:images], MASKS[:masks]), progress=lambda done, total: asked.append(done)
        )

    assert not asked


def test_a_typed_configuration_is_taken_too() -> None:
    config = config_from_mapping({**PLAIN, "alpha": 1.0})

    history = train_with_distillation(tiny(0), tiny(1), config, (IMAGES, MASKS)).history

    assert history["loss"] == pytest.approx(history["student_loss"])


def features(model: keras.Model, layer: str, *, training: bool = False) -> np.ndarray:
    return np.asarray(
        keras.Model(model.input, model.get_layer(layer).output)(IMAGES / np.float32(255), training=training)
    )


HINTED = "bottleneck_block1_pointwise_relu"


def test_mapped_layers_add_their_mean_squared_difference_to_the_loss() -> None:
    config = {**PLAIN, "alpha": 0.25, "feature_layers": {HINTED: HINTED}, "feature_weight": 3.0}
    apart = ((features(tiny(0), HINTED, training=True) - features(tiny(1), HINTED)) ** 2).mean()
    plain = train_with_distillation(tiny(0), tiny(1), {**PLAIN, "alpha": 0.25}, (IMAGES, MASKS)).history

    history = train_with_distillation(tiny(0), tiny(1), config, (IMAGES, MASKS)).history

    assert history["feature_loss"] == [pytest.approx(float(apart), rel=1e-5)]
    assert history["loss"] == [pytest.approx(plain["loss"][0] + 3.0 * float(apart), rel=1e-5)]


def test_a_student_follows_the_features_of_a_wider_teacher_and_is_saved_alone(tmp_path: Path) -> None:
    keras.utils.set_random_seed(7)
    teacher = create_nano_u((16, 16, 3), filters=[2], bottleneck=4, blocks_per_stage=1)
    student, names = tiny(0), [weight.path for weight in tiny(0).weights]
    before = weights(teacher)
    config = {**PLAIN, "epochs": 80, "learning_rate": 0.03, "feature_layers": {HINTED: HINTED}, "feature_weight": 100.0}
    best = BestModel(tmp_path / "best.keras")

    history = train_with_distillation(
        student, teacher, config, (IMAGES, MASKS), (IMAGES, MASKS), callbacks=[best]
    ).history

    hint = features(teacher, HINTED)
    kept = load_model(tmp_path / "best.keras")
    assert weights(teacher) == before
    assert [weight.path for weight in kept.weights] == names == [weight.path for weight in student.weights]
    assert history["feature_loss"][-1] < 0.5 * history["feature_loss"][0]
    mine = features(student, HINTED, training=True).reshape(-1, 3)
    mine = np.concatenate([mine, np.ones((len(mine), 1))], axis=1)
    projected, *_ = np.linalg.lstsq(mine, hint.reshape(-1, 4), rcond=None)
    best_possible = float(((mine @ projected - hint.reshape(-1, 4)) ** 2).mean())
    assert history["feature_loss"][-1] == pytest.approx(best_possible, rel=0.25)  # the projection is trained too


def test_the_students_batch_norm_is_updated_once_a_step_with_mapped_layers_too() -> None:
    student, plain = tiny(0), tiny(0)
    config = {**PLAIN, "learning_rate": 1e-12, "training": {**PLAIN["training"], "batch_norm_momentum": 0.5}}

    train_with_distillation(student, tiny(1), {**config, "feature_layers": {HINTED: HINTED}}, (IMAGES, MASKS))
    train_with_distillation(plain, tiny(1), config, (IMAGES, MASKS))

    for ours, theirs in zip(student.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_layer_that_the_teacher_lacks_is_named() -> None:
    config = {**PLAIN, "feature_layers": {HINTED: "bottleneck_block1_pointwise_rel"}}

    with pytest.raises(ConfigError, match=r"bottleneck_block1_pointwise_rel'.*bottleneck_block1_pointwise_relu"):
        train_with_distillation(tiny(0), tiny(1), config, (IMAGES, MASKS))


@pytest.mark.parametrize("kind", ["kernel_regularizer", "activity_regularizer"])
def test_penalties_of_the_student_count_once_with_mapped_layers_too(kind: str) -> None:
    def student() -> keras.Model:
        keras.utils.set_random_seed(0)
        image = keras.Input((16, 16, 3))
        hinted = keras.layers.Conv2D(3, 3, padding="same", name="mine", **{kind: keras.regularizers.L2(0.5)})(image)
        return keras.Model(image, keras.layers.Conv2D(1, 1)(hinted))

    plain = train_with_distillation(student(), tiny(1), PLAIN, (IMAGES, MASKS)).history
    config = {**PLAIN, "feature_layers": {"mine": HINTED}}

    history = train_with_distillation(student(), tiny(1), config, (IMAGES, MASKS)).history

    assert plain["loss"][0] > 1.01 * (0.3 * plain["student_loss"][0] + 0.7 * plain["distillation_loss"][0])
    assert history["loss"][0] == pytest.approx(plain["loss"][0] + history["feature_loss"][0], rel=1e-5)
