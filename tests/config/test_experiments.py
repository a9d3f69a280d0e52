from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from nano_u.config import ExperimentConfig, list_experiments, load_experiment
from nano_u.errors import ConfigError

REPOSITORY = Path(__file__).parents[2]
SHIPPED = REPOSITORY / "configs" / "experiments.yaml"

FILE = """\
    seed: 7
    nas:
      max_samples: 8
      thresholds: {low_redundancy: 0.1}
    experiments:
      base:
        epochs: 10
        model: {filters: [4, 8], skips: true}
        nas: {enabled: true}
      child:
        extends: base
        learning_rate: 1e-4
        model: {filters: [16]}
      grandchild:
        extends: child
        epochs: 30
        nas: {max_samples: 9}
      empty:
    """


def written(folder: Path, text: str, name: str = "train.yaml") -> Path:
    path = folder / name
    path.write_text(dedent(text), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("default", {}),
        ("standard", {}),
        ("distillation", {"epochs": 100, "learning_rate": 5e-4, "use_distillation": True}),
        ("nas", {"use_nas": True, "nas_frequency": 10}),
        (
            "debug_test",
            {"epochs": 2, "batch_size": 8, "data": "synthetic", "debug_mode": True, "verbose_logging": True},
        ),
    ],
)
def test_every_shipped_experiment_is_the_defaults_with_its_own_changes(name: str, changed: dict[str, object]) -> None:
    assert load_experiment(SHIPPED, name) == ExperimentConfig(**changed)  # type: ignore[arg-type]


def test_the_shipped_file_lists_the_experiments_of_the_contract() -> None:
    assert list_experiments(SHIPPED) == ("default", "standard", "distillation", "nas", "debug_test")


def test_the_shipped_nas_section_is_full_and_equal_to_the_defaults() -> None:
    from nano_u.config.yaml_file import read_yaml

    path = REPOSITORY / "configs" / "config.yaml"
    section = read_yaml(path).entries["nas"].entries
    defaults = ExperimentConfig().nas

    assert load_experiment(path) == ExperimentConfig()
    assert set(section) == set(type(defaults).model_fields) - {"log_frequency"}
    assert set(section["thresholds"].entries) == set(type(defaults.thresholds).model_fields)


def test_without_a_file_the_defaults_are_the_experiment() -> None:
    assert load_experiment(None) == ExperimentConfig()


def test_a_named_experiment_without_a_file_comes_from_the_configs_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)

    assert load_experiment(None, "distillation").epochs == 100


def test_extends_merges_sections_key_by_key_and_replaces_lists(tmp_path: Path) -> None:
    config = load_experiment(written(tmp_path, FILE), "grandchild")

    assert config.seed == 7
    assert config.epochs == 30
    assert config.learning_rate == 1e-4
    assert config.model.filters == (16,)
    assert config.model.skips
    assert config.use_nas
    assert config.nas.max_samples == 9
    assert config.nas.thresholds.low_redundancy == 0.1


def test_an_empty_experiment_is_what_its_file_shares(tmp_path: Path) -> None:
    config = load_experiment(written(tmp_path, FILE), "empty")

    assert (config.seed, config.epochs, config.nas.max_samples) == (7, 50, 8)


def test_the_command_line_wins_over_the_experiment_and_that_over_the_nas_section(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """\
        nas: {enabled: false, layers: [a], log_freq: epoch, monitor_batch_freq: 30}
        experiments:
          watch: {use_nas: true, layers_to_monitor: [b], nas_frequency: 20}
        """,
    )

    config = load_experiment(path, "watch")
    overridden = load_experiment(path, "watch", ["nas.log_freq=epoch", "nas.layers=[c]", "use_nas=false"])

    assert (config.use_nas, config.nas.layers, config.nas_frequency) == (True, ("b",), 20)
    assert (overridden.use_nas, overridden.nas.layers, overridden.nas_frequency) == (False, ("c",), None)


def test_another_file_can_be_extended_whole_or_by_experiment(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    written(folder, "seed: 5\nexperiments: {long: {epochs: 99}, short: {epochs: 1}}", "other.yaml")
    written(tmp_path, "batch_size: 4\nnas: {max_samples: 3}", "base.yaml")
    path = written(
        tmp_path,
        """\
        extends: base.yaml
        alpha: 0.5
        experiments:
          here: {nas: {max_samples: 2}}
          there: {extends: shared/other.yaml#long, alpha: 0.6}
        """,
    )

    here, there = load_experiment(path, "here"), load_experiment(path, "there")

    assert (here.batch_size, here.alpha, here.nas.max_samples) == (4, 0.5, 2)
    assert (there.batch_size, there.alpha, there.seed, there.epochs) == (4, 0.6, 5, 99)


def test_experiments_may_stand_at_the_top_of_a_file(tmp_path: Path) -> None:
    path = written(tmp_path, "default: {extends: nas}\nnas: {use_nas: true, epochs: 3}\n")

    assert list_experiments(path) == ("default", "nas")
    assert (load_experiment(path).epochs, load_experiment(path).use_nas) == (3, True)


def test_a_misspelt_section_is_not_taken_for_an_experiment(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"train\.yaml:1: unknown key 'trainng'; did you mean 'training'\?"):
        load_experiment(written(tmp_path, "trainng:\n  loss: dice\n"))


def test_an_only_experiment_needs_no_name_but_one_of_several_does(tmp_path: Path) -> None:
    only = written(tmp_path, "experiments: {mine: {epochs: 4}}", "only.yaml")
    several = written(tmp_path, "experiments: {mine: {epochs: 4}, yours: {epochs: 5}}", "several.yaml")

    assert load_experiment(only).epochs == 4
    with pytest.raises(ConfigError, match=r"several\.yaml: say which experiment: mine, yours"):
        load_experiment(several)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("experiments:\n  a: {epochs: 1}\n", "b", "train.yaml: unknown experiment 'b' (experiments: a)"),
        ("experiments:\n  long: {epochs: 1}\n", "lng", "unknown experiment 'lng'; did you mean 'long'?"),
        ("epochs: 1\n", "a", "train.yaml: holds no named experiments"),
        ("experiments:\n  a:\n    extends: c\n", "a", "train.yaml:3: extends: unknown experiment 'c'"),
        ("experiments:\n  a:\n    extends: [b]\n", "a", "train.yaml:3: extends: should be the name of one experiment"),
        ("experiments:\n  a: 5\n", "a", "train.yaml:2: experiment 'a': should hold keys, got 5"),
        ("experiments:\n", None, "train.yaml:1: experiments: should name at least one experiment"),
        ("experiments: [a, b]\n", None, "train.yaml:1: experiments: should name at least one experiment"),
        ("extends: standard\nepochs: 2\n", None, "train.yaml:1: extends: at the top of a file it names another file"),
        ("extends: gone.yaml\n", None, "gone.yaml: no such file"),
        ("extends: train.yaml\n", None, "train.yaml:1: extends goes round in a circle"),
        (
            "experiments:\n  a:\n    extends: b\n  b:\n    extends: a\n",
            "a",
            "train.yaml:3: extends goes round in a circle: a -> b -> a",
        ),
        (
            "experiments:\n  a:\n    nas:\n      laers: [x]\n",
            "a",
            "train.yaml:4: unknown key 'nas.laers'; did you mean",
        ),
        ("seed: 1\nepochs:\n  - 3\n", None, "train.yaml:2: epochs: should be an integer, got [3]"),
        (
            "model:\n  filters:\n    - 4\n    - x\n",
            None,
            "train.yaml:4: model.filters[1]: should be an integer, got 'x'",
        ),
        (
            "use_nas: true\nnas:\n  enabled: false\n",
            None,
            "train.yaml:1: use_nas: true contradicts nas.enabled: false at",
        ),
    ],
)
def test_mistakes_are_one_line_with_file_and_line(tmp_path: Path, text: str, name: str | None, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_experiment(written(tmp_path, text), name)

    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_an_extended_file_names_that_file(tmp_path: Path) -> None:
    written(tmp_path, "\nepochs: many\n", "base.yaml")

    with pytest.raises(ConfigError, match=r"base\.yaml:2: epochs: should be an integer, got 'many'"):
        load_experiment(written(tmp_path, "extends: base.yaml\nseed: 1\n"))


def test_a_chain_of_extends_has_an_end(tmp_path: Path) -> None:
    links = "".join(f"  e{i}: {{extends: e{i + 1}}}\n" for i in range(30))
    path = written(tmp_path, f"experiments:\n{links}  e30: {{epochs: 3}}\n")

    assert load_experiment(path, "e22").epochs == 3
    with pytest.raises(ConfigError, match="extends is longer than 10 steps"):
        load_experiment(path, "e0")


def test_the_documentation_lists_every_key_with_its_default() -> None:
    from nano_u.config.settings import from_plain, locate, to_plain
    from nano_u.config.yaml_file import parse_value

    text = (REPOSITORY / "docs" / "EXPERIMENTS.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `([a-z_.]+)` \| (?:`(.*?)`|as .*?) \|", text, flags=re.MULTILINE))
    synonyms = {"use_nas", "layers_to_monitor", "nas_frequency"}
    defaults = from_plain(ExperimentConfig().model_dump())

    def leaves(section: object, prefix: str = "") -> set[str]:
        if not isinstance(section, dict) or not section:
            return {prefix.rstrip(".")}
        return {leaf for key, value in section.items() for leaf in leaves(value, f"{prefix}{key}.")}

    assert set(documented) - {"default", "standard", "distillation", "nas", "debug_test"} == (
        leaves(to_plain(defaults)) | synonyms
    )
    for key in leaves(to_plain(defaults)):
        _, default = locate(defaults, key.split("."))
        assert to_plain(parse_value(documented[key], key)) == to_plain(default), key


def test_the_python_example_of_the_documentation_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (REPOSITORY / "docs" / "EXPERIMENTS.md").read_text(encoding="utf-8")
    monkeypatch.chdir(REPOSITORY)

    examples = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert examples
    for example in examples:
        exec(example, {})  # the examples assert what they promise


def test_the_yaml_example_of_the_documentation_loads(tmp_path: Path) -> None:
    text = (REPOSITORY / "docs" / "EXPERIMENTS.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    written(tmp_path, "seed: 3", "config.yaml")
    written(tmp_path, "experiments: {distillation: {use_distillation: true}}", "other.yaml")
    path = written(tmp_path, example)

    long, elsewhere = load_experiment(path, "long"), load_experiment(path, "teacher_elsewhere")

    assert (long.seed, long.epochs, long.learning_rate, long.training.loss) == (3, 200, 1e-3, "bce_dice")
    assert (elsewhere.epochs, elsewhere.use_distillation, elsewhere.alpha) == (60, True, 0.5)
