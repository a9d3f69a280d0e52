"""From settings with line numbers to a checked experiment, or one line that says what is wrong and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from nano_u.config.schema import ExperimentConfig, Section
from nano_u.config.settings import EMPTY, Setting, from_plain, locate, shown, to_plain
from nano_u.config.suggest import did_you_mean
from nano_u.config.synonyms import EXPERIMENT_SYNONYMS, NAS_SYNONYMS, combine
from nano_u.errors import ConfigError


def build_config(settings: Setting) -> ExperimentConfig:
    """The experiment that the merged settings describe; the first mistake becomes a ConfigError."""
    for problem in _key_problems(settings, ExperimentConfig, ""):
        raise ConfigError(problem)
    try:
        return ExperimentConfig.model_validate(to_plain(settings))
    except ValidationError as error:
        raise ConfigError(_first_problem(error, settings)) from None


def config_from_mapping(values: Mapping[str, Any]) -> ExperimentConfig:
    """An experiment from a Python mapping; missing keys take their defaults, wrong ones are a ConfigError."""
    return build_config(combine(EMPTY, from_plain(values)))


def section_of(annotation: Any) -> type[Section] | None:
    """The section class that a field holds, or None for a plain value."""
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def text_keys(section: type[Section] = ExperimentConfig, prefix: str = "") -> frozenset[str]:
    """Dotted names of the keys that hold free text: paths, suffixes, patterns, names."""
    names: set[str] = set()
    for key, field in section.model_fields.items():
        inner = section_of(field.annotation)
        if inner is not None:
            names |= text_keys(inner, f"{prefix}{key}.")
        elif _is_text(field.annotation):
            names.add(f"{prefix}{key}")
    return frozenset(names)


def _is_text(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _is_text(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return any(_is_text(part) for part in get_args(annotation))
    return annotation is str


def _key_problems(settings: Setting, section: type[Section], prefix: str) -> Iterator[str]:
    for key, setting in settings.entries.items():
        field = section.model_fields.get(key)
        if field is None:
            yield _unknown_key(setting, key, section, prefix)
            continue
        inner = section_of(field.annotation)
        if inner is None:
            continue
        if not setting.is_mapping:
            yield _not_a_section(setting, f"{prefix}{key}", inner)
        yield from _key_problems(setting, inner, f"{prefix}{key}.")


def _unknown_key(setting: Setting, key: str, section: type[Section], prefix: str) -> str:
    allowed = [*section.model_fields]
    synonyms = {"": [*EXPERIMENT_SYNONYMS], "nas.": [*NAS_SYNONYMS]}.get(prefix, [])
    elsewhere = [path for path in _all_keys(ExperimentConfig, "") if path.rpartition(".")[2] == key]
    hint = f"; did you mean {elsewhere[0]!r}?" if elsewhere else did_you_mean(key, [*allowed, *synonyms])
    listed = ", ".join([*allowed, *synonyms] if prefix == "" else allowed)
    return f"{setting.error_prefix()}unknown key {prefix + key!r}{hint} (allowed: {listed})"


def _all_keys(section: type[Section], prefix: str) -> Iterator[str]:
    for key, field in section.model_fields.items():
        inner = section_of(field.annotation)
        if inner is None:
            yield f"{prefix}{key}"
        else:
            yield from _all_keys(inner, f"{prefix}{key}.")


def _not_a_section(setting: Setting, name: str, section: type[Section]) -> str:
    value = shown(to_plain(setting))
    hint = "; the network's name goes into 'model_name'" if name == "model" else ""
    keys = ", ".join(section.model_fields)
    return f"{setting.error_prefix()}{name}: should be a section with keys of its own ({keys}), got {value}{hint}"


def _first_problem(error: ValidationError, settings: Setting) -> str:
    problems = error.errors(include_url=False)
    first = problems[0]
    name, setting = locate(settings, first["loc"])
    written = f" (from {setting.written!r})" if setting.written else ""
    subject = f"{name}{written}: " if name else ""
    more = {other["loc"][:2] for other in problems} - {first["loc"][:2]}
    rest = f" (and {len(more)} more wrong value{'s' if len(more) > 1 else ''})" if more else ""
    return f"{setting.error_prefix()}{subject}{_problem(first, setting)}{rest}"


def _problem(detail: ErrorDetails, setting: Setting) -> str:
    value = to_plain(setting)
    text = detail["msg"]
    if detail["type"] == "value_error":
        text = text.removeprefix("Value error, ")
        return text if setting.is_mapping else f"{text}, got {shown(value)}"
    text = (
        text.replace("Input should", "should")
        .replace("valid tuple", "list in [brackets]")
        .replace("Tuple should", "should")
    )
    text = text.replace("String should", "should").replace(" after validation", "").replace("a valid", "a")
    text = {"a integer": "an integer", "a boolean": "true or false"}.get(text.removeprefix("should be "), "") or text
    if not text.startswith("should"):
        text = f"should be {text}"
    return f"{text}, got {shown(value)}"
