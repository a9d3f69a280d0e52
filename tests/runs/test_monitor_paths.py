from __future__ import annotations

from pathlib import Path

import pytest

from nano_u.errors import ConfigError
from nano_u.runs import MonitorPaths


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


@pytest.mark.parametrize("number", [1, 2, 13])
@pytest.mark.parametrize(
    "paths",
    [
        MonitorPaths.of("net", "nas"),
        MonitorPaths.of("net-2", "nas"),
        MonitorPaths.of("net.v1", "nas"),
        MonitorPaths.of("net", "nas", "nas/a.csv"),
        MonitorPaths.of("net", "nas", "nas/a-2.csv"),
        MonitorPaths.of("net", "nas", "nas/a-1.csv"),
        MonitorPaths.of("net", "nas", "nas/a_nas_metrics.csv.txt"),
        MonitorPaths.of("net", "nas", "nas/net_nas_metrics.csv"),
        MonitorPaths.of("net", "nas", "nas/net_nas_metrics-2.csv"),
    ],
    ids=lambda paths: f"{paths.metrics.name}, {paths.layers.name}",
)
def test_the_names_beside_a_metrics_file_are_those_it_was_written_with(
    paths: MonitorPaths, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written = paths.numbered(number)
    written.metrics.parent.mkdir()
    for path in written.files():
        path.touch()

    found = MonitorPaths.beside(written.metrics)

    assert found == written
    assert found.series == paths.series


@pytest.mark.parametrize(
    ("metrics", "layers", "series", "number"),
    [
        ("net_nas_metrics.csv", "net_nas_layers.csv", "net_nas_metrics", 1),
        ("net_nas_metrics-2.csv", "net_nas_layers-2.csv", "net_nas_metrics", 2),
        ("net_nas_metrics-1.csv", "net_nas_metrics-1_layers.csv", "net_nas_metrics-1", 1),
        ("net_nas_metrics-02.csv", "net_nas_metrics-02_layers.csv", "net_nas_metrics-02", 1),
        ("a.csv", "a_layers.csv", "a", 1),
        ("a-10.csv", "a_layers-10.csv", "a", 10),
    ],
)
def test_a_metrics_file_alone_is_read_in_the_likelier_way(
    tmp_path: Path, metrics: str, layers: str, series: str, number: int
) -> None:
    (tmp_path / metrics).touch()

    paths = MonitorPaths.beside(tmp_path / metrics)

    assert paths.layers == tmp_path / layers
    assert (paths.series, paths.number) == (series, number)


def test_the_reading_whose_files_are_there_wins(tmp_path: Path) -> None:
    metrics = tmp_path / "net_nas_metrics-2.csv"
    for name in ("net_nas_metrics-2.csv", "net_nas_metrics-2_run.json"):
        (tmp_path / name).touch()

    assert MonitorPaths.beside(metrics).layers == tmp_path / "net_nas_metrics-2_layers.csv"

    for name in ("net_nas_layers-2.csv", "net_nas-2.jsonl"):
        (tmp_path / name).touch()

    assert MonitorPaths.beside(metrics).run == tmp_path / "net_nas_run-2.json"


def test_the_architecture_has_a_shared_name_and_one_of_the_runs_own() -> None:
    paths = MonitorPaths.of("net", "nas")

    assert paths.graph == Path("nas/graph.json")
    assert paths.own_graph == Path("nas/net_nas_graph.json")
