from __future__ import annotations

import json
import pkgutil
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from types import ModuleType

import pytest

import nano_u

QUICK_PACKAGES = (
    "cli",
    "codegen",
    "config",
    "data",
    "deploy",
    "evaluation",
    "graph",
    "quantization",
    "redundancy",
    "reporting",
    "runs",
    "toolchain",
)
PACKAGES = sorted(module.name for module in pkgutil.iter_modules(nano_u.__path__) if module.ispkg)


def test_the_public_names_are_the_promised_ones() -> None:
    assert set(nano_u.__all__) == {
        "ActivationExtractor",
        "BudgetError",
        "ConfigError",
        "DataError",
        "DeployError",
        "DistillationAwareNAS",
        "FeatureDecorrelationRegularizer",
        "MissingDependencyError",
        "ModelError",
        "NASCallback",
        "NASMonitorCallback",
        "NanoUError",
        "NonFiniteLossError",
        "RunError",
        "RunningCovariance",
        "TrainingError",
        "UNetLayerSelector",
        "__version__",
        "analyze_model_redundancy",
        "collapse_spatial",
        "compute_layer_redundancy",
        "correlation_redundancy",
        "count_parameters",
        "covariance_redundancy",
        "covariance_regularizer_loss",
        "create_bu_net",
        "create_model_from_config",
        "create_nano_u",
        "migrate_old_config",
        "train",
        "train_model",
        "train_single_model",
        "train_step",
        "train_quantization_aware",
        "train_with_distillation",
        "validate_nas_computation",
    }


@pytest.mark.parametrize("name", [name for name in nano_u.__all__ if name != "__version__"])
def test_every_public_name_is_the_one_of_its_module(name: str) -> None:
    module = import_module(nano_u._MODULE_OF[name])

    assert name in getattr(module, "__all__", vars(module))
    assert getattr(nano_u, name) is getattr(module, name)


def test_every_error_of_the_tree_is_public() -> None:
    errors = {name for name, value in vars(import_module("nano_u.errors")).items() if isinstance(value, type)}

    assert errors <= set(nano_u.__all__)


def test_names_can_be_listed_and_unknown_ones_are_refused() -> None:
    assert set(nano_u.__all__) <= set(dir(nano_u))
    assert nano_u.__version__ == version("nano-u")
    with pytest.raises(AttributeError, match="no attribute 'create_nano_v'"):
        _ = nano_u.create_nano_v


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_package_promises_is_what_it_has(package: str) -> None:
    module = import_module(f"nano_u.{package}")
    promised = getattr(module, "__all__", [])

    assert len(promised) == len(set(promised))
    for name in promised:
        assert getattr(module, name) is not None
    assert eager_public_names(module) <= set(promised)


def eager_public_names(module: ModuleType) -> set[str]:
    """Classes and functions of ours that the package's own namespace holds."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("nano_u")
    }


def test_importing_the_package_and_its_quick_parts_loads_no_framework() -> None:
    script = (
        "import sys, json, importlib; [importlib.import_module(name) for name in sys.argv[1:]];"
        "print(json.dumps(sorted({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))))"
    )
    names = ["nano_u", *(f"nano_u.{package}" for package in QUICK_PACKAGES)]

    done = subprocess.run([sys.executable, "-c", script, *names], check=True, capture_output=True, text=True)

    assert json.loads(done.stdout) == []


def test_the_callback_needs_numpy_and_keras_alone() -> None:
    """A Keras user who wants the monitor pays for nothing that Keras does not bring itself."""
    code = (
        "import json, sys, numpy, keras\n"
        "before = {name.partition('.')[0] for name in sys.modules}\n"
        "from nano_u import NASMonitorCallback\n"
        "after = {name.partition('.')[0] for name in sys.modules}\n"
        "print(json.dumps(sorted(after - before - set(sys.stdlib_module_names))))\n"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert json.loads(printed.splitlines()[-1]) == ["nano_u"]
