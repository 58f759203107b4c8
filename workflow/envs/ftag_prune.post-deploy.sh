#!/usr/bin/env bash
# Snakemake runs this in the new environment, from the folder in which it was started.
set -euo pipefail
pip install -c constraints.txt ".[generate]"
