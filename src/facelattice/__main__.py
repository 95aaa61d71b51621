"""Run the command line as `python -m facelattice`, as `accelerate launch` and `torchrun` need it."""

from facelattice.cli import main

main()
