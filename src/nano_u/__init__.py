"""Nano-U: segmentation networks for microcontrollers, monitored, shrunk and proven.

Public names are imported on first use: `import nano_u` itself reads no file and loads no framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nano_u.capture import ActivationExtractor as ActivationExtractor
    from nano_u.capture import UNetLayerSelector as UNetLayerSelector
    from nano_u.capture import collapse_spatial as collapse_spatial
    from nano_u.config import migrate_old_config as migrate_old_config
    from nano_u.errors import BudgetError as BudgetError
    from nano_u.errors import ConfigError as ConfigError
    from nano_u.errors import DataError as DataError
    from nano_u.errors import DeployError as DeployError
    from nano_u.errors import MissingDependencyError as MissingDependencyError
    from nano_u.errors import ModelError as ModelError
    from nano_u.errors import NanoUError as NanoUError
    from nano_u.errors import NonFiniteLossError as NonFiniteLossError
    from nano_u.errors import RunError as RunError
    from nano_u.errors import TrainingError as TrainingError
    from nano_u.losses import FeatureDecorrelationRegularizer as FeatureDecorrelationRegularizer
    from nano_u.losses import correlation_redundancy as correlation_redundancy
    from nano_u.losses import covariance_redundancy as covariance_redundancy
    from nano_u.losses import covariance_regularizer_loss as covariance_regularizer_loss
    from nano_u.models import count_parameters as count_parameters
    from nano_u.models import create_bu_net as create_bu_net
    from nano_u.models import create_model_from_config as create_model_from_config
    from nano_u.models import create_nano_u as create_nano_u
    from nano_u.monitoring import DistillationAwareNAS as DistillationAwareNAS
    from nano_u.monitoring import NASCallback as NASCallback
    from nano_u.monitoring import NASMonitorCallback as NASMonitorCallback
    from nano_u.monitoring import analyze_model_redundancy as analyze_model_redundancy
    from nano_u.redundancy import RunningCovariance as RunningCovariance
    from nano_u.redundancy import compute_layer_redundancy as compute_layer_redundancy
    from nano_u.redundancy import validate_nas_computation as validate_nas_computation
    from nano_u.training import train_quantization_aware as train_quantization_aware
    from nano_u.training import train_single_model as train_single_model
    from nano_u.training import train_step as train_step
    from nano_u.training import train_with_distillation as train_with_distillation
    from nano_u.workflows import train as train
    from nano_u.workflows import train_model as train_model

    __version__: str

_MODULES = {
    "nano_u.capture": ("ActivationExtractor", "UNetLayerSelector", "collapse_spatial"),
    "nano_u.config": ("migrate_old_config",),
    "nano_u.errors": (
        "BudgetError",
        "ConfigError",
        "DataError",
        "DeployError",
        "MissingDependencyError",
        "ModelError",
        "NanoUError",
        "NonFiniteLossError",
        "RunError",
        "TrainingError",
    ),
    "nano_u.losses": (
        "FeatureDecorrelationRegularizer",
        "correlation_redundancy",
        "covariance_redundancy",
        "covariance_regularizer_loss",
    ),
    "nano_u.models": ("count_parameters", "create_bu_net", "create_model_from_config", "create_nano_u"),
    "nano_u.monitoring": ("DistillationAwareNAS", "NASCallback", "NASMonitorCallback", "analyze_model_redundancy"),
    "nano_u.redundancy": ("RunningCovariance", "compute_layer_redundancy", "validate_nas_computation"),
    "nano_u.training": ("train_single_model", "train_quantization_aware", "train_step", "train_with_distillation"),
    "nano_u.workflows": ("train", "train_model"),
}

_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [*sorted(_MODULE_OF), "__version__"]

_MODULE_OF["_collapse_spatial_to_channels"] = "nano_u.capture"  # the source documents' name of collapse_spatial


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("nano-u")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
