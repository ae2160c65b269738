"""`python -m viewfix` is the command `viewfix`."""

from .cli import main

main()
