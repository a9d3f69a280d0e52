from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nano_u.cli.main import main
from nano_u.config import load_experiment
from nano_u.reporting.certificate import read_certificate
from nano_u.workflows.demo import EPOCHS, demo_config

SMALL = ("model.input_shape=[16,16,3]", "model.filters=[2]", "model.bottleneck=3", "model.blocks_per_stage=1")


def iou_row(text: str) -> list[str]:
    """Float, int8 and floor IoU as the demo's last table shows them."""
    return next(line.split()[1:] for line in text.splitlines() if line.split()[:1] == ["IoU"])


def test_the_table_repeats_the_evaluation_files_and_every_path_it_names_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"

    assert main(["demo", "--epochs", "1", "--seed", "4", "--run-dir", str(run), "--set", *SMALL]) == 0

    printed = capsys.readouterr()
    evaluated = json.loads((run / "evaluation" / "test" / "metrics.json").read_text())["pooled"]
    exported = json.loads((run / "export" / "export.json").read_text())["accuracy"]["int8"]["pooled"]
    expected = (evaluated["metrics"], exported["metrics"], evaluated["floor"])
    proven = read_certificate(run / "export" / "c" / "certificate.json")
    for what, value in (
        ("RAM of the C files", f"{proven.memory.ram_bytes:,}"),
        ("flash of the C files", f"{proven.memory.flash_bytes:,}"),
        ("IoU on the device, from camera bytes", f"{proven.accuracy.iou:.3f}" if proven.accuracy else ""),
    ):
        (line,) = (line for line in printed.out.splitlines() if what in line)
        assert line.partition(what)[2].split()[0] == value
    assert iou_row(printed.out) == [f"{part['iou']:.3f}" for part in expected]
    stages = ("training on synthetic", "evaluating", "exporting to int8", "writing C files", "writing the report")
    assert all(stage in printed.err for stage in stages)
    named = [
        Path(match[1]) for match in re.finditer(r"^  [^:]+: (\S.*)$", printed.out.split("look at:")[1], re.MULTILINE)
    ]
    assert len(named) == 7
    assert [path for path in named if not path.exists()] == []
    assert printed.out.splitlines()[-1] == f"report, all of it on one page: {run / 'report.html'}"
    assert f"nano_u in {run.name}" in (run / "report.html").read_text()
    watched = (run / "nas" / "nano_u_nas_metrics.csv").read_text().splitlines()
    assert named[-1] == run / "nas"
    assert len(watched) == 1 + 1
    assert f"{float(dict(zip(watched[0].split(','), watched[1].split(','), strict=True))['redundancy_score']):.3f}" in (
        next(line for line in printed.out.splitlines() if line.startswith("model "))
    )
    assert load_experiment(run / "config.yaml") == demo_config(1, 4, SMALL)


def test_the_demos_epochs_give_way_to_an_override_and_both_to_the_flag() -> None:
    assert demo_config().epochs == EPOCHS
    assert demo_config(overrides=["epochs=3"]).epochs == 3
    assert demo_config(2, overrides=["epochs=3"]).epochs == 2


@pytest.mark.parametrize("off", ["use_nas=false", "nas.enabled=false"])
def test_the_demo_is_monitored_unless_an_override_says_otherwise(off: str) -> None:
    assert demo_config().nas.enabled
    assert not demo_config(overrides=[off]).nas.enabled


def test_the_demo_always_shows_synthetic_terrain() -> None:
    assert demo_config(overrides=["data=elsewhere"]).data == "synthetic"


@pytest.mark.slow
def test_the_demo_with_its_own_settings_is_far_above_the_floor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--run-dir", str(tmp_path / "run")]) == 0

    float_iou, int8_iou, floor = (float(cell) for cell in iou_row(capsys.readouterr().out))
    assert float_iou >= 0.85
    assert int8_iou >= 0.85
    assert floor < 0.65
