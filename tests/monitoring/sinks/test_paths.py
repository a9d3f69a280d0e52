from __future__ import annotations

from pathlib import Path

import pytest

from nano_u.errors import ConfigError
from nano_u.monitoring.sinks import MonitorPaths


def test_names_come_from_the_model() -> None:
    paths = MonitorPaths.of("nano_u", Path("logs/nas"))

    assert paths.files() == (
        Path("logs/nas/nano_u_nas_metrics.csv"),
        Path("logs/nas/nano_u_nas_layers.csv"),
        Path("logs/nas/nano_u_nas.jsonl"),
        Path("logs/nas/nano_u_nas_correlations.npz"),
        Path("logs/nas/nano_u_nas_run.json"),
    )
    assert paths.tensorboard == Path("logs/nas/tensorboard/nano_u_nas")


def test_an_explicit_csv_wins_and_the_others_lie_beside_it() -> None:
    paths = MonitorPaths.of("nano_u", "logs/nas", "foo/bar.csv")

    assert paths.files() == (
        Path("foo/bar.csv"),
        Path("foo/bar_layers.csv"),
        Path("foo/bar.jsonl"),
        Path("foo/bar_correlations.npz"),
        Path("foo/bar_run.json"),
    )
    assert paths.tensorboard == Path("logs/nas/tensorboard/bar")


def test_a_number_stands_before_every_suffix() -> None:
    paths = MonitorPaths.of("net.v1", "nas")

    assert paths.numbered(1) == paths
    assert [path.name for path in paths.numbered(2).files()] == [
        "net.v1_nas_metrics-2.csv",
        "net.v1_nas_layers-2.csv",
        "net.v1_nas-2.jsonl",
        "net.v1_nas_correlations-2.npz",
        "net.v1_nas_run-2.json",
    ]
    assert paths.numbered(2).tensorboard == Path("nas/tensorboard/net.v1_nas-2")


@pytest.mark.parametrize(
    ("model_name", "label"), [("../../etc/x y", "etc-x-y"), ("größe", "größe"), ("//", "model"), ("", "model")]
)
def test_a_model_name_never_leaves_the_folder(model_name: str, label: str) -> None:
    assert MonitorPaths.of(model_name, "nas").metrics == Path(f"nas/{label}_nas_metrics.csv")


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"csv_path: foo/bar\.jsonl .*ends in \.csv"):
        MonitorPaths.of("net", "nas", "foo/bar.jsonl")
