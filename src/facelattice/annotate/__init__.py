"""`facelattice annotate`: a page to annotate images, with a model that is trained on the finished ones.

`project` contains the table of annotated faces, `prediction` suggests points for the other images, `training_job`
trains a model on the images that are done, and `app` serves the page and its requests on this machine.
"""

from facelattice.annotate.project import Project

__all__ = ["Project"]
