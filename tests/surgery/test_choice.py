from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest
from tests.surgery.networks import IMAGES, copy_last_axis, edit, group_of, layers, network

from nano_u.errors import ModelError
from nano_u.redundancy import Moments
from nano_u.redundancy.moments import moments_of
from nano_u.surgery import choose_channels, cut_channels, measure_readers, removable_channels

RANDOM = np.random.default_rng(2)


def two_layers(width: int = 6, **options: object) -> keras.Model:
    """A group `a` that the 1x1 convolution `b` reads."""
    return network(layers.Conv2D(width, 1, name="a"), layers.Conv2D(3, 1, name="b", **options))


def made_up(samples: np.ndarray) -> dict[str, Moments]:
    """Moments under which `b` reads these samples."""
    return {"b": moments_of(samples)}


def test_the_channels_that_add_nothing_go_first() -> None:
    samples = RANDOM.normal(size=(500, 6))
    samples[:, 1] = samples[:, 4]
    samples[:, 2] = -3 * samples[:, 0]
    samples[:, 5] = 0
    model = two_layers()

    choice = removable_channels(group_of(model, "a"), model, made_up(samples))

    assert len(choice.keep) == 3
    assert 5 not in choice.keep
    assert len({1, 4} & set(choice.keep)) == len({0, 2} & set(choice.keep)) == 1
    assert choice.loss < 1e-12


def test_a_linear_mixture_of_others_can_go_in_their_place() -> None:
    samples = RANDOM.normal(size=(500, 6))
    samples[:, 3] = 0.5 * samples[:, 0] - 2 * samples[:, 1] + 7
    model = two_layers()

    choice = removable_channels(group_of(model, "a"), model, made_up(samples))

    assert len(choice.keep) == 5
    assert choice.loss < 1e-12


def test_independent_channels_all_stay() -> None:
    model = two_layers()

    choice = removable_channels(group_of(model, "a"), model, made_up(RANDOM.normal(size=(500, 6))))

    assert (choice.keep, choice.loss) == ((0, 1, 2, 3, 4, 5), 0.0)


def test_a_larger_limit_lets_go_as_much_as_it_says() -> None:
    model = two_layers()
    moments = made_up(RANDOM.normal(size=(500, 6)) * [1, 2, 3, 0.1, 0.2, 0.3])
    group = group_of(model, "a")

    choice = removable_channels(group, model, moments, limit=0.05)

    assert 0 < choice.loss <= 0.05
    assert choose_channels(group, model, moments, len(choice.keep) - 1).loss > 0.05


def test_one_channel_stays_though_none_says_anything() -> None:
    model = two_layers()

    choice = removable_channels(group_of(model, "a"), model, made_up(np.ones((50, 6))))

    assert (len(choice.keep), choice.loss) == (1, 0.0)


def test_of_independent_channels_those_stay_that_are_strong_and_strongly_read() -> None:
    model = two_layers(4)
    kernel = np.zeros((1, 1, 4, 3), np.float32)
    kernel[0, 0, np.arange(4), [0, 1, 2, 0]] = [1, 5, 1, 0.01]
    model.get_layer("b").kernel.assign(kernel)
    uncorrelated = np.linalg.qr(RANDOM.normal(size=(400, 5)) + np.eye(400, 5))[0]
    samples = (uncorrelated - uncorrelated.mean(axis=0))[:, :4] * [1.0, 1.0, 3.0, 20.0]

    keep = [choose_channels(group_of(model, "a"), model, made_up(samples), count).keep for count in (1, 2, 3)]

    assert keep == [(1,), (1, 2), (0, 1, 2)]


def test_the_loss_falls_with_every_channel_and_is_what_the_cut_loses() -> None:
    model = network(layers.Conv2D(6, 3, activation="relu", name="a"), layers.Conv2D(3, 3, padding="same", name="b"))
    moments, group = measure_readers(model, IMAGES), group_of(model, "a")

    choices = [choose_channels(group, model, moments, count) for count in range(1, 7)]

    losses = [choice.loss for choice in choices]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[-1] == 0
    for choice in choices[:-1]:
        assert cut_channels(model, {"a": choice.keep}, moments).residuals == {"b": pytest.approx(choice.loss)}


def test_the_choice_is_near_the_best_of_all() -> None:
    model = network(layers.Conv2D(6, 3, activation="relu", name="a"), layers.Conv2D(4, 1, name="b"), seed=3)
    moments, group = measure_readers(model, IMAGES), group_of(model, "a")

    chosen = choose_channels(group, model, moments, 4)

    losses = sorted(
        cut_channels(model, {"a": keep}, moments).residuals["b"] for keep in itertools.combinations(range(6), 4)
    )
    assert chosen.loss <= losses[len(losses) // 4]


def skip_network() -> keras.Model:
    """`a` is read by `b`, and by `end` beside what `b` makes."""
    source = keras.Input((16, 16, 3))
    a = layers.Conv2D(5, 1, name="a")(source)
    b = layers.Conv2D(5, 1, name="b")(a)
    return keras.Model(source, layers.Conv2D(2, 1, name="end")(layers.Concatenate()([b, a])))


def skip_moments(read_by_b: np.ndarray, made_by_b: np.ndarray, skipped: np.ndarray) -> dict[str, Moments]:
    return {"b": moments_of(read_by_b), "end": moments_of(np.column_stack([made_by_b, skipped]))}


def test_a_copy_counts_only_where_every_reader_can_do_without_it() -> None:
    model, independent = skip_network(), RANDOM.normal(size=(300, 5))
    copied = independent.copy()
    copied[:, 4] = 2 * copied[:, 0]
    rescaled = independent.copy()
    rescaled[:, 4] = -0.1 * rescaled[:, 0]
    other, group = RANDOM.normal(size=(300, 5)), group_of(model, "a")

    kept = [
        len(removable_channels(group, model, skip_moments(one, other, two)).keep)
        for one, two in ((copied, rescaled), (copied, independent), (independent, rescaled))
    ]

    assert kept == [4, 5, 5]


def test_other_groups_stand_in_where_one_group_is_cut_but_not_where_several_may_be() -> None:
    model, other = skip_network(), RANDOM.normal(size=(300, 5))
    read = other.copy()
    read[:, 3] = 0
    moments, group = skip_moments(read, other, other), group_of(model, "a")

    assert choose_channels(group, model, moments, 4).loss < 1e-12
    assert removable_channels(group, model, moments).keep == (0, 1, 2, 3, 4)


def test_a_group_that_comes_twice_in_one_reader_loses_both() -> None:
    source = keras.Input((16, 16, 3))
    a = layers.Conv2D(4, 1, name="a")(source)
    model = keras.Model(source, layers.Conv2D(2, 1, name="end")(layers.Concatenate()([a, layers.ReLU()(a)])))
    edit(model, "a", copy_last_axis(0, 2))

    moments = measure_readers(model, IMAGES)
    choice = removable_channels(group_of(model, "a"), model, moments)

    assert len(choice.keep) == 3
    assert len({0, 2} & set(choice.keep)) == 1


def test_a_kept_channel_explains_its_copies_wherever_the_group_comes() -> None:
    source = keras.Input((16, 16, 3))
    a = layers.Conv2D(4, 1, name="a")(source)
    model = keras.Model(source, layers.Conv2D(2, 1, name="end")(layers.Concatenate()([a, layers.ReLU()(a)])))
    samples = RANDOM.normal(size=(300, 8)) * [1, 1, 1, 1, 1, 1, 9, 9]
    samples[:, [3, 7]] = samples[:, [2, 6]]

    keep = choose_channels(group_of(model, "a"), model, {"end": moments_of(samples)}, 2).keep

    assert len({2, 3} & set(keep)) == 1


def test_the_losses_of_several_readers_are_added() -> None:
    model = skip_network()
    moments = skip_moments(*np.random.default_rng(1).normal(size=(3, 300, 5)))
    group = group_of(model, "a")

    choice = choose_channels(group, model, moments, 2)

    residuals = cut_channels(model, {"a": choice.keep}, moments).residuals
    assert min(residuals.values()) > 0.01  # both count
    assert choice.loss == pytest.approx(residuals["b"] + residuals["end"])


@pytest.mark.parametrize("count", [0, 7, -1])
def test_an_impossible_count_is_refused(count: int) -> None:
    model = two_layers()

    with pytest.raises(ModelError, match=f"a: cannot keep {count} of its 6 channels; 1 to 6 can stay"):
        choose_channels(group_of(model, "a"), model, made_up(RANDOM.normal(size=(9, 6))), count)


def test_a_group_left_whole_is_refused_with_its_reason() -> None:
    model = two_layers()

    with pytest.raises(ModelError, match="b: its channels cannot be removed: they are an output of the network"):
        removable_channels(group_of(model, "b"), model, {})


@pytest.mark.parametrize("moments", [{}, made_up(np.ones((9, 5)))])
def test_moments_of_another_network_are_refused(moments: dict[str, Moments]) -> None:
    model = two_layers()

    with pytest.raises(ModelError, match="b: the moments are not those of"):
        removable_channels(group_of(model, "a"), model, moments)


def test_groups_of_another_network_are_refused() -> None:
    model, wider = two_layers(4), two_layers(6)

    with pytest.raises(ModelError, match="ask for the groups of this model"):
        removable_channels(group_of(wider, "a"), model, measure_readers(model, IMAGES))
