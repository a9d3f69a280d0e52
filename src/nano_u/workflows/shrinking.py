"""Cut, fine-tune, validate, keep or undo: from redundancy to a smaller network that is as good."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nano_u.config import ExperimentConfig, config_to_yaml
from nano_u.data import ImageSet, as_floats
from nano_u.data.loading import Progress as Done
from nano_u.errors import BudgetError, DataError, ModelError, NonFiniteLossError
from nano_u.evaluation import Evaluation, evaluate
from nano_u.graph import summarise, write_architecture
from nano_u.models import architecture_of, load_model, save_model
from nano_u.reporting import save_figure
from nano_u.reporting.shrink_steps import ShrinkStep, StepCost, StepKind, draw_shrinking
from nano_u.runs import RunDirectory, atomic_path, collect_provenance, write_json, write_text_atomic
from nano_u.surgery import channel_groups, cut_channels, removable_channels
from nano_u.training.checkpoint import BestModel
from nano_u.training.reproducibility import prepare_process
from nano_u.workflows.prediction import float_predictor_of
from nano_u.workflows.refining import Refined, refine
from nano_u.workflows.shrink_log import ShrinkLog
from nano_u.workflows.shrink_moves import Measured, Move, moves
from nano_u.workflows.shrink_options import Progress, ShrinkObserver, ShrinkOptions
from nano_u.workflows.source import ModelSource, find_model, floor_of, split_of
from nano_u.workflows.teacher import Teacher, fit, load_teacher
from nano_u.workflows.training import TrainingObserver

if TYPE_CHECKING:
    import keras
    import numpy as np
    import numpy.typing as npt
    from keras.callbacks import Callback

logger = logging.getLogger(__name__)

MEASURED_IMAGES = 256
"""Training images, spread over the split, that channels are compared on."""


@dataclass(frozen=True)
class Shrunk:
    """The smaller network's run directory, every step, and test accuracy of both networks (None without a test)."""

    run: RunDirectory
    steps: tuple[ShrinkStep, ...]
    over_budget: str | None
    before: Evaluation | None
    after: Evaluation | None

    def raise_over_budget(self) -> None:
        """BudgetError where a limit is still exceeded; all files are there."""
        if self.over_budget is not None:
            raise BudgetError(
                f"{self.run.path}: the budget is not met: {self.over_budget}; nothing more can go within max_iou_drop "
                "and steps"
            )


@dataclass(frozen=True)
class Plan:
    """What a first step would change, the most worthwhile first, and what the network costs now.

    `whole` are the layers left whole, with the reason. Nothing was trained or written.
    """

    moves: tuple[Move, ...]
    now: StepCost
    whole: Mapping[str, str]


def plan_shrinking(
    model: Path,
    options: ShrinkOptions,
    *,
    data: str | None = None,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
) -> Plan:
    """The changes that shrinking would choose from first.

    Raises as `shrink_model`.
    """
    _, network, _, splits = _opened(model, data, overrides, progress)
    found = moves(network, _measured(network, splits, progress), budget=options.budget)
    whole = {group.name: group.fixed for group in channel_groups(network) if group.fixed is not None}
    return Plan(tuple(found), StepCost.of(summarise(architecture_of(network))), whole)


def shrink_model(
    model: Path,
    options: ShrinkOptions,
    *,
    data: str | None = None,
    run_path: Path | None = None,
    overrides: Sequence[str] = (),
    observer: ShrinkObserver | None = None,
) -> Shrunk:
    """Make a trained network smaller until the budget is met, or nothing more can go.

    First go all channels that the next layers can do without at no loss. Then, step by step, what buys most of what the
    budget lacks for the least expected loss: narrower layers, a block fewer, or one before the upsampling that it
    followed. Cut, fine-tune (with the teacher of the run's configuration, if there is one), validate. A network that
    loses more than `max_iou_drop` is undone; narrower layers then wait until others were undone too, and their next cut
    is half as large, while a block is not tried again. Validation images decide; test images are looked at once, at the
    end.

    A network that was trained under int8 arithmetic, or is to be (`quantization.aware`), is so again at the end.

    Writes a run directory (`<run>-shrunk` by default) with `best.keras`, `shrink.json`, `shrink.csv`, `shrink.png`, and
    the network after each step that was kept. Called again with the same options, it goes on where it was interrupted.

    Raises:
        ConfigError: no data is named.
        DataError: no training or validation images, or no foreground in the latter.
        ModelError: a network that is not functional, or has no layer that can be cut.
        RunError: the run directory holds something else.
    """
    work = _begin(model, options, data, run_path, overrides, observer or ShrinkObserver())
    with work.log.run.lock():
        steps = work.log.steps
        if not steps:
            _start(work)
        if len(steps) == 1:
            _cut_for_nothing(work)
        while len(steps) <= options.steps and not _is_met(work):
            found = moves(work.model, work.measured, steps=steps, budget=options.budget)
            if not found:
                break
            _try(work, found[0])
        return _finish(work)


@dataclass
class _Work:
    """What a shrinking works with, and the network as it is now."""

    source: ModelSource
    options: ShrinkOptions
    observer: ShrinkObserver
    config: ExperimentConfig
    splits: dict[str, ImageSet]
    teacher: Teacher | None
    log: ShrinkLog
    model: keras.Model
    _measured: tuple[keras.Model, Measured] | None = None

    @property
    def measured(self) -> Measured:
        """What the layers of `model` read; measured once for each network."""
        if self._measured is None or self._measured[0] is not self.model:
            self._measured = self.model, _measured(self.model, self.splits, self.observer.progress)
        return self._measured[1]

    @property
    def lowest_iou(self) -> float:
        """The validation IoU below which a step is undone."""
        return self.log.steps[0].iou - self.options.max_iou_drop


def _begin(
    model: Path,
    options: ShrinkOptions,
    data: str | None,
    run_path: Path | None,
    overrides: Sequence[str],
    observer: ShrinkObserver,
) -> _Work:
    source, network, teacher, splits = _opened(model, data, overrides, observer.progress)
    given = source.config
    config = given.model_copy(
        update={
            "quantization": given.quantization.model_copy(update={"from_first_epoch": False}),
            "nas": given.nas.model_copy(update={"enabled": False}),
            "feature_layers": {},
        }
    )
    digest = hashlib.sha256(source.path.read_bytes()).hexdigest()
    began_with = {**options.record(), "config": config.model_dump(mode="json"), "model_sha256": digest}
    log = ShrinkLog.open(run_path or _default_path(source), began_with, name=network.name)
    return _Work(source, options, observer, config, splits, teacher, log, log.latest or network)


def _opened(
    model: Path, data: str | None, overrides: Sequence[str], progress: Progress | None
) -> tuple[ModelSource, keras.Model, Teacher | None, dict[str, ImageSet]]:
    """What a shrinking begins with; refuses what it cannot work with."""
    source = find_model(model, data=data, overrides=overrides)
    training = source.config.training
    prepare_process(seed=source.config.seed, threads=training.threads, deterministic=training.deterministic)
    network = _network(source)
    _refuse_uncuttable(network, source.path)
    teacher = load_teacher(source.config, network)
    splits = source.load_data(float_predictor_of(network).input_shape, _part(progress, "reading images"))
    for split in ("train", "val"):
        split_of(splits, split)
    return source, network, teacher, splits


def _network(source: ModelSource) -> keras.Model:
    if source.path.suffix == ".tflite":
        raise ModelError(f"{source.path}: int8 already; shrink the run directory or the .keras file it came from")
    return load_model(source.path)


def _refuse_uncuttable(network: keras.Model, path: Path) -> None:
    groups = channel_groups(network)
    if all(group.fixed is not None for group in groups):
        reasons = "; ".join(f"{group.name}: {group.fixed}" for group in groups[:3])
        raise ModelError(f"{path}: no layer can be narrowed{f' ({reasons})' if reasons else ''}")


def _default_path(source: ModelSource) -> Path:
    path = (source.path if source.run is None else source.run.path).resolve()
    return path.with_name(f"{path.stem if source.run is None else path.name}-shrunk")


def _start(work: _Work) -> None:
    """Everything that is known before the first cut, and how good the network is."""
    run, config = work.log.run, work.config
    write_text_atomic(run.config_path, config_to_yaml(config))
    dataset = work.source.data_record(work.splits)
    provenance = collect_provenance(seed=config.seed, dataset=dataset, threads=config.training.threads)
    teacher = {} if work.teacher is None else {"teacher": work.teacher.record()}
    write_json(run.provenance_path, {**provenance, "shrunk_from": str(work.source.path), **teacher})
    _note(
        work,
        work.model,
        started=time.perf_counter(),
        kind="start",
        move="start",
        iou=_validation_iou(work, work.model),
        kept=True,
    )


def _cut_for_nothing(work: _Work) -> None:
    """Take out at once all channels that the next layers can do without."""
    started = time.perf_counter()
    groups = [group for group in channel_groups(work.model) if group.fixed is None]
    choices = {group.name: removable_channels(group, work.model, work.measured.moments) for group in groups}
    keeps = {group.name: choices[group.name].keep for group in groups if len(choices[group.name].keep) < group.width}
    if not keeps:
        return
    smaller = cut_channels(work.model, keeps, work.measured.moments).model
    filters = sum(group.width - len(keeps[group.name]) for group in groups if group.name in keeps)
    iou = _validation_iou(work, smaller)
    kept = iou >= work.lowest_iou
    _note(
        work,
        smaller,
        started=started,
        kind="dead",
        move=f"{filters} filters of {len(keeps)} layers that add nothing",
        expected_loss=sum(choices[name].loss for name in keeps),
        iou_cut=iou,
        iou=iou,
        kept=kept,
        reason="kept, not fine-tuned" if kept else f"undone, below {work.lowest_iou:.4f}",
    )


def _is_met(work: _Work) -> bool:
    budget = work.options.budget
    return budget is not None and not budget.exceeded(summarise(architecture_of(work.model)))


def _try(work: _Work, move: Move) -> None:
    """Change, fine-tune, validate; go on with the smaller network, or with smaller cuts of these layers."""
    started = time.perf_counter()
    smaller = move.make()
    iou_cut = _validation_iou(work, smaller)
    smaller, iou = _better(work, smaller, iou_cut, work.options.epochs_after(move.kind))
    kept = iou >= work.lowest_iou
    before, after = move.filters or (None, None)
    _note(
        work,
        smaller,
        started=started,
        kind=move.kind,
        move=move.text,
        group=move.name,
        filters_before=before,
        filters_after=after,
        expected_loss=move.loss,
        iou_cut=iou_cut,
        iou=iou,
        kept=kept,
        reason="kept" if kept else f"undone, below {work.lowest_iou:.4f}",
    )


def _finish(work: _Work) -> Shrunk:
    """The last fine-tuning, files, test accuracy and the verdict on the budget."""
    last = work.log.steps[-1]
    if work.options.final_epochs and any(step.kept for step in work.log.steps[1:]) and last.kind != "tuning":
        _tune_at_the_end(work)
    run, floor = work.log.run, floor_of(work.splits)
    with atomic_path(run.best_model_path) as temporary:
        save_model(work.model, temporary)
    architecture = architecture_of(work.model)
    write_architecture(architecture, run.graph_path)
    validation = _evaluated(work.model, work.splits["val"], floor)
    refined = _refined(work) if work.config.quantization.aware else None
    before = after = None
    if len(work.splits.get("test", ())):
        first = load_model(work.source.path)
        before, after = (_evaluated(one, work.splits["test"], floor) for one in (first, work.model))
    steps, pooled_floor = work.log.steps, validation.pooled.floor
    figure = draw_shrinking(steps, name=run.path.name, floor=None if pooled_floor is None else pooled_floor.iou)
    save_figure(figure, run.shrink_path.with_suffix(".png"))
    budget, cost = work.options.budget, summarise(architecture)
    over = None if budget is None else budget.explain(cost) or None
    metrics = {
        "validation": validation.to_dict(),
        "over_budget": over,
        "test_before": None if before is None else before.to_dict(),
        "test_after": None if after is None else after.to_dict(),
    }
    if refined is not None:
        metrics["quantization_aware"] = refined.record(_evaluated(refined.model, work.splits["val"], floor))
    write_json(run.metrics_path, metrics)
    return Shrunk(run, tuple(steps), over, before, after)


def _refined(work: _Work) -> Refined:
    """The smaller network trained under int8 arithmetic too, as the one it came from was."""
    done = _part(work.observer.progress, "training under int8 arithmetic")
    callbacks = () if done is None else (_epochs_done(done, work.config.quantization.epochs),)
    observer = TrainingObserver(callbacks=callbacks, teaching=_part(work.observer.progress, "asking the teacher"))
    return refine(work.model, work.log.run, work.config, work.splits, teacher=work.teacher, observer=observer)


def _tune_at_the_end(work: _Work) -> None:
    started, epochs = time.perf_counter(), work.options.final_epochs
    before = _validation_iou(work, work.model)
    tuned, iou = _better(work, work.model, before, epochs)
    kept = tuned is not work.model
    _note(
        work,
        tuned,
        started=started,
        kind="tuning",
        move=f"{epochs} epoch{'' if epochs == 1 else 's'} more",
        iou_cut=before,
        iou=iou,
        kept=kept,
        reason="kept" if kept else "undone, it was better before",
    )


def _better(work: _Work, network: keras.Model, iou: float, epochs: int) -> tuple[keras.Model, float]:
    """The network after more training, or itself as it is where it has the higher validation IoU, and that."""
    weights = network.get_weights()
    try:
        tuned = _tuned(work, network, epochs)
    except NonFiniteLossError as error:
        logger.warning("fine-tuning was undone: %s", error)
    else:
        tuned_iou = _validation_iou(work, tuned)
        if tuned_iou > iou:
            return tuned, tuned_iou
    network.set_weights(weights)
    return network, iou


def _tuned(work: _Work, network: keras.Model, epochs: int) -> keras.Model:
    """The best epoch of more training of `network`, which is changed; NonFiniteLossError where there is none."""
    if not epochs:
        return network
    config = work.config.model_copy(
        update={
            "epochs": epochs,
            "learning_rate": work.options.learning_rate,
            "quantization": work.config.quantization.model_copy(update={"aware": False}),
        }
    )
    path, progress = work.log.run.path / "tuned.keras", work.observer.progress
    callbacks: list[Callback] = [BestModel(path)]
    if (done := _part(progress, "fine-tuning")) is not None:
        callbacks.append(_epochs_done(done, epochs))
    path.unlink(missing_ok=True)
    try:
        fit(network, work.teacher, config, work.splits, callbacks, teaching=_part(progress, "asking the teacher"))
        if not path.is_file():
            raise NonFiniteLossError("the validation loss was NaN or infinite after every epoch of fine-tuning")
        return load_model(path)
    finally:
        path.unlink(missing_ok=True)


def _epochs_done(done: Done, epochs: int) -> Callback:
    import keras

    return keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: done(epoch + 1, epochs))


def _note(
    work: _Work,
    network: keras.Model,
    *,
    started: float,
    kind: StepKind,
    move: str,
    iou: float,
    kept: bool,
    reason: str = "",
    **more: Any,
) -> None:
    """Write the step down, and go on with its network where it was kept."""
    fields = {"group": None, "filters_before": None, "filters_after": None, "expected_loss": None, "iou_cut": None}
    cost = StepCost.of(summarise(architecture_of(network)))
    number, seconds = len(work.log.steps), time.perf_counter() - started
    step = ShrinkStep(
        number=number,
        kind=kind,
        move=move,
        iou=iou,
        kept=kept,
        reason=reason,
        cost=cost,
        seconds=seconds,
        **{**fields, **more},
    )
    work.log.note(step, network)
    if kept:
        work.model = network
    work.observer.step(step)


def _measured(network: keras.Model, splits: dict[str, ImageSet], progress: Progress | None) -> Measured:
    images = as_floats(split_of(splits, "train").spread(MEASURED_IMAGES).images)
    return Measured.of(network, images, _part(progress, "comparing channels"))


def _validation_iou(work: _Work, network: keras.Model) -> float:
    iou = _evaluated(network, work.splits["val"], None).pooled.metrics.iou
    if iou is None:
        raise DataError("the validation images hold no foreground, so nothing tells a good network from a bad one")
    return iou


def _evaluated(network: keras.Model, images: ImageSet, floor: npt.NDArray[np.float64] | None) -> Evaluation:
    return evaluate(float_predictor_of(network).of(images), images, floor_probabilities=floor)


def _part(progress: Progress | None, what: str) -> Done | None:
    return None if progress is None else lambda done, total: progress(what, done, total)
