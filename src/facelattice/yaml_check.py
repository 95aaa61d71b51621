"""Loading of YAML files, after a check: with aliases, a small file can expand to any amount of data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from facelattice.exceptions import MissingDependencyError
from facelattice.file_search import is_device

MAX_DEPTH = 20


def check_yaml(text: str) -> None:
    """Reject YAML with aliases or deep nesting.

    Args:
        text: Content of a file.

    Raises:
        ValueError: If the text has aliases, or lists and mappings in more than `MAX_DEPTH` others.
        yaml.YAMLError: If it is not YAML.
    """
    import yaml  # only for files of the user: the base install does not need it

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > MAX_DEPTH:
            raise ValueError(f"aliases, and lists in more than {MAX_DEPTH} lists, are not supported")


def load_yaml(path: Path) -> Any:
    """Load a YAML file.

    Raises:
        ValueError: If the file is not UTF-8 or not YAML, or `check_yaml` rejects it; the message has one line.
        MissingDependencyError: If PyYAML is not installed.
        OSError: If the file cannot be read.
    """
    try:
        import yaml
    except ImportError as error:
        raise MissingDependencyError(f'{path}: YAML files need: pip install "facelattice[evaluate]"') from error
    if is_device(path):
        raise ValueError("is a device, not a file")
    try:
        text = path.read_text(encoding="utf-8")
        check_yaml(text)
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: aliases, or not UTF-8
        raise ValueError(" ".join(str(error).split())) from error
