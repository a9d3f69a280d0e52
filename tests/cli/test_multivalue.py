from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano_u.cli.multivalue import expand_multivalue
from nano_u.errors import ConfigError

LISTS = {"--filters", "--csv"}


@pytest.mark.parametrize(
    ("typed", "expanded"),
    [
        ("", ""),
        ("--filters 4", "--filters 4"),
        ("--filters 4 8 16", "--filters 4 --filters 8 --filters 16"),
        ("--filters 4 8 --epochs 3", "--filters 4 --filters 8 --epochs 3"),
        ("data --filters 4 8 --csv a b", "data --filters 4 --filters 8 --csv a --csv b"),
        ("--filters 4 --filters 8 16", "--filters 4 --filters 8 --filters 16"),
        ("--filters=4 data", "--filters=4 data"),
        ("--filters -1 -.5 8", "--filters -1 --filters -.5 --filters 8"),
        ("--csv - a", "--csv - --csv a"),
        ("--csv a b -- data", "--csv a --csv b -- data"),
        ("-- --filters 4 8", "-- --filters 4 8"),
        ("--epochs 3 data", "--epochs 3 data"),
    ],
)
def test_values_are_taken_up_to_the_next_option_or_two_dashes(typed: str, expanded: str) -> None:
    assert expand_multivalue(typed.split(), LISTS) == expanded.split()


@pytest.mark.parametrize("typed", ["--filters", "--filters --csv a", "--filters -- 4", "--filters -x"])
def test_an_option_without_a_value_is_an_error_and_never_takes_the_next_option(typed: str) -> None:
    with pytest.raises(ConfigError, match="--filters: needs at least one value"):
        expand_multivalue(typed.split(), LISTS)


@given(st.lists(st.text(), max_size=8))
def test_arguments_without_list_options_pass_unchanged(arguments: list[str]) -> None:
    assert expand_multivalue(arguments, ()) == arguments


@given(st.lists(st.from_regex(r"[^-\n].{0,5}", fullmatch=True), min_size=1, max_size=5))
def test_every_value_is_passed_on_once_in_order(values: list[str]) -> None:
    expanded = expand_multivalue(["--csv", *values], LISTS)

    assert expanded[::2] == ["--csv"] * len(values)
    assert expanded[1::2] == values
