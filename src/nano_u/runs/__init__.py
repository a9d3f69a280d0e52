"""The run directory: names, atomic writes, strict reads, one writer at a time, where a result came from."""

from nano_u.runs.atomic import atomic_path, write_text_atomic
from nano_u.runs.directory import MONITOR_DIR, RunDirectory, create_run, open_run
from nano_u.runs.file_label import file_label
from nano_u.runs.monitor_paths import MonitorPaths
from nano_u.runs.provenance import collect_provenance, usable_cpus
from nano_u.runs.strict_json import read_json, write_json
from nano_u.runs.strict_npz import unpack_npz

__all__ = [
    "MONITOR_DIR",
    "MonitorPaths",
    "RunDirectory",
    "atomic_path",
    "collect_provenance",
    "create_run",
    "file_label",
    "open_run",
    "read_json",
    "unpack_npz",
    "usable_cpus",
    "write_json",
    "write_text_atomic",
]
