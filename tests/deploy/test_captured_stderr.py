from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nano_u.deploy.captured_stderr import captured_stderr


def test_what_native_code_writes_is_caught(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_stderr() as captured:
        os.write(2, b"native;")
        first = captured.text
        os.write(2, b"more;")
        whole = captured.text

    assert (first, whole) == ("native;", "native;more;")
    assert capfd.readouterr().err == ""


def test_a_released_stream_reaches_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with captured_stderr() as captured:
        os.write(2, b"hidden;")
        with captured.released():
            os.write(2, b"seen;")
        os.write(2, b"hidden again;")
        text = captured.text

    assert text == "hidden;hidden again;"
    assert capfd.readouterr().err == "seen;"


def test_the_stream_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ZeroDivisionError), captured_stderr():
        _ = 1 / 0
    os.write(2, b"back")

    assert capfd.readouterr().err == "back"


def run_script(script: str) -> tuple[str, str]:
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return done.stdout, done.stderr


def test_what_python_has_buffered_goes_where_it_was_written_to() -> None:
    outcome = run_script(
        "import sys; from nano_u.deploy.captured_stderr import captured_stderr\n"
        "sys.stderr.write('before;')\n"
        "with captured_stderr() as captured:\n"
        "    sys.stderr.write('inside;')\n"
        "    text = captured.text\n"
        "sys.stdout.write(text)\n"
    )

    assert outcome == ("inside;", "before;")


def test_a_process_without_standard_error_is_served() -> None:
    outcome = run_script(
        "import os; from nano_u.deploy.captured_stderr import captured_stderr\n"
        "os.close(2)\n"
        "for word in (b'first', b'second'):\n"
        "    with captured_stderr() as captured:\n"
        "        os.write(2, word)\n"
        "        print(captured.text)\n"
        "    os.write(2, b'lost')\n"
    )

    assert outcome == ("first\nsecond\n", "")
