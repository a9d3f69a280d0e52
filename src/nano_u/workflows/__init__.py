"""Where the parts are joined: train, evaluate, export, experiments, demo."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nano_u.workflows.demo import run_demo
    from nano_u.workflows.evaluate import evaluate_model
    from nano_u.workflows.experiments import run_experiments
    from nano_u.workflows.export import export_model
    from nano_u.workflows.training import run_training, train, train_model

_MODULES = {
    "evaluate_model": "evaluate",
    "export_model": "export",
    "run_demo": "demo",
    "run_experiments": "experiments",
    "run_training": "training",
    "train": "training",
    "train_model": "training",
}

__all__ = [
    "evaluate_model",
    "export_model",
    "run_demo",
    "run_experiments",
    "run_training",
    "train",
    "train_model",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
