"""`python -m ftag_prune` is `ftag-prune`."""

from ftag_prune.cli import main

main()
