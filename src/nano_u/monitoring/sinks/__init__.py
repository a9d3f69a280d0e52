"""The files of a monitor: CSV, JSON Lines, npz, JSON and TensorBoard events, all filled from the same rows."""

from nano_u.monitoring.sinks.contract import Sink
from nano_u.monitoring.sinks.files import MonitorFiles
from nano_u.monitoring.sinks.opening import check_writable, open_sinks
from nano_u.monitoring.sinks.run_file import RunFacts
from nano_u.runs import MonitorPaths

__all__ = ["MonitorFiles", "MonitorPaths", "RunFacts", "Sink", "check_writable", "open_sinks"]
