"""Face detection: boxes of faces in an image."""
