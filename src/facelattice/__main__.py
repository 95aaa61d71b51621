"""`python -m facelattice`: the command line, for `accelerate launch -m facelattice train ...`."""

from facelattice.cli import main

main()
