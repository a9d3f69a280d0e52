from __future__ import annotations

import warnings

import pytest

from nano_u.reporting.figure_style import LONGEST_NAME, any_script, new_figure, say_instead, shortened


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("conv", "conv"),
        ("a" * LONGEST_NAME, "a" * LONGEST_NAME),
        ("x" + "a" * LONGEST_NAME, "..." + "a" * (LONGEST_NAME - 3)),
    ],
)
def test_long_names_keep_their_end(name: str, short: str) -> None:
    assert shortened(name) == short
    assert len(short) <= LONGEST_NAME


def test_a_name_can_be_shortened_to_any_length() -> None:
    assert shortened("encoder/conv1", 8) == "...conv1"


def test_an_empty_panel_says_why_in_its_middle_whatever_its_limits() -> None:
    figure = new_figure(2, 2)
    axes = figure.add_subplot(xlim=(10, 20), ylim=(-5, 0))

    say_instead(axes, "not recorded")

    figure.draw_without_rendering()
    panel, text = axes.get_window_extent(), axes.texts[0].get_window_extent()
    assert axes.texts[0].get_text() == "not recorded"
    assert (text.x0 + text.x1) / 2 == pytest.approx((panel.x0 + panel.x1) / 2, abs=1)
    assert (text.y0 + text.y1) / 2 == pytest.approx((panel.y0 + panel.y1) / 2, abs=2)


def test_letters_that_the_font_lacks_are_no_warning_and_other_things_are() -> None:
    figure = new_figure(2, 2)
    figure.suptitle("\u5730\u5f62")

    with any_script():
        figure.draw_without_rendering()
    with pytest.warns(UserWarning, match="Glyph .* missing"):
        figure.draw_without_rendering()
    with any_script(), pytest.warns(UserWarning, match="something else"):
        warnings.warn("something else", stacklevel=1)
