from __future__ import annotations

import subprocess
import sys

import nano_u.data

WITHOUT_TENSORFLOW = """
import sys
import nano_u.data
for name in nano_u.data.__all__:
    if name not in ("training_batches", "evaluation_batches"):
        getattr(nano_u.data, name)
assert not {"tensorflow", "keras", "matplotlib"} & sys.modules.keys()
"""


def test_every_promised_name_is_there() -> None:
    assert sorted(nano_u.data.__all__) == list(nano_u.data.__all__)
    assert set(nano_u.data.__all__) == set(nano_u.data._MODULES)
    assert set(nano_u.data.__all__) <= set(dir(nano_u.data))


def test_only_the_batches_need_tensorflow() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_TENSORFLOW], check=True)
