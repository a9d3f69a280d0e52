from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nano_u.cli.tensorflow_chatter import without_chatter

CHATTER = (
    b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    b"I0000 00:00:1795234235.522375    7653 port.cc:153] oneDNN custom operations are on.\n"
    b"W0000 00:00:1795234235.522375    7653 x.cc:1] careful\n"
    b"E0000 00:00:1795234235.522375    7653 cuda_fft.cc:467] Unable to register cuFFT factory\n"
)

QUIET_IMPORT = """
import sys
from nano_u.cli.tensorflow_chatter import silence_tensorflow_import
sys.path.insert(0, sys.argv[1])
silence_tensorflow_import()
silence_tensorflow_import()
import tensorflow
sys.stderr.write(f"imported {tensorflow.name}\\n")
"""


def test_known_chatter_is_dropped_and_everything_else_passes(capfd: pytest.CaptureFixture[str]) -> None:
    with without_chatter():
        os.write(2, CHATTER + b"a real problem\n")

    os.write(2, b"after\n")
    assert capfd.readouterr().err == "a real problem\nafter\n"


def test_stderr_is_given_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ImportError), without_chatter():
        raise ImportError

    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_the_first_import_of_tensorflow_is_quiet_and_otherwise_as_usual(tmp_path: Path) -> None:
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text(
        f"import os\nos.write(2, {CHATTER!r})\nos.write(2, b'told\\n')\nfrom tensorflow.inner import name\n"
    )
    (tmp_path / "tensorflow" / "inner.py").write_text("name = 'fake'\n")

    command = [sys.executable, "-c", QUIET_IMPORT, str(tmp_path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    assert done.stderr == "told\nimported fake\n"
