"""`python -m kerasgen`: the command line."""

from kerasgen.cli import main

if __name__ == "__main__":
    main()
