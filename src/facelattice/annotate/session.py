"""A session of `facelattice annotate`: a project, the model that suggests points, and the training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facelattice import geometry
from facelattice.annotate.prediction import FaceSuggester, SuggestionThread, sort_by_uncertainty
from facelattice.annotate.project import Project
from facelattice.annotate.shapes import suggest_pairs, write_scheme
from facelattice.annotate.table import FaceAnnotation
from facelattice.annotate.training_job import TrainingJob
from facelattice.datasets.pair_check import find_problems
from facelattice.exceptions import SchemeError
from facelattice.face import Face
from facelattice.formats.names import escape_non_utf8
from facelattice.formats.sink import open_sink
from facelattice.inference.model_zoo import find_model
from facelattice.inference.onnx_model import Model
from facelattice.schemes import Scheme


class Session:
    """A project, the model that suggests points, and the training.

    Args:
        project: The project.
        model: Model for the first suggestions, a name or a file; None for mean shapes.
        base: Model that training starts from, a bundled model or a model file.
        scheme_file: File of the scheme, if the page may change its names and mirror pairs.
    """

    def __init__(self, project: Project, model: str | None, base: str, scheme_file: Path | None = None):
        self.project, self._scheme_file = project, scheme_file
        self.training = TrainingJob(project, base, self._use_trained_model)
        first = None if model is None else Model(find_model(model))
        if self.training.model_path.is_file():  # from an earlier session
            trained = Model(self.training.model_path)
            first = trained if len(trained.scheme) == len(project.scheme) else first
        self.suggester = FaceSuggester(project, first)
        self._thread = SuggestionThread(project, self.suggester)
        self._problems: tuple[int, list[str]] | None = None

    def start(self) -> None:
        """Start to compute suggestions in the background."""
        self._thread.start()

    def close(self) -> None:
        """Stop the training and the suggestions, and release the table."""
        self.training.close()
        self._thread.stop()
        self.project.close()

    def describe(self) -> dict[str, Any]:
        """Return the state of the project for the page."""
        records = list(self.project.records)
        uncertainties = [self.suggester.uncertainty(index) for index in range(len(records))]
        images = [
            {
                "name": escape_non_utf8(record.name), "done": record.done, "version": record.version,
                "faces": None if record.faces is None else len(record.faces),
                "uncertainty": uncertainty, "problem": self._thread.unreadable.get(index),
            }
            for index, (record, uncertainty) in enumerate(zip(records, uncertainties, strict=True))
        ]  # fmt: skip
        return {
            "table": escape_non_utf8(str(self.project.table)),
            "images": images,
            "order": sort_by_uncertainty(records, uncertainties),
            "model": self.suggester.model_name,
            "suggestions": self.suggester.generation,
            "scheme": self.describe_scheme(),
        }

    def describe_scheme(self) -> dict[str, Any]:
        """Return the scheme for the page."""
        scheme = self.project.scheme
        return {
            "name": scheme.name, "names": scheme.names, "pairs": scheme.pairs, "lines": scheme.lines,
            "editable": self._scheme_file is not None,
        }  # fmt: skip

    def describe_training(self) -> dict[str, Any]:
        """Return the status of the training for the page."""
        revision = self.project.revision
        if self._problems is None or self._problems[0] != revision:
            samples = self.project.done_samples()
            problems = find_problems(samples) if samples else []
            if self._scheme_file is not None and any("`pairs`" in problem for problem in problems):
                problems.append("the button Names changes the mirror partners (`pairs`)")
            self._problems = revision, problems
        status, blocked_reason = self.training.status(), self.training.blocked_reason()
        recipe = status.recipe
        if not status.is_running:
            recipe = "" if blocked_reason else self.training.next_recipe()
        return {
            **vars(status),
            "recipe": recipe,
            "blocked_reason": blocked_reason,
            "default_epochs": self.training.default_epochs(),
            "base": self.training.base,
            "problems": self._problems[1],
        }

    def suggest_pairs(self) -> list[tuple[int, int]]:
        """Suggest the mirror pairs of the scheme from the mean shape of the faces that are done."""
        return suggest_pairs(self.suggester.mean_shape())

    def change_scheme(self, names: Sequence[str], pairs: Sequence[tuple[int, int]]) -> None:
        """Rename the points, and change their mirror pairs.

        Raises:
            SchemeError: If the scheme cannot be changed, or a value is wrong.
            OSError: If the file of the scheme cannot be written.
        """
        scheme = self.project.scheme
        if self._scheme_file is None:
            raise SchemeError("this scheme comes from a file or a model; change it there")
        if len(names) != len(scheme):
            raise SchemeError(f"the scheme has {len(scheme)} points, not {len(names)}")
        changed = Scheme.from_dict(
            {"name": scheme.name, "points": list(names), "pairs": [list(pair) for pair in pairs]}
        )
        write_scheme(self._scheme_file, changed)
        self.project.change_scheme(changed)

    def export(self, format: str) -> list[str]:
        """Write the faces of the images that are done into files of another format.

        Args:
            format: One of `formats.FORMATS`.

        Returns:
            The files.

        Raises:
            FormatError: If the format cannot hold the faces.
            OSError: If the files cannot be written.
        """
        table = self.project.table
        scheme = self.project.scheme
        with open_sink(format, table.with_name(f"{table.stem}-{format}")) as sink:
            for record in list(self.project.records):
                if record.done:
                    sink.write(record.path, [_to_face(face, scheme) for face in record.faces or ()])
        return [escape_non_utf8(str(path)) for path in sink.paths]

    def _use_trained_model(self, path: Path) -> None:
        self.suggester.use_model(Model(path))
        self._thread.restart()


def _to_face(annotation: FaceAnnotation, scheme: Scheme) -> Face:
    points = annotation.points
    return Face(
        points,
        np.zeros(len(points), np.float32),
        score=1.0,
        box=geometry.face_box(points).astype(np.float32),
        scheme=scheme,
        visibility=(~annotation.hidden & np.isfinite(points).all(1)).astype(np.float32),
    )
