from __future__ import annotations

from pathlib import Path

import pytest
from tests.reporting.made_run import write_run

from nano_u.cli.main import main


@pytest.fixture
def metrics(tmp_path: Path) -> Path:
    return write_run(tmp_path / "logs" / "nas").metrics


def drawn(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_draws_every_picture_of_one_run(metrics: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "--csv", str(metrics), "--all", "--output-dir", str(tmp_path / "plots")]) == 0

    kinds = ["correlation", "dashboard", "heatmap", "redundancy"]
    assert drawn(tmp_path / "plots") == [f"nano_u_{kind}.png" for kind in kinds]
    assert capsys.readouterr().out.split() == [
        str(tmp_path / "plots" / f"nano_u_{kind}.png") for kind in ("redundancy", "correlation", "dashboard", "heatmap")
    ]


def test_the_dashboard_is_the_default_and_goes_to_plots(
    metrics: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["plot", "--csv", str(metrics)]) == 0

    assert drawn(tmp_path / "plots") == ["nano_u_dashboard.png"]


@pytest.mark.parametrize("kind", ["redundancy", "correlation", "dashboard", "heatmap"])
def test_a_plot_type_draws_that_one(metrics: Path, tmp_path: Path, kind: str) -> None:
    assert main(["plot", "--csv", str(metrics), "--plot-type", kind, "--output-dir", str(tmp_path / "p")]) == 0

    assert drawn(tmp_path / "p") == [f"nano_u_{kind}.png"]


def test_compare_takes_its_files_as_a_shell_user_types_them(tmp_path: Path) -> None:
    files = [str(write_run(tmp_path / name).metrics) for name in ("a", "b")]

    assert main(["plot", "--compare", *files, "--output-dir", str(tmp_path / "p")]) == 0

    assert drawn(tmp_path / "p") == ["comparison.png"]


def test_globs_that_the_shell_left_alone_are_expanded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        write_run(tmp_path / name / "nas")

    pattern = str(tmp_path / "*" / "nas" / "*_metrics.csv")
    assert main(["plot", "--compare", pattern, "--output-dir", str(tmp_path / "p")]) == 0
    assert main(["plot", "--csv", str(tmp_path / "none*.csv")]) == 2
    assert "no file matches" in capsys.readouterr().err


def test_a_run_directory_stands_for_its_metrics(tmp_path: Path) -> None:
    write_run(tmp_path / "run" / "nas")
    (tmp_path / "run" / "config.yaml").write_text("epochs: 2\n")

    assert main(["plot", "--csv", str(tmp_path / "run"), "--output-dir", str(tmp_path / "p")]) == 0

    assert drawn(tmp_path / "p") == ["nano_u_dashboard.png"]


def test_recommendations_alone_are_printed_and_kept(
    metrics: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["plot", "--csv", str(metrics), "--recommendations", "--output-dir", str(tmp_path / "p")]

    assert main(arguments) == 0

    assert capsys.readouterr().out.startswith("NAS ANALYSIS RECOMMENDATIONS FOR NANO_U\n")
    assert drawn(tmp_path / "p") == ["nano_u_recommendations.json", "nano_u_recommendations.txt"]


def test_the_model_name_can_be_given(metrics: Path, tmp_path: Path) -> None:
    arguments = ["plot", "--csv", str(metrics), "--model-name", "Mine <1>", "--output-dir", str(tmp_path / "p")]

    assert main(arguments) == 0

    assert drawn(tmp_path / "p") == ["Mine-1_dashboard.png"]


def test_without_files_the_command_says_what_to_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "--all"]) == 2

    assert "plot: name the monitor's files: --csv" in capsys.readouterr().err


def test_a_damaged_file_is_one_line_and_the_others_are_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = write_run(tmp_path / "good").metrics, write_run(tmp_path / "bad").metrics
    bad.write_text(bad.read_text().replace("\n", ",\n", 2).replace(",\n", "\n", 1))

    assert main(["plot", "--csv", str(bad), str(good), "--output-dir", str(tmp_path / "p")]) == 1

    error = capsys.readouterr().err.strip()
    assert error.startswith(f"nano-u: error: {bad}: line 2: ")
    assert "\n" not in error
    assert drawn(tmp_path / "p") == ["nano_u_dashboard.png"]


def test_all_skips_the_heatmap_of_a_run_without_layers_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = write_run(tmp_path / "nas")
    paths.layers.unlink()

    assert main(["plot", "--csv", str(paths.metrics), "--all", "--output-dir", str(tmp_path / "p")]) == 0

    assert drawn(tmp_path / "p") == [f"nano_u_{kind}.png" for kind in ("correlation", "dashboard", "redundancy")]
    assert "no heatmap of nano_u: no single layers are recorded beside" in capsys.readouterr().out


def test_a_heatmap_that_was_asked_for_is_not_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = write_run(tmp_path / "nas")
    paths.layers.unlink()

    assert main(["plot", "--csv", str(paths.metrics), "--plot-type", "heatmap", "--output-dir", str(tmp_path)]) == 2
    assert "a heatmap needs the file of layers" in capsys.readouterr().err


def test_the_users_own_configuration_beside_a_folder_of_logs_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path / "nas_logs")
    (tmp_path / "config.yaml").write_text("database: mine\n")
    monkeypatch.chdir(tmp_path)

    assert main(["plot", "--csv", "nas_logs"]) == 0


@pytest.mark.parametrize(
    ("options", "pictures"),
    [
        (["--csv", "a", "--compare", "b", "c"], ["comparison.png", "nano_u_dashboard.png"]),
        (["--csv", "a", "--compare", "b", "c", "--plot-type", "heatmap"], ["comparison.png", "nano_u_heatmap.png"]),
        (["--csv", "a", "b", "--plot-type", "comparison"], ["comparison.png"]),
        (["--compare", "a", "b", "--plot-type", "comparison"], ["comparison.png"]),
        (
            ["--compare", "a", "b", "--recommendations"],
            [*(f"{run}-nano_u_recommendations.{kind}" for run in "ab" for kind in ("json", "txt")), "comparison.png"],
        ),
        (
            ["--csv", "a", "--compare", "b", "c", "--all"],
            ["comparison.png"]
            + [f"nano_u_{kind}.png" for kind in ("correlation", "dashboard", "heatmap", "redundancy")],
        ),
        (
            ["--csv", "a", "b", "--all"],
            [
                f"{run}-nano_u_{kind}.png"
                for run in "ab"
                for kind in ("correlation", "dashboard", "heatmap", "redundancy")
            ]
            + ["comparison.png"],
        ),
    ],
)
def test_csv_draws_every_run_of_its_own_and_compare_those_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], pictures: list[str]
) -> None:
    for name in "abc":
        write_run(tmp_path / name)
    monkeypatch.chdir(tmp_path)

    assert main(["plot", *options]) == 0

    assert drawn(tmp_path / "plots") == pictures


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--compare", "a", "b", "--plot-type", "heatmap"], "--compare draws the comparison, not --plot-type heatmap"),
        (["--csv", "a", "--compare", "b", "c", "--plot-type", "comparison"], "draws nothing of --csv beside --compare"),
        (
            ["--csv", "a", "--layer", "typo"],
            "--layer names the channels that the heatmap shows; add --plot-type heatmap",
        ),
        (["--csv", "a", "--all", "--plot-type", "heatmap"], "leave it or --plot-type heatmap out"),
        (["--csv", "a", "--compare", "b"], "a comparison needs two or more runs, only b is named"),
    ],
)
def test_options_of_which_one_would_be_ignored_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    message: str,
) -> None:
    for name in "abc":
        write_run(tmp_path / name)
    monkeypatch.chdir(tmp_path)

    assert main(["plot", *options]) == 2

    assert message in capsys.readouterr().err
    assert not (tmp_path / "plots").exists()


def test_what_was_drawn_before_a_failure_is_listed(
    metrics: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", "--csv", str(metrics), "--all", "--layer", "typo", "--output-dir", str(tmp_path / "p")]) == 2

    shown = capsys.readouterr()
    listed = "".join(shown.out.split())
    assert all(f"/p/nano_u_{kind}.png" in listed for kind in ("redundancy", "correlation", "dashboard"))
    assert "typo" in shown.err


def test_runs_whose_names_differ_only_in_what_a_file_name_cannot_hold_keep_their_own_pictures(tmp_path: Path) -> None:
    for name in ("a b", "a-b"):
        write_run(tmp_path / name)
    files = [str(tmp_path / name) for name in ("a b", "a-b")]

    assert main(["plot", "--csv", *files, "--output-dir", str(tmp_path / "p")]) == 0

    assert drawn(tmp_path / "p") == ["a-b-nano_u-2_dashboard.png", "a-b-nano_u_dashboard.png"]
