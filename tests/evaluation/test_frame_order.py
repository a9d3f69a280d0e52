from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nano_u.evaluation.frame_order import natural_order


def test_numbers_in_names_count_as_numbers() -> None:
    names = ["f_10", "f_2", "f_1", "f_1b2", "f_1b10", "e_99"]

    assert [names[index] for index in natural_order(names)] == ["e_99", "f_1", "f_1b2", "f_1b10", "f_2", "f_10"]


def test_equal_numbers_with_other_zeros_have_a_fixed_order() -> None:
    assert [["f_01", "f_1"][index] for index in natural_order(["f_01", "f_1"])] == ["f_01", "f_1"]
    assert [["f_1", "f_01"][index] for index in natural_order(["f_1", "f_01"])] == ["f_01", "f_1"]


@given(st.lists(st.text(max_size=6), unique=True, max_size=8), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_names_come(names: list[str], random: object) -> None:
    shuffled = list(names)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert [shuffled[index] for index in natural_order(shuffled)] == [names[index] for index in natural_order(names)]
