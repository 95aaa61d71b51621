"""A check of YAML files before they are loaded: small ones can stand for any amount of data."""

from __future__ import annotations

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
