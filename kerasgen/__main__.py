"""`python -m kerasgen`: the command line."""

from kerasgen.cli import main

main()
