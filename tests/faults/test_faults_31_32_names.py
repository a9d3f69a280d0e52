from __future__ import annotations

import os
from pathlib import Path

import pytest

from nano_u.cli.main import main
from nano_u.config import DatasetConfig, ExperimentConfig, ModelConfig
from nano_u.data import index_dataset, load_data
from nano_u.errors import DataError

EXPERIMENT = ExperimentConfig(model=ModelConfig(input_shape=(16, 16, 3)))


@pytest.mark.parametrize("name", ["run[1]", "what?", "all*", "{a,b}", "[!x]"])
def test_31_glob_characters_in_a_folder_hide_no_file(tiny_dataset: Path, name: str) -> None:
    root = tiny_dataset.rename(tiny_dataset.with_name(name))

    assert len(load_data(str(root), EXPERIMENT)["train"]) == 12


def test_31_a_name_that_is_not_utf8_is_refused_by_name(tiny_dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = os.fsencode(tiny_dataset / "train" / "img") + b"/bad\xff_1.png"
    Path(os.fsdecode(path)).touch()

    with pytest.raises(DataError, match=r"bad\\udcff_1\.png: the name is not UTF-8; rename it"):
        index_dataset(tiny_dataset, DatasetConfig())
    assert main(["doctor", str(tiny_dataset)]) == 1
    assert r"bad\udcff_1.png: the name is not UTF-8" in capsys.readouterr().err


LONG = "/".join(["long" * 40] * 3)


@pytest.mark.parametrize(
    "name",
    ["пример ünï 例", "two  spaces ", 'it\'s "quoted"', "<b>bold</b> & co", "-dash", "[red]", LONG],
    ids=str.strip,
)
def test_32_any_other_name_of_folders_and_files_works(
    tiny_dataset: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tiny_dataset.parent / name
    root.parent.mkdir(parents=True, exist_ok=True)
    tiny_dataset.rename(root)
    stem = name.replace("/", "")[:100]
    for kind in ("img", "mask"):
        (root / "train" / kind / "trainA_000.png").rename(root / "train" / kind / f"{stem}_7.png")

    data = load_data(str(root), EXPERIMENT)["train"]

    assert f"{stem}_7" in data.names
    assert stem in data.groups
    assert main(["doctor", str(root)]) == 0
    assert stem in capsys.readouterr().out
