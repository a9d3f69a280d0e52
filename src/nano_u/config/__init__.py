"""What a run is told to do: typed experiments, read from YAML with extends, overrides and exact error lines."""

from nano_u.config.experiments import list_experiments, load_experiment
from nano_u.config.migrate import migrate_old_config
from nano_u.config.schema import (
    AugmentationConfig,
    DatasetConfig,
    ExperimentConfig,
    ExportConfig,
    ModelConfig,
    NasConfig,
    QuantizationConfig,
    ThresholdsConfig,
    TrainingConfig,
)
from nano_u.config.suggest import closest, did_you_mean
from nano_u.config.validate import config_from_mapping
from nano_u.config.write import config_to_yaml

__all__ = [
    "AugmentationConfig",
    "DatasetConfig",
    "ExperimentConfig",
    "ExportConfig",
    "ModelConfig",
    "NasConfig",
    "QuantizationConfig",
    "ThresholdsConfig",
    "TrainingConfig",
    "closest",
    "config_from_mapping",
    "config_to_yaml",
    "did_you_mean",
    "list_experiments",
    "load_experiment",
    "migrate_old_config",
]
