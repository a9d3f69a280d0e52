from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.config import DatasetConfig
from nano_u.data.names import composed, folded, group_of, natural_key, require_utf8, shortened
from nano_u.errors import DataError

DEFAULT = DatasetConfig().group_pattern


def test_numbers_in_names_sort_as_numbers() -> None:
    names = ["img_10", "img_2", "img_1", "img_02"]

    assert sorted(names, key=natural_key) == ["img_1", "img_02", "img_2", "img_10"]


@given(st.lists(st.text(alphabet="ab_019²٣", max_size=6), unique=True))
def test_every_set_of_names_has_one_order(names: list[str]) -> None:
    assert sorted(names, key=natural_key) == sorted(set(names), key=natural_key)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("0001TP_006690", "0001TP"),
        ("drive_a_12", "drive_a"),
        ("picture", "ungrouped"),
        ("_12", "ungrouped"),
    ],
)
def test_the_default_group_is_the_text_before_the_last_underscore(name: str, group: str) -> None:
    assert group_of(name, DEFAULT) == group


def test_another_pattern_gives_other_groups() -> None:
    assert group_of("day3-cam1-0004", r"^(?P<group>day\d+)") == "day3"


def test_case_and_unicode_form_fold_away() -> None:
    assert composed("e\u0301") == "\u00e9"
    assert folded("E\u0301TE") == folded("\u00e9te")


def test_a_name_that_is_not_utf8_is_refused_and_shown_readably() -> None:
    with pytest.raises(DataError, match=r"a\\udcff\.png: the name is not UTF-8"):
        require_utf8(Path("a\udcff.png"))


def test_long_lists_are_cut_and_counted() -> None:
    assert shortened(["a", "b", "c"], 2) == "a, b and 1 more"
    assert shortened(["a", "b"], 2) == "a, b"
