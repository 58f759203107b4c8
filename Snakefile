"""From jets to rejection-versus-pruning figures: generate, prepare, train, evaluate, figures, report."""

import hashlib
import json
import os
import re
import shlex
import shutil
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version
from snakemake_interface_storage_plugins.registry import StoragePluginRegistry

from ftag_prune import __version__
from ftag_prune.config import Study
from ftag_prune.errors import FtagPruneError
from ftag_prune.schema import copy_name, load_card
from ftag_prune.spec import validated

min_version("9.0")


# A study replaces the demo as a whole: merged key by key, its grid would inherit the demo's.
if not workflow.configfiles:

    configfile: workflow.source_path("workflow/config/demo.yaml")


try:
    study = validated(
        Study, config, where=str((workflow.configfiles or ["demo.yaml"])[-1])
    )
except FtagPruneError as wrong:
    raise WorkflowError(str(wrong)) from None

# HDF5 locks the files that it reads, which fails on many shared file systems. Nothing here needs
# that: a file appears whole, and nobody changes it afterwards.
PREFIX = "set -euo pipefail; export HDF5_USE_FILE_LOCKING=${{HDF5_USE_FILE_LOCKING:-FALSE}}; "
# `ftag-prune` stands beside the Python that runs Snakemake, whether or not that is activated.
if not shutil.which("ftag-prune"):
    PREFIX += f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH; "
shell.prefix(PREFIX)

FOLDER = str(study.folder)
LOGS = f"{FOLDER}/logs"
CHUNKS = {chunk.name: chunk for chunk in study.chunks()}


wildcard_constraints:
    task="|".join(study.samples),
    chunk="|".join(CHUNKS),


include: "workflow/rules/common.smk"
include: "workflow/rules/servers.smk"
include: "workflow/rules/samples.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/figures.smk"


rule all:
    default_target: True
    input:
        f"{FOLDER}/report.html",
