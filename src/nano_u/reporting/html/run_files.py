"""Everything that a run directory may hold for its report, read strictly; what is missing or damaged is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from nano_u.config import QuantizationConfig, ThresholdsConfig, load_experiment
from nano_u.errors import DeployError, NanoUError, RunError
from nano_u.evaluation import Evaluation, Gallery, load_gallery
from nano_u.graph import Architecture, read_architecture
from nano_u.reporting.certificate import Certificate, read_certificate
from nano_u.reporting.export_tables import ExportSizes
from nano_u.reporting.history import History, read_history
from nano_u.reporting.metrics_search import was_monitored
from nano_u.reporting.monitored_run import MonitoredRun, find_metrics_csv, read_monitored_run
from nano_u.reporting.shrink_steps import ShrinkStep, read_steps
from nano_u.runs import RunDirectory, read_json

T = TypeVar("T")


@dataclass(frozen=True)
class Evaluated:
    """One folder of `evaluation/`: its name, the numbers, and the images chosen to look at."""

    name: str
    evaluation: Evaluation
    gallery: Gallery | None


@dataclass(frozen=True)
class Exported:
    """The record of the int8 model, its sizes, and its accuracy beside the float model's on one split."""

    record: Mapping[str, Any]
    sizes: ExportSizes | None
    split: str | None = None
    float_evaluation: Evaluation | None = None
    int8_evaluation: Evaluation | None = None


@dataclass
class RunFiles:
    """The files of one run as records; None where a file is not there or is damaged, and then `problems` says so."""

    path: Path
    is_run: bool = False
    """False for a folder of a monitor's files alone."""
    thresholds: ThresholdsConfig = field(default_factory=ThresholdsConfig)
    quantization: QuantizationConfig = field(default_factory=QuantizationConfig)
    config_text: str | None = None
    provenance: Mapping[str, Any] | None = None
    metrics: Mapping[str, Any] | None = None
    validation: Evaluation | None = None
    int8_validation: Evaluation | None = None
    """Of a quantisation-aware run: under simulated int8 arithmetic, on the same images."""
    teacher_validation: Evaluation | None = None
    """Of a distilled run: its teacher's, on the same images."""
    history: History | None = None
    int8_history: History | None = None
    """Of the fine-tuning under int8 arithmetic."""
    architecture: Architecture | None = None
    monitored: MonitoredRun | None = None
    evaluated: tuple[Evaluated, ...] = ()
    exported: Exported | None = None
    certificate: Certificate | None = None
    """Of the C that was made of the exported model."""
    shrinking: tuple[ShrinkStep, ...] = ()
    """How the network was made smaller, step by step; empty where it was trained as it is."""
    problems: dict[str, str] = field(default_factory=dict)
    """What is damaged, by part of the report."""

    def attempt(self, part: str, read: Callable[[], T]) -> T | None:
        """What `read` returns; where it finds damage, None, and the message in `problems`."""
        try:
            return read()
        except NanoUError as error:
            self.problems[part] = str(error)
        except OSError as error:
            self.problems[part] = f"{error.filename or self.path}: {error.strerror or error}"
        return None


def read_run_files(path: Path) -> RunFiles:
    """The files of a run directory, or of a folder that holds a monitor's files alone.

    Raises:
        RunError: there is neither.
    """
    run, files = RunDirectory(path), RunFiles(path)
    if not path.is_dir():
        raise RunError(f"{path}: no such run directory")
    if not run.config_path.is_file():
        files.monitored = read_monitored_run(find_metrics_csv(path))
        files.architecture = files.monitored.architecture
        return files
    files.is_run = True
    config = files.attempt("configuration", lambda: load_experiment(run.config_path))
    if config is not None:
        files.thresholds = config.nas.thresholds
        files.quantization = config.quantization
        files.config_text = run.config_path.read_text(encoding="utf-8")
    files.provenance = _json(files, "provenance", run.provenance_path)
    files.metrics = _json(files, "metrics", run.metrics_path)
    _read_validations(files, run.metrics_path)
    if run.history_path.is_file():
        files.history = files.attempt("learning curves", lambda: read_history(run.history_path))
    if run.qat_history_path.is_file():
        part = "learning curves under int8 arithmetic"
        files.int8_history = files.attempt(part, lambda: read_history(run.qat_history_path))
    if run.graph_path.is_file():
        files.architecture = files.attempt("architecture", lambda: read_architecture(run.graph_path))
    files.monitored = files.attempt("redundancy", lambda: _monitored(path))
    files.evaluated = _evaluations(files, run)
    files.exported = _exported(files, run)
    if run.certificate_path.is_file():
        files.certificate = files.attempt("certificate", lambda: _certificate(files.exported, run.certificate_path))
    if run.shrink_path.is_file():
        files.shrinking = files.attempt("shrinking", lambda: read_steps(run.shrink_path)) or ()
    return files


def _json(files: RunFiles, part: str, path: Path) -> Mapping[str, Any] | None:
    return files.attempt(part, lambda: _mapping(path)) if path.is_file() else None


def _mapping(path: Path) -> Mapping[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict):
        raise RunError(f"{path}: not one of our records; run the command that wrote it again")
    return found


def _read_validations(files: RunFiles, path: Path) -> None:
    """What the final metrics say of the float network, of it under simulated int8 arithmetic, and of the teacher."""
    metrics = files.metrics or {}
    if (record := metrics.get("validation")) is not None:
        files.validation = files.attempt("metrics", lambda: _evaluation(record, path, "validation"))
    if (refined := metrics.get("quantization_aware")) is not None:
        part = "metrics under int8 arithmetic"
        files.int8_validation = files.attempt(part, lambda: _int8_validation(refined, path))
    if (teacher := metrics.get("teacher")) is not None:
        part = "metrics of the teacher"
        files.teacher_validation = files.attempt(part, lambda: _evaluation(teacher, path, "teacher"))


def _int8_validation(refined: Any, path: Path) -> Evaluation | None:
    if not isinstance(refined, dict) or "validation" not in refined:
        raise RunError(f"{path}: quantization_aware: holds no validation; run the command that wrote it again")
    record = refined["validation"]
    return None if record is None else _evaluation(record, path, "quantization_aware.validation")


def _monitored(path: Path) -> MonitoredRun | None:
    return read_monitored_run(find_metrics_csv(path)) if was_monitored(path) else None


def _evaluation(record: Any, path: Path, key: str) -> Evaluation:
    try:
        return Evaluation.from_dict(record)
    except (ValueError, TypeError) as error:
        raise RunError(f"{path}: {key}: not an evaluation ({error}); run the command that wrote it again") from error


def _evaluations(files: RunFiles, run: RunDirectory) -> tuple[Evaluated, ...]:
    """Every folder of `evaluation/`, the test split first."""
    found = []
    root = run.evaluation_dir("")
    for path in sorted(root.glob("*/metrics.json"), key=lambda path: (path.parent.name != "test", path.parent.name)):
        folder = path.parent
        part = f"evaluation {folder.name}"
        record = _json(files, part, path)
        evaluation = record and files.attempt(part, partial(_evaluation, record, path, "pooled"))
        if not evaluation:
            continue
        gallery = None
        if (folder / "gallery.npz").is_file():
            gallery = files.attempt(f"gallery {folder.name}", partial(load_gallery, folder / "gallery.npz"))
        found.append(Evaluated(folder.name, evaluation, gallery))
    return tuple(found)


def _exported(files: RunFiles, run: RunDirectory) -> Exported | None:
    path = run.export_dir / "export.json"
    record = _json(files, "int8 model", path)
    if record is None:
        return None
    sizes = files.attempt("int8 model", lambda: _sizes(record, path))
    accuracy = record.get("accuracy")
    if accuracy is None:
        return Exported(record, sizes)
    return files.attempt("accuracy of the int8 model", lambda: _compared(record, sizes, path)) or Exported(
        record, sizes
    )


def _certificate(exported: Exported | None, path: Path) -> Certificate:
    certificate = read_certificate(path)
    recorded = None if exported is None else exported.record.get("sha256")
    if recorded is not None and recorded != certificate.tflite_sha256:
        raise DeployError(f"{path}: is of another model than the one exported last; run nano-u export --c again")
    return certificate


def _sizes(record: Mapping[str, Any], path: Path) -> ExportSizes:
    try:
        summary, verified = record["summary"], record["verification"] or {}
        arena = verified.get("arena_bytes")
        return ExportSizes(
            file_bytes=int(summary["file_bytes"]),
            weight_bytes=int(summary["weight_bytes"]),
            peak_activation_bytes=int(summary["peak_activation_bytes"]),
            arena_bytes=None if arena is None else int(arena),
            operators=tuple(map(str, summary["operators"])),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: not the record of an export ({error}); run `nano-u export` again") from error


def _compared(record: Mapping[str, Any], sizes: ExportSizes | None, path: Path) -> Exported:
    """The export with the evaluations of the float model and of int8, on one split and the same groups of images."""
    accuracy = record["accuracy"]
    if not isinstance(accuracy, dict) or not {"split", "float", "int8"} <= accuracy.keys():
        raise RunError(f"{path}: accuracy: needs split, float and int8; run `nano-u export` again")
    before, after = (_evaluation(accuracy[kind], path, f"accuracy.{kind}") for kind in ("float", "int8"))
    if [group.name for group in before.groups] != [group.name for group in after.groups]:
        raise RunError(f"{path}: accuracy: float and int8 are of different images; run `nano-u export` again")
    return Exported(record, sizes, str(accuracy["split"]), before, after)
