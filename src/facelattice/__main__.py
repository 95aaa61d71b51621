"""`python -m facelattice`: the command line, for `accelerate launch` and `torchrun`."""

from facelattice.cli import main

main()
