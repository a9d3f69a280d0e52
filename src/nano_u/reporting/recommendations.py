"""What the monitor's files say and advise: five verdicts, the finding for every layer, advice with its price."""

from __future__ import annotations

from dataclasses import dataclass

from nano_u.config import ThresholdsConfig
from nano_u.graph import Architecture
from nano_u.graph.price import PeakRemedy, Price, peak_remedy
from nano_u.reporting.bands import band_of, correlation_zones, redundancy_bands
from nano_u.reporting.layer_finding import LayerFinding, layer_finding
from nano_u.reporting.monitored_run import LoggedStep, MonitoredRun
from nano_u.reporting.price_text import price_lines, ram_lines
from nano_u.reporting.trend import SMALLEST_CHANGE, Trend, trend
from nano_u.reporting.width_advice import WidthAdvice, removed_filters, total_price, width_advice

THIN = "too little evidence"

MUCH_OF_A_NETWORK = 0.25
"""Share of a network's filters that can go, from which the network as a whole is too wide."""


@dataclass(frozen=True)
class Section:
    """One of the five verdicts: its word, the value it rests on as text (`final=0.743`), and what it means."""

    title: str
    verdict: str
    value: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Recommendations:
    """All that is said of one monitored run."""

    model: str
    sections: tuple[Section, ...]
    """Redundancy, correlation, numerical stability, training dynamics, overall."""
    findings: tuple[LayerFinding, ...]
    """In network order."""
    advice: tuple[WidthAdvice, ...]
    total: Price | None
    """Of all advice together."""
    remedy: PeakRemedy | None
    """What would lower the RAM peak."""


def recommend(run: MonitoredRun, thresholds: ThresholdsConfig) -> Recommendations:
    """The recommendations for a run; where the evidence is too thin they say so and praise nothing."""
    findings = layer_findings(run, thresholds)
    thin = _too_thin(run)
    advice = () if thin else width_advice(findings, run.architecture, thresholds)
    total = total_price(advice, run.architecture)
    remedy = None if run.architecture is None else peak_remedy(run.architecture)
    sections = (
        _redundancy(run, findings, thresholds, thin),
        _correlation(run, thresholds, thin),
        _stability(run, thresholds, thin),
        _dynamics(run),
        _overall(run, findings, advice, total, remedy, thresholds, thin),
    )
    return Recommendations(run.name, sections, findings, advice, total, remedy)


def layer_findings(run: MonitoredRun, thresholds: ThresholdsConfig) -> tuple[LayerFinding, ...]:
    """The finding for every layer of the last logged step, each with its own trend."""
    scores = run.layer_scores()
    return tuple(layer_finding(layer, trend(scores[layer.layer]), thresholds) for layer in run.steps[-1].layers)


def _too_thin(run: MonitoredRun) -> str:
    """Why nothing can be said of the run as a whole; empty where something can."""
    if len(run.steps) == 1:
        return "one logged step tells no verdict; log more of them"
    last = run.steps[-1]
    if last.redundancy_score is None:
        return "the last logged step has no score"
    if not last.trace:
        return "the activations do not vary (total variance 0), so there is nothing to compare"
    if last.layers and not any(layer.reliable for layer in last.layers):
        return "no layer has enough effective samples; monitor more images (max_samples)"
    return ""


def _redundancy(
    run: MonitoredRun, findings: tuple[LayerFinding, ...], thresholds: ThresholdsConfig, thin: str
) -> Section:
    last = run.steps[-1].redundancy_score
    value = _final(last)
    if thin or last is None:
        return Section("REDUNDANCY ANALYSIS", THIN, value, (thin,))
    word = band_of(last, redundancy_bands(thresholds)).name
    lines = [_READING[word]]
    if not findings:
        lines.append("No file of layers beside the metrics, so nothing can be said of single layers.")
    for verdict, text in _COUNTED.items():
        names = [finding.layer for finding in findings if finding.verdict == verdict]
        if names:
            lines.append(f"{text}: {_some(names)}.")
    return Section(
        "REDUNDANCY ANALYSIS", f"{word} redundancy" if word in ("high", "moderate") else word, value, tuple(lines)
    )


_READING = {
    "excellent": "The channels are close to independent.",
    "good": "Some channels resemble each other, as in most trained networks.",
    "moderate": "Many channels resemble each other; see which of them a linear layer could do without.",
    "high": "Channels repeat each other; see which of them a linear layer could do without.",
}
_COUNTED = {
    "cut": "Channels can go in",
    "correlated": "Correlated, but no channel can be dropped (or fewer than a step) in",
    "thin": f"{THIN.capitalize()} in",
    "undefined": "No score in",
}
_NAMES_SHOWN = 4
_NUMBERS_SHOWN = 24


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    return shown if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} more"


def _correlation(run: MonitoredRun, thresholds: ThresholdsConfig, thin: str) -> Section:
    last = run.steps[-1].correlation_mean
    if thin or last is None:
        return Section("CORRELATION ANALYSIS", THIN, _final(last), (thin or "the last logged step has no correlation",))
    word = band_of(last, correlation_zones(thresholds)).name
    advice = {
        "diverse": "Channels carry different things.",
        "moderate": "Dropout or fewer channels may help; judge by validation accuracy.",
        "high": "Fewer channels, or a penalty on correlation (nas.redundancy_weight), then train again.",
    }[word]
    lines = [advice]
    if word == "moderate" and last > thresholds.high_correlation:
        lines.append(f"Above the warning line of {thresholds.high_correlation:g}.")
    verdict = word if word == "diverse" else f"{word} correlation"
    return Section("CORRELATION ANALYSIS", verdict, _final(last), tuple(lines))


def _stability(run: MonitoredRun, thresholds: ThresholdsConfig, thin: str) -> Section:
    step = run.steps[-1]
    last = step.condition_number
    value = "final=not defined" if last is None else f"final={last:.3g}"
    if thin or last is None:
        return Section("NUMERICAL STABILITY", THIN, value, (thin or "the last logged step has no condition number",))
    worst = max(
        (layer for layer in step.layers if layer.condition_number is not None),
        key=lambda layer: layer.condition_number or 0.0,
        default=None,
    )
    lines = (
        []
        if worst is None
        else [f"The worst layer is {worst.layer} ({_condition(worst.condition_number, worst.condition_at_floor)})."]
    )
    lines += _dead_lines(step)
    if last > thresholds.poor_conditioning:
        lines.insert(
            0, "A layer's channels are close to linearly dependent; fewer of them, or BatchNorm after it, help."
        )
        return Section("NUMERICAL STABILITY", "poor conditioning", value, tuple(lines))
    return Section("NUMERICAL STABILITY", "well conditioned", value, tuple(lines))


def _condition(value: float | None, at_floor: bool) -> str:
    return f"{'at least ' if at_floor else ''}{value:.3g}"


def _dead_lines(step: LoggedStep) -> list[str]:
    dead = [(layer.layer, layer.dead_channels) for layer in step.layers if layer.dead_channels]
    return [f"Dead channels: {_some([f'{count} in {name}' for name, count in dead])}."] if dead else []


def _dynamics(run: MonitoredRun) -> Section:
    overall = trend([step.redundancy_score for step in run.steps])
    value = f"trend={overall.change:+.3f}" if overall.change is not None else f"{len(run.steps)} logged steps"
    lines = {
        "rising": ["Redundancy grew while the network trained; narrower layers may do as well."],
        "falling": ["Redundancy fell while the network trained; longer training may lower it further."],
        "stable": ["Redundancy did not change by more than its own scatter, or by less than 0.02."],
        "too short to tell": [f"Fewer than ten logged steps with a score: {THIN} for a trend."],
    }[overall.word]
    if overall.change is not None:
        lines.append(f"Mean of the last five logged steps minus the first five: {_interval(overall)}.")
    accuracy = None if run.facts is None else trend([iou for _, iou in run.facts.validation_iou])
    if accuracy is not None and accuracy.change is not None:
        lines.append(f"Validation IoU over the same time: {accuracy}.")
    return Section("TRAINING DYNAMICS", overall.word, value, tuple(lines))


def _interval(found: Trend) -> str:
    return (
        f"{found.change:+.3f} (95% interval {found.low:+.3f} to {found.high:+.3f}; below {SMALLEST_CHANGE:g} is stable)"
    )


def _overall(
    run: MonitoredRun,
    findings: tuple[LayerFinding, ...],
    advice: tuple[WidthAdvice, ...],
    total: Price | None,
    remedy: PeakRemedy | None,
    thresholds: ThresholdsConfig,
    thin: str,
) -> Section:
    title, last = "OVERALL RECOMMENDATION", run.steps[-1]
    value = _final(last.redundancy_score)
    if thin or last.redundancy_score is None:
        return Section(title, THIN, value, (f"{thin}.", "No advice."))
    correlated = (last.correlation_mean or 0.0) > thresholds.very_high_correlation
    regularise = (
        ["Regularise: nas.redundancy_weight 0.01 to 0.1, then compare accuracy over seeds."] if correlated else []
    )
    if any(entry.changes for entry in advice):
        verdict, lines = _narrow(advice, run.architecture)
        lines += ["All of it together:", *price_lines(total)] if total is not None else [_no_price(advice)]
        lines += ram_lines(total, remedy, run.architecture)
        lines += [*regularise, "Then train again, compare with this run over several seeds, and keep the better one."]
        return Section(title, verdict, value, tuple(lines))
    lines = ram_lines(None, remedy, run.architecture)
    if not last.layers:
        return Section(title, THIN, value, ("No file of layers, so no advice in channels.", *regularise, *lines))
    unknown = [finding.layer for finding in findings if finding.verdict == "thin" and finding.read_linearly]
    if unknown:
        more = f"Too few samples to say what can go in {_some(unknown)}; monitor more images (max_samples)."
        return Section(title, THIN, value, (more, *regularise, *lines))
    if correlated:
        return Section(title, "regularise", value, ("No channel can be dropped.", *regularise, *lines))
    if last.redundancy_score < thresholds.low_redundancy:
        return Section(title, "optimal width", value, ("Keep the widths as they are.", *lines))
    return Section(
        title, "keep the widths", value, ("No channel can be dropped; minor changes only, then train again.", *lines)
    )


def _narrow(advice: tuple[WidthAdvice, ...], architecture: Architecture | None) -> tuple[str, list[str]]:
    """Verdict and lines of advice that can be followed."""
    removed = removed_filters(advice)
    before = {change.layer: change.before for entry in advice for change in entry.changes}
    gone = sum(removed.values())
    lines = [f"{name}: {before[name]} -> {before[name] - count} filters" for name, count in removed.items()]
    lines += [_candidates(entry) for entry in advice if entry.changes]
    if architecture is not None:
        share = gone / sum(node.filters or 0 for node in architecture.nodes)
        if share >= MUCH_OF_A_NETWORK:
            lines.append(
                f"That is {share:.0%} of the network's filters: reduce width by 25-50 % in the next experiment."
            )
    return f"take {gone} filters out of {len(removed)} layer{'s' if len(removed) > 1 else ''}", lines


def _candidates(entry: WidthAdvice) -> str:
    numbers = ", ".join(map(str, entry.channels[:_NUMBERS_SHOWN]))
    more = f" and {len(entry.channels) - _NUMBERS_SHOWN} more" if len(entry.channels) > _NUMBERS_SHOWN else ""
    return f"Channels of {entry.finding.layer} that the others rebuild: {numbers}{more}."


def _no_price(advice: tuple[WidthAdvice, ...]) -> str:
    reasons = dict.fromkeys(entry.no_price for entry in advice if entry.no_price)
    return f"No price: {'; '.join(reasons)}."


def _final(value: float | None) -> str:
    return "final=not defined" if value is None else f"final={value:.3f}"
