from __future__ import annotations

from tests.reporting.monitored import logged

from nano_u.reporting.training_axis import TrainingAxis, training_axis


def test_epochs_that_were_logged_once_are_the_axis() -> None:
    steps = (logged(1, step=7), logged(2, step=14), logged(5, step=35))

    assert training_axis(steps) == TrainingAxis("epoch", (1, 2, 5))


def test_an_epoch_that_was_logged_twice_makes_optimizer_steps_the_axis() -> None:
    steps = (logged(1, step=7), logged(1, step=9), logged(2, step=14))

    assert training_axis(steps) == TrainingAxis("optimizer step", (7, 9, 14))


def test_a_single_step_is_an_epoch() -> None:
    assert training_axis((logged(3, step=90),)) == TrainingAxis("epoch", (3,))


def test_steps_that_begin_again_are_counted() -> None:
    """A model that was compiled anew counts its steps from the start."""
    steps = tuple(logged(epoch, step=step) for epoch, step in ((1, 10), (1, 20), (2, 5), (2, 10)))

    assert training_axis(steps) == TrainingAxis("logged step", (1, 2, 3, 4))
