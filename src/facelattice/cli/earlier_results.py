"""Files of earlier runs: leave them out of the input, and find the images that are done."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import typer

from facelattice.cli.console import err, print_notice
from facelattice.formats.json import images_in_json
from facelattice.formats.names import escape_non_utf8, relative_path, truncate_stem
from facelattice.formats.parquet import images_in_parquet, labels_in_parquet
from facelattice.messages import pluralize


def drop_results(found: list[Path], ending: str, out_dir: Path | None) -> list[Path]:
    """Leave out files that an earlier run wrote, such as drawings, and report their number.

    Args:
        found: Images or videos.
        ending: Regular expression for the part of a name after the stem of an input. A file is left out if its stem is
            that of another input in its folder, or of any other input if the file is in ``out_dir``.
        out_dir: Folder of the output; None for the current folder.
    """
    siblings = {(path.parent, truncate_stem(path.stem)) for path in found}
    stems = {stem for _, stem in siblings}
    pattern, output_folder = re.compile(rf"(.*?)(-\d+)?{ending}"), (out_dir or Path()).resolve()

    def is_result(path: Path) -> bool:
        if (match := pattern.fullmatch(path.name)) is None:
            return False
        # A number before the ending belongs to the name, or distinguishes two inputs with the same name.
        names = {match[1], match[1] + (match[2] or "")} & stems
        is_beside = any((path.parent, name) in siblings for name in names)
        return is_beside or bool(names and path.parent.resolve() == output_folder)

    results = [path for path in found if is_result(path)]
    if results:
        message = f"left out: {pluralize(len(results), 'result')} of an earlier run, such as {results[0]}"
        print_notice(message)
    left_out = set(results)
    return [path for path in found if path not in left_out]


def drop_done(images: Sequence[Path], out_dir: Path, format: str) -> list[Path]:
    """Leave out images whose faces are in the JSON or Parquet files of a folder, and report their number."""
    if format == "parquet":
        done = images_in_parquet(out_dir)
        left = [image for image in images if escape_non_utf8(relative_path(image, out_dir)) not in done]
    else:
        done = images_in_json(out_dir)
        left = [image for image in images if relative_path(image, out_dir) not in done]
    err.print(f"{len(images) - len(left)} of {pluralize(len(images), 'image')} done before, {len(left)} to do")
    return left


def check_parquet_folder(out_dir: Path, label: str) -> None:
    """Reject a folder with tables that may contain the same images, such as those of another number of shards.

    Raises:
        typer.BadParameter: If there is such a table.
    """
    num_shards = label.partition("of")[2]
    for other in labels_in_parquet(out_dir):
        if label == other or not label or num_shards != other.partition("of")[2]:
            raise typer.BadParameter(
                f"{out_dir} contains tables of an earlier run: add --resume, or use another folder"
            )
