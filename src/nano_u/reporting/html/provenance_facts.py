"""Where a run came from, as pairs of a name and a text."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from nano_u.reporting.html.run_files import RunFiles


def provenance_facts(files: RunFiles) -> tuple[tuple[str, str], ...]:
    """What was trained, with what and on what; of what the run did not record there is no pair."""
    record = files.provenance or {}
    facts: list[tuple[str, str]] = []

    def add(name: str, value: Any) -> None:
        if value not in (None, "", {}, []):
            facts.append((name, str(value)))

    command = record.get("command")
    add("started", record.get("started"))
    add("command", shlex.join(map(str, command)) if isinstance(command, list) else command)
    add("seed", record.get("seed"))
    dataset = _mapping(record.get("dataset"))
    add("data", dataset.get("source"))
    for split, entry in _mapping(dataset.get("splits")).items():
        entry = _mapping(entry)
        add(f"split {split}", f"{entry.get('images')} images, sha256 {str(entry.get('sha256'))[:16]}")
    add("teacher", _teacher(_mapping(record.get("teacher"))))
    machine = _mapping(record.get("machine"))
    add("machine", ", ".join(str(machine[key]) for key in ("system", "architecture") if machine.get(key)))
    add("processors", machine.get("cpus"))
    versions = {"python": record.get("python"), **_mapping(record.get("versions"))}
    add("versions", ", ".join(f"{name} {text}" for name, text in versions.items() if text))
    git = _mapping(record.get("git"))
    add("git", ", ".join(f"{key} {value}" for key, value in git.items()))
    metrics = files.metrics or {}
    add("epochs", metrics.get("epochs"))
    add("best epoch", metrics.get("best_epoch"))
    refined = _mapping(metrics.get("quantization_aware"))
    add("epochs under int8 arithmetic", None if files.quantization.from_first_epoch else refined.get("epochs"))
    add("best epoch of these", None if files.quantization.from_first_epoch else refined.get("best_epoch"))
    return tuple(facts)


def _teacher(record: Mapping[str, Any]) -> str:
    """Its file, the beginning of that file's SHA-256, and its parameters."""
    digest, parameters = record.get("sha256"), record.get("parameters")
    parts = (
        record.get("path"),
        f"sha256 {str(digest)[:16]}" if digest else None,
        f"{parameters:,} parameters" if isinstance(parameters, int) else None,
    )
    return ", ".join(str(part) for part in parts if part)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
