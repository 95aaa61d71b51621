"""Parsing of XML files of annotations, and texts that XML can contain."""

from __future__ import annotations

import os
import re
from typing import Any
from xml.etree import ElementTree

from facelattice.exceptions import FormatError, MissingDependencyError

_INVALID = re.compile(r"[\x00-\x1f\ud800-\udfff\ufffe\uffff]")  # characters that XML cannot contain


def check_xml_name(name: str) -> str:
    """Return the name of an image if XML can contain it.

    Raises:
        FormatError: If it cannot.
    """
    if _INVALID.search(name):
        raise FormatError(f"{name!a}: XML cannot contain characters of this name; rename the image, or use JSON")
    return name


def parse_xml(path: str | os.PathLike[str]) -> Any:
    """Parse an XML file and return its root; entities are not expanded.

    Raises:
        FormatError: If the file is not XML.
        MissingDependencyError: If defusedxml is not installed.
    """
    try:
        from defusedxml import ElementTree as SafeElementTree
    except ImportError as error:
        raise MissingDependencyError(
            f'{path}: reading XML needs defusedxml; run: pip install "facelattice[evaluate]"'
        ) from error
    try:
        return SafeElementTree.parse(path).getroot()
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        raise FormatError(f"{path}: not XML that can be read: {repr(error)[:200]}") from error
