"""Redundancy monitoring: the callback for training, and the analysis of models at rest."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nano_u.monitoring.callback import NASCallback, NASMonitorCallback
    from nano_u.monitoring.distillation_aware import DistillationAwareNAS
    from nano_u.monitoring.offline import analyze_model_redundancy

_MODULE_OF = {
    "DistillationAwareNAS": "distillation_aware",
    "NASCallback": "callback",
    "NASMonitorCallback": "callback",
    "analyze_model_redundancy": "offline",
}

__all__ = ["DistillationAwareNAS", "NASCallback", "NASMonitorCallback", "analyze_model_redundancy"]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
