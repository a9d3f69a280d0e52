from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from nano_u.config import list_experiments, load_experiment, migrate_old_config
from nano_u.errors import ConfigError

DEFAULTS = {
    "model_name": "nano_u",
    "epochs": 50,
    "batch_size": 16,
    "learning_rate": 1e-3,
    "use_distillation": False,
    "teacher_weights": None,
    "alpha": 0.3,
    "temperature": 4.0,
    "use_nas": False,
    "layers_to_monitor": None,
    "nas_frequency": 10,
}


def migrated(tmp_path: Path, text: str) -> tuple[dict[str, object], tuple[str, ...]]:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(dedent(text), encoding="utf-8")
    warnings = migrate_old_config(old, new)
    load_experiment(new, "migrated")
    assert list_experiments(new) == ("migrated",)
    return yaml.safe_load(new.read_text(encoding="utf-8"))["experiments"]["migrated"], warnings


def test_missing_keys_take_the_defaults_of_old_files(tmp_path: Path) -> None:
    values, warnings = migrated(tmp_path, "model: bu_net\n")

    assert values == {**DEFAULTS, "model_name": "bu_net"}
    assert warnings == ()


def test_every_flat_key_is_carried_over(tmp_path: Path) -> None:
    values, warnings = migrated(
        tmp_path,
        """\
        model: bu_net
        epochs: 7
        batch_size: 4
        learning_rate: 5e-4
        distillation: true
        teacher_weights: teacher.keras
        alpha: 0.5
        temperature: 2
        nas: true
        layers_to_monitor: [encoder1_block1_pointwise_relu]
        nas_frequency: 20
        seed: 3
        data: photos
        """,
    )

    assert values == {
        "model_name": "bu_net",
        "epochs": 7,
        "batch_size": 4,
        "learning_rate": 5e-4,
        "use_distillation": True,
        "teacher_weights": "teacher.keras",
        "alpha": 0.5,
        "temperature": 2,
        "use_nas": True,
        "layers_to_monitor": ["encoder1_block1_pointwise_relu"],
        "nas_frequency": 20,
        "seed": 3,
        "data": "photos",
    }
    assert warnings == ()


def test_nested_keys_are_carried_over(tmp_path: Path) -> None:
    values, warnings = migrated(
        tmp_path,
        """\
        model: {name: bu_net}
        training: {epochs: 7, lr: 1e-4}
        distillation: {teacher_weights: t.h5, alpha: 0.1}
        nas: {enabled: false, layers: [a], frequency: 3}
        """,
    )

    changed = {key: value for key, value in values.items() if DEFAULTS.get(key) != value}
    assert changed == {
        "model_name": "bu_net",
        "epochs": 7,
        "learning_rate": 1e-4,
        "use_distillation": True,
        "teacher_weights": "t.h5",
        "alpha": 0.1,
        "layers_to_monitor": ["a"],
        "nas_frequency": 3,
    }
    assert warnings == ()


def test_automatic_layer_names_become_the_default_selection_with_a_warning(tmp_path: Path) -> None:
    values, warnings = migrated(tmp_path, "epochs: 1\nlayers_to_monitor: [conv2d, conv2d_1, activation_3, re_lu]\n")

    assert values["layers_to_monitor"] is None
    assert load_experiment(tmp_path / "new.yaml").nas.layers == ()
    assert len(warnings) == 1
    assert (
        "old.yaml:2: layers_to_monitor: conv2d, conv2d_1, activation_3, re_lu: names that Keras numbers" in warnings[0]
    )
    assert warnings[0].endswith("the default selection of layers is used instead")


def test_chosen_layer_names_stay_beside_automatic_ones(tmp_path: Path) -> None:
    values, warnings = migrated(tmp_path, "layers_to_monitor: [conv2d_12, encoder_conv2d, conv2d_final]\n")

    assert values["layers_to_monitor"] == ["encoder_conv2d", "conv2d_final"]
    assert "conv2d_12:" in warnings[0]


def test_an_unknown_old_key_is_left_out_with_a_warning(tmp_path: Path) -> None:
    values, warnings = migrated(tmp_path, "epochs: 1\nbatchsize: 4\n")

    assert "batchsize" not in values
    assert warnings == (
        f"{tmp_path / 'old.yaml'}:2: key 'batchsize' is not known and was left out; did you mean 'batch_size'?",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: many\n", "old.yaml:1: epochs: should be an integer, got 'many'"),
        ("epochs: 1\nnas: yes\n", "old.yaml:2: nas.enabled (from 'use_nas'): should be true or false, got 'yes'"),
        ("epochs: 1\ntraining: {epochs: 2}\n", "old.yaml:2: 'training.epochs' contradicts the epochs of"),
        ("experiments: {a: {epochs: 1}}\n", "old.yaml: holds none of the old keys"),
        ("a: *training.standard\n", "old.yaml:1: "),
        ("", "old.yaml: holds no settings"),
    ],
)
def test_a_wrong_old_file_is_refused_and_nothing_is_written(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        migrated(tmp_path, text)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new.yaml").exists()


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text("mine", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"new\.yaml: exists already and is not overwritten"):
        migrated(tmp_path, "epochs: 1\n")

    assert (tmp_path / "new.yaml").read_text(encoding="utf-8") == "mine"


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("epochs: 1\n", encoding="utf-8")

    with pytest.raises(ConfigError, match="cannot be written: No such file or directory"):
        migrate_old_config(tmp_path / "old.yaml", tmp_path / "gone" / "new.yaml")


def test_the_command_prints_where_it_wrote_and_warns_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from nano_u.cli.migrate_config import migrate_config

    (tmp_path / "old.yaml").write_text("layers_to_monitor: [conv2d]\n", encoding="utf-8")

    migrate_config(tmp_path / "old.yaml", tmp_path / "new.yaml")

    printed = capsys.readouterr()
    assert printed.out == f"Configuration migrated to: {tmp_path / 'new.yaml'}\n"
    assert printed.err.startswith("warning: ")
    assert "conv2d" in printed.err
