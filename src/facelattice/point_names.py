"""Names of points: mirror partners, and matches between the points of a file and those of a scheme.

Example:
    find_pairs(["eyeLeft", "eyeRight", "nose"])  # ((0, 1),)
    match_names(["nose", "right_eye"], scheme.names)  # index in the file of each point of the scheme
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

Words = tuple[str, ...]
Key = TypeVar("Key")

SIDES = (
    ("left", "right"), ("左", "右"), ("links", "rechts"), ("linkes", "rechtes"), ("gauche", "droite"),
    ("izquierdo", "derecho"), ("izquierda", "derecha"), ("esquerdo", "direito"), ("esquerda", "direita"),
    ("sinistro", "destro"), ("sinistra", "destra"), ("linke", "rechte"), ("linker", "rechter"),
    ("vänster", "höger"), ("левый", "правый"), ("левая", "правая"), ("levý", "pravý"), ("levé", "pravé"),
    ("lewy", "prawy"), ("lewe", "prawe"), ("왼쪽", "오른쪽"),
)  # fmt: skip
# Short words for left and right. They count only as whole words, because many other words contain them.
SHORT_SIDES = (
    ("l", "r"), ("lt", "rt"), ("lft", "rgt"), ("izq", "der"), ("esq", "dir"), ("sx", "dx"), ("gauche", "droit"),
)  # fmt: skip
_SIDE_WORDS = {a: b for pair in SIDES for a, b in (pair, pair[::-1])}
_SHORT_SIDES = {a: b for pair in SHORT_SIDES for a, b in (pair, pair[::-1])}
_SIDE_PARTS = re.compile("|".join(map(re.escape, _SIDE_WORDS)))

# Between a lower-case and an upper-case letter, before the last of several upper-case letters, and at digits.
_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")


def split_name(name: str) -> Words:
    """Split a name into lower-case words, at separators, capitals and digits: "eyeLeft_2" gives eye, left, 2."""
    return tuple(word.casefold() for part in re.split(r"[\W_]+", name) for word in _BOUNDARY.split(part) if word)


def find_pairs(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Find the mirror partners: points whose names differ only in left and right.

    These are recognized: the words left and right, and l and r, anywhere in a name that is written with separators or
    capitals (``left_eye``, ``eyeLeft``, ``L-eye``, ``Eye.R``); left and right inside a word (``lefteye``); and l and r
    at the start or the end of a word (``leye``).

    Args:
        names: The names of all points.

    Returns:
        Pairs of indices, the smaller one first, in increasing order.
    """
    partners: dict[int, int] = {}
    words = [split_name(name) for name in names]
    for mirror in (_swap_all_words, _swap_words, _swap_short_sides, _swap_parts):
        _pair_up(words, mirror, partners)
    for place in range(max(map(len, words), default=0)):
        for edge in (0, -1):
            _pair_up(words, partial(_swap_edge, place=place, edge=edge), partners)
    return tuple(sorted((i, j) for i, j in partners.items() if i < j))


def contains_side(name: str) -> bool:
    """Return whether a name contains a word for left or right."""
    words = split_name(name)
    return any(word in _SHORT_SIDES or _SIDE_PARTS.search(word) for word in words)


def parse_numbers(names: Sequence[str]) -> list[int] | None:
    """Parse names that are only numbered, such as 00, 01 or p1, p2 or point_1, point_2; None for other names."""
    words = [split_name(name) for name in names]
    if not words or not all(key and key[-1].isdecimal() and len(key[-1]) < 10 for key in words):
        return None
    numbers = [int(key[-1]) for key in words]
    return numbers if len({key[:-1] for key in words}) == 1 and len(set(numbers)) == len(numbers) else None


def match_names(names: Sequence[str], scheme_names: Sequence[str]) -> list[int | None]:
    """Match the points of a file with those of a scheme by their names.

    Names match if they are equal apart from capitals and separators. Of the others, two match if the words of one
    contain those of the other, as ``nose`` and ``nose_tip``, and no third name does.

    Args:
        names: Names of the points in a file.
        scheme_names: Names of the points of a scheme.

    Returns:
        For each point of the scheme its index in the file; None if the file does not have it.
    """
    matches = _match_unique(names, scheme_names, lambda name: name)
    for key_of in (split_name, lambda name: "".join(split_name(name))):  # mouth_right, MouthRight; mouthright
        used = set(matches)
        for i, k in enumerate(_match_unique(names, scheme_names, key_of)):
            if matches[i] is None and k not in used:
                matches[i] = k
    used = set(matches)
    free_names = {k: set(split_name(name)) for k, name in enumerate(names) if k not in used}
    free_points = {i: set(split_name(scheme_names[i])) for i, k in enumerate(matches) if k is None}
    if parse_numbers(names) or len(free_names) * len(free_points) > 10_000:  # large schemes have systematic names
        return matches
    candidates = [
        (i, k)
        for i, point in free_points.items()
        for k, name in free_names.items()
        if point and name and (point <= name or name <= point)
    ]
    num_points, num_names = Counter(i for i, _ in candidates), Counter(k for _, k in candidates)
    for i, k in candidates:
        if num_points[i] == num_names[k] == 1:
            matches[i] = k
    return matches


def _match_unique(names: Sequence[str], scheme_names: Sequence[str], key_of: Callable[[str], Key]) -> list[int | None]:
    """Match names with equal keys that occur once on each side."""
    keys, scheme_keys = [key_of(name) for name in names], [key_of(name) for name in scheme_names]
    num_keys, num_scheme_keys = Counter(keys), Counter(scheme_keys)
    index = {key: k for k, key in enumerate(keys)}
    return [index.get(key) if num_keys[key] == num_scheme_keys[key] == 1 else None for key in scheme_keys]


def _pair_up(words: list[Words], mirror: Callable[[Words], Words], partners: dict[int, int]) -> None:
    """Add the pairs of points whose names ``mirror`` maps to each other, unless one has a partner already."""
    index: dict[Words, int] = {}
    for i, key in enumerate(words):
        index[key] = -1 if key in index else i
    for i, key in enumerate(words):
        mirrored = mirror(key)
        j = index.get(mirrored, -1)
        if mirrored != key and j >= 0 and index[key] == i and mirror(mirrored) == key and not {i, j} & partners.keys():
            partners[i], partners[j] = j, i


def _swap_words(key: Words) -> Words:
    return tuple(_SIDE_WORDS.get(word, word) for word in key)


def _swap_short_sides(key: Words) -> Words:
    return tuple(_SHORT_SIDES.get(word, word) for word in key)


def _swap_all_words(key: Words) -> Words:
    return _swap_words(_swap_short_sides(key))


def _swap_parts(key: Words) -> Words:
    return tuple(_SIDE_PARTS.sub(lambda match: _SIDE_WORDS[match[0]], word) for word in key)


def _swap_edge(key: Words, place: int, edge: int) -> Words:
    """Swap l and r at the start (0) or the end (-1) of one word."""
    word = key[place] if place < len(key) else ""
    if len(word) < 2 or word[edge] not in "lr":
        return key
    letter = "r" if word[edge] == "l" else "l"
    return (*key[:place], letter + word[1:] if edge == 0 else word[:-1] + letter, *key[place + 1 :])
