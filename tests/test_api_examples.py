"""The examples of docs/API.md, run one after the other as a reader would."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).resolve().parents[1] / "docs" / "API.md"


@pytest.mark.slow
def test_every_example_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}

    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)

    assert len(blocks) == 10
    assert names["outcome"].equal_to_micro is not False
    assert names["summary"].macs == 2_399_200
    assert len(names["monitor"].get_metrics()["redundancy"]) == 1
    assert any(gradient is not None for gradient in names["gradients"])
    assert len(names["keep"]) == len(names["rebuilt"].dropped) == 4
