"""The guides to redundancy: their examples run, and what they say of names, files and messages is so."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from tests.test_readme import commands

from nano_u.config import ThresholdsConfig, load_experiment
from nano_u.monitoring.sinks.rows import KEY
from nano_u.redundancy import MODEL_SCALAR_FIELDS, SCALAR_FIELDS

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted((REPOSITORY / "docs").glob("*.md"))}
GUIDE, TROUBLES = PAGES["NAS_README.md"], PAGES["TROUBLESHOOTING.md"]
COMMAND_LINES = [
    line for name, page in PAGES.items() if name != "API.md" for line in re.findall(r"^nano-u .*$", page, re.MULTILINE)
]
LINKS = [(name, link) for name, page in PAGES.items() for link in re.findall(r"\]\(([^):]+)\)", page)]
FIRST_LINE_OF_A_MESSAGE = re.compile(r"^\| `(?!nas_|[a-z_]+: (?:true|false)`)([^`]*? [^`]*?)`", re.MULTILINE)


def python_blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["NAS_README.md", "TROUBLESHOOTING.md"])
def test_every_python_example_runs_after_the_ones_before_it(page: str, tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    script.write_text("\n".join(python_blocks(PAGES[page])), encoding="utf-8")

    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_every_command_line_parses(line: str) -> None:
    _, *words = shlex.split(line, comments=True)
    found = commands()
    name = " ".join(words[:2]) if " ".join(words[:2]) in found else words[0]

    context = found[name].load().make_context(name, words[len(name.split()) :])

    assert context.args == []


def test_the_experiment_of_the_guide_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    path = tmp_path / "mine.yaml"
    path.write_text(example, encoding="utf-8")

    nas = load_experiment(path, "watched").nas

    assert (nas.enabled, nas.log_freq, nas.interval) == (True, "batch", 20)
    assert nas.layers == ("bottleneck", "/decoder1_.*relu/")


def test_the_guide_lists_the_columns_of_the_files() -> None:
    metrics, layers = (
        block.replace("\n", "").split(",") for block in re.findall(r"```text\n(epoch,.*?)```", GUIDE, re.DOTALL)
    )

    assert metrics == [*KEY, *MODEL_SCALAR_FIELDS]
    assert layers == [*KEY, *SCALAR_FIELDS]


def test_the_guide_explains_every_column_of_a_layer() -> None:
    explained = set(re.findall(r"`([a-z_]+)`", GUIDE)) | {"correlation_std", "correlation_max", "layer"}

    assert set(SCALAR_FIELDS) <= explained


def test_the_guide_lists_the_thresholds_of_the_configuration() -> None:
    listed = re.findall(r"^\| `nas\.thresholds\.([a-z_]+)` \| ([\d.]+) \|", GUIDE, re.MULTILINE)

    assert {name: float(value) for name, value in listed} == ThresholdsConfig().model_dump()


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_every_link_leads_to_a_file_and_a_heading(page: str, link: str) -> None:
    file, _, heading = link.partition("#")
    target = (REPOSITORY / "docs" / (file or page)).resolve()

    assert target.is_file()
    assert not heading or heading in headings(target.read_text(encoding="utf-8"))


@pytest.mark.parametrize("message", FIRST_LINE_OF_A_MESSAGE.findall(TROUBLES))
def test_every_message_quoted_is_one_of_ours(message: str) -> None:
    parts = [part for part in re.split(r"\.\.\.", message) if len(part.strip()) > 3]

    assert parts
    for part in parts:
        assert part.strip(" ()?") in ALL_TEXTS, part


def headings(page: str) -> set[str]:
    """Names of the headings as links call them."""
    titles = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def texts_of_the_package() -> str:
    """Every string of the package's code, the fixed parts of formatted ones too."""
    found: list[str] = []
    for path in sorted((REPOSITORY / "src").rglob("*.py")):
        constants = [node.value for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.Constant)]
        found += [value for value in constants if isinstance(value, str)]
    return "\n".join(found)


ALL_TEXTS = texts_of_the_package()
