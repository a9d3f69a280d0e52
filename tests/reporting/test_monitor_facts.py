from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from nano_u.errors import RunError
from nano_u.reporting.bounded_file import MAX_BYTES
from nano_u.reporting.monitor_facts import MonitorFacts, read_monitor_facts

GOOD: dict[str, Any] = {
    "run_id": "20261125-091649-41518ce5",
    "model_name": "net",
    "parameters": 17112,
    "macs": 11074560,
    "seed": -1,
    "validation_iou": [{"epoch": 1, "iou": 0.25}, {"epoch": 3, "iou": None}, {"epoch": 4, "iou": 1}],
    "settings": {"interval": 1},
}


def written(folder: Path, text: str) -> Path:
    path = folder / "x.json"
    path.write_text(text, encoding="utf-8")
    return path


def test_facts_come_back_by_name(tmp_path: Path) -> None:
    facts = read_monitor_facts(written(tmp_path, json.dumps(GOOD)))

    assert facts == MonitorFacts("net", 17112, 11074560, ((1, 0.25), (3, None), (4, 1.0)))


def test_what_is_null_or_not_there_is_not_known(tmp_path: Path) -> None:
    unknown = MonitorFacts("net", None, None, ())

    for record in (
        {"model_name": "net"},
        {"model_name": "net", "parameters": None, "macs": None, "seed": None, "validation_iou": []},
    ):
        assert read_monitor_facts(written(tmp_path, json.dumps(record))) == unknown


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model_name": None}, "model_name must be a name"),
        ({"model_name": ""}, "model_name must be a name"),
        ({"model_name": 3}, "model_name must be a name"),
        ({"parameters": -1}, "parameters must be 0 or more, or null"),
        ({"parameters": 1.5}, "parameters must be a whole number or null"),
        ({"macs": "many"}, "macs must be a whole number or null"),
        ({"seed": True}, "seed must be a whole number or null"),
        ({"validation_iou": {}}, "validation_iou must be a list"),
        ({"validation_iou": None}, "validation_iou must be a list"),
        ({"validation_iou": [3]}, 'validation_iou[0] must be an object with a whole number as "epoch"'),
        ({"validation_iou": [{"iou": 1}]}, 'validation_iou[0] must be an object with a whole number as "epoch"'),
        (
            {"validation_iou": [{"epoch": 1}, {"epoch": 1}]},
            "validation_iou[1]: epoch must be above the one before it, 1",
        ),
        ({"validation_iou": [{"epoch": 1, "iou": "x"}]}, "validation_iou[0]: iou must be a number or null"),
        ({"validation_iou": [{"epoch": 1, "iou": True}]}, "validation_iou[0]: iou must be a number or null"),
        ({"validation_iou": [{"epoch": 1, "iou": 10**400}]}, "validation_iou[0]: iou must be a number or null"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_with_its_key(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(RunError, match=re.escape(f"x.json: {message}; restore the file")):
        read_monitor_facts(written(tmp_path, json.dumps(GOOD | changed)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "damaged or not JSON"),
        ("[]", "the content must be an object"),
        ('{"model_name": "net", "seed": NaN}', "NaN is not JSON"),
        ('{"model_name": "net", "seed": 1e999}', "1e999 is too large"),
        ('{"model_name": "net"', "damaged or not JSON"),
        ('{"model_name": "net", "model_name": "net"}', "duplicate key 'model_name'"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_strict_json_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RunError, match=re.escape(message)):
        read_monitor_facts(written(tmp_path, text))


def test_what_is_no_file_or_a_huge_one_is_refused_unread(tmp_path: Path) -> None:
    huge = tmp_path / "huge.json"
    huge.touch()
    os.truncate(huge, MAX_BYTES + 1)  # a hole: no disk is filled

    for path, reason in ((huge, "268,435,457 bytes, more than"), (tmp_path, "not a file")):
        with pytest.raises(RunError, match=re.escape(f"{path}: {reason}")):
            read_monitor_facts(path)
