"""What an experiment may say: every key with its type, range and default."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    field_validator,
    model_validator,
)

from nano_u.config.settings import from_plain, to_plain
from nano_u.config.synonyms import settle, settle_interval, settle_nas

RGB_CHANNELS = 3


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(item) for item in value) if isinstance(value, (list, tuple)) else value


def _as_names(value: Any) -> Any:
    return (value,) if isinstance(value, str) else _as_tuple(value)


def _as_path_text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _image_shape(value: Any) -> Any:
    value = _as_tuple(value)
    if not isinstance(value, tuple) or len(value) != 3:
        raise ValueError("should be a list of three integers: [height, width, channels]")
    if isinstance(value[2], int) and value[2] != RGB_CHANNELS:
        raise ValueError(f"images are RGB, so the third number (channels) must be {RGB_CHANNELS}")
    return value


def _pool_sizes(value: Any) -> Any:
    value = _as_tuple(value)
    if value is None or (isinstance(value, tuple) and value and all(_is_window(size) for size in value)):
        return value
    raise ValueError("should be a list with one positive integer or [height, width] pair per stage: [2, [3, 2]]")


def _is_window(size: object) -> bool:
    sides = size if isinstance(size, tuple) and len(size) == 2 else (size,)
    return all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in sides)


Count = Annotated[int, Field(ge=1, lt=2**31)]
CountOrZero = Annotated[int, Field(ge=0, lt=2**31)]
Share = Annotated[float, Field(ge=0, le=1)]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1)]
Momentum = Annotated[float, Field(gt=0, lt=1)]
PathText = Annotated[str, Field(min_length=1), BeforeValidator(_as_path_text)]
Widths = Annotated[tuple[Count, ...], Field(min_length=1), BeforeValidator(_as_tuple)]
LayerName = Annotated[str, Field(min_length=1)]
LayerNames = Annotated[tuple[LayerName, ...], BeforeValidator(_as_names)]
ImageShape = Annotated[tuple[Count, Count, Count], BeforeValidator(_image_shape)]
PoolSizes = Annotated[tuple[Count | tuple[Count, Count], ...] | None, BeforeValidator(_pool_sizes)]


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys refused, no value silently converted (`"50"` is not 50)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())


class ModelConfig(Section):
    """The network's shape; None takes the default of the named model."""

    input_shape: ImageShape = (48, 64, 3)
    filters: Widths | None = None
    bottleneck: Count | None = None
    blocks_per_stage: Count = 2
    decoder_filters: Widths | None = None
    pool_sizes: PoolSizes = None
    skips: bool = False
    upsample: Literal["before_block", "after_pointwise"] = "before_block"
    enable_probes: bool = False


class TrainingConfig(Section):
    """How the weights are found; momentum None is chosen from the number of steps."""

    optimizer: Literal["adam", "adamw"] = "adamw"
    weight_decay: NonNegativeFloat = 0.01
    schedule: Literal["cosine", "plateau", "constant"] = "cosine"
    warmup_epochs: NonNegativeFloat = 1.0
    loss: Literal["bce", "bce_dice", "bce_tversky", "bce_tversky_precision", "dice", "tversky", "tversky_precision"] = (
        "bce"
    )
    ema_momentum: Momentum | None = None
    batch_norm_momentum: Momentum | None = None
    gradient_clip: PositiveFloat | None = None
    early_stopping_patience: Count | None = None
    mixed_precision: bool = False
    deterministic: bool = True
    threads: Count | None = None


class AugmentationConfig(Section):
    """Random changes of the training images; shift is a share of the side, exposure in stops."""

    enabled: bool = True
    horizontal_flip: bool = True
    vertical_flip: bool = False
    shift: ShareBelowOne = 0.1
    zoom: ShareBelowOne = 0.15
    exposure: Annotated[float, Field(ge=0.0, le=4.0)] = 1.0
    brightness: Share = 0.15
    contrast: Share = 0.2
    colour: Share = 0.1


class DatasetConfig(Section):
    """How a folder of images and masks is read; the pattern's `group` names the drive or sequence of an image.

    `split_seed` decides which groups are for validation and test, apart from the seed of training: models of several
    seeds are measured on the same images.
    """

    image_suffix: str = ""
    mask_suffix: str = ""
    group_pattern: str = r"^(?P<group>.*)_[^_]*$"
    test_fraction: ShareBelowOne = 0.2
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    ignore_index: Annotated[int, Field(ge=0, le=65535)] | None = None
    allow_unpaired: bool = False
    allow_group_overlap: bool = True
    max_pixels: Count = 50_000_000

    @field_validator("group_pattern")
    @classmethod
    def _has_group(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"is not a regular expression: {error}") from None
        if "group" not in groups:
            raise ValueError(r"needs a part named group, such as ^(?P<group>.*)_[^_]*$")
        return pattern


class ExportConfig(Section):
    """How the int8 model is made; `max_iou_drop` turns the comparison with the float model into a gate."""

    calibration_images: Count = 200
    probabilities: bool = False
    max_iou_drop: Share | None = None


class QuantizationConfig(Section):
    """Training under int8 arithmetic; as fine-tuning unless `from_first_epoch`."""

    aware: bool = False
    epochs: Count = 30
    learning_rate: PositiveFloat = 1e-3
    ranges: Literal["ema", "learned"] = "ema"
    from_first_epoch: bool = False


class ThresholdsConfig(Section):
    """The lines that plots and advice read redundancy, correlation and conditioning against.

    Advice on widths is in steps of `channel_multiple` channels, in layers of fewer than 16 channel by channel.
    """

    low_redundancy: Share = 0.3
    moderate_redundancy: Share = 0.5
    high_redundancy: Share = 0.7
    low_correlation: Share = 0.3
    high_correlation: Share = 0.5
    very_high_correlation: Share = 0.6
    poor_conditioning: Annotated[float, Field(ge=1)] = 1.0e6
    channel_multiple: Count = 4

    @model_validator(mode="after")
    def _in_order(self) -> ThresholdsConfig:
        for names in (
            ("low_redundancy", "moderate_redundancy", "high_redundancy"),
            ("low_correlation", "high_correlation", "very_high_correlation"),
        ):
            values = [getattr(self, name) for name in names]
            if sorted(values) != values:
                raise ValueError(f"{' <= '.join(names)} must hold, got {values}")
        return self


class NasConfig(Section):
    """Redundancy monitoring; `layers` empty is the default choice of layers."""

    enabled: bool = False
    log_dir: PathText | None = None
    csv_path: PathText | None = None
    log_freq: Literal["epoch", "batch"] = "epoch"
    monitor_batch_freq: Count = 10
    log_frequency: Count | None = None
    layers: LayerNames = ()
    redundancy_weight: NonNegativeFloat = 0.0
    redundancy_warmup_steps: CountOrZero = 0
    max_samples: Count = 64
    max_channels: Annotated[int, Field(ge=2, lt=2**31)] | None = 256
    strict: bool = False
    tensorboard: bool = True
    spatial: Literal["pixels", "mean"] = "pixels"
    thresholds: ThresholdsConfig = ThresholdsConfig()

    @model_validator(mode="before")
    @classmethod
    def _synonyms(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        nas = settle_nas(from_plain(data).entries)
        return {key: to_plain(setting) for key, setting in settle_interval(nas, nas).items()}

    @property
    def interval(self) -> int:
        """Every how many epochs or batches (`log_freq` says which) the monitor looks."""
        return self.monitor_batch_freq if self.log_freq == "batch" else self.log_frequency or 1


class ExperimentConfig(Section):
    """One experiment, complete: what `train` needs to know, and what a run directory keeps."""

    model_name: Annotated[str, Field(min_length=1)] = "nano_u"
    epochs: Count = 50
    batch_size: Count = 16
    learning_rate: PositiveFloat = 6e-3
    data: PathText | None = None
    val_fraction: ShareBelowOne = 0.2
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    use_distillation: bool = False
    teacher_weights: PathText | None = None
    alpha: Share = 0.3
    temperature: PositiveFloat = 4.0
    live_teacher: bool = False
    feature_layers: dict[LayerName, LayerName] = {}
    feature_weight: PositiveFloat = 1.0
    debug_mode: bool = False
    verbose_logging: bool = False
    model: ModelConfig = ModelConfig()
    training: TrainingConfig = TrainingConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    dataset: DatasetConfig = DatasetConfig()
    export: ExportConfig = ExportConfig()
    quantization: QuantizationConfig = QuantizationConfig()
    nas: NasConfig = NasConfig()

    @model_validator(mode="before")
    @classmethod
    def _synonyms(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        nas = data.get("nas")
        given = {**data, "nas": nas.model_dump(exclude_unset=True)} if isinstance(nas, NasConfig) else data
        return to_plain(settle(from_plain(given)))

    @model_validator(mode="after")
    def _leaves_training_images(self) -> ExperimentConfig:
        if self.val_fraction + self.dataset.test_fraction >= 1:
            raise ValueError(
                "val_fraction and dataset.test_fraction must leave images to train on, "
                f"got {self.val_fraction} + {self.dataset.test_fraction}"
            )
        return self

    @property
    def use_nas(self) -> bool:
        """Whether monitoring is on; the same as `nas.enabled`."""
        return self.nas.enabled

    @property
    def layers_to_monitor(self) -> tuple[str, ...] | None:
        """The selected layers, the same as `nas.layers`; None for the default choice."""
        return self.nas.layers or None

    @property
    def nas_frequency(self) -> int | None:
        """Every how many batches the monitor looks; None where it looks once an epoch."""
        return self.nas.monitor_batch_freq if self.nas.log_freq == "batch" else None
