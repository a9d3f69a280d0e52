from __future__ import annotations

import pytest

from nano_u.cli.progress import step_bars

ERASE_LINE = "\x1b[2K"


def work() -> None:
    with step_bars() as step:
        for done in range(4):
            step("reading images", done, 3)
        step("calibrating", 0, 2)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.usefixtures("terminal")
def test_bars_are_gone_when_their_work_is_done_or_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    work()

    text = capsys.readouterr().err
    assert "reading images" in text
    assert text.index("reading images") < text.index("calibrating")
    assert "calibrating" not in text.rsplit(ERASE_LINE, 1)[1]


def test_without_a_terminal_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    work()

    assert capsys.readouterr().err == ""
