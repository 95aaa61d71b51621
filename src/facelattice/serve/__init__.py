"""A service over HTTP: `facelattice serve`."""
