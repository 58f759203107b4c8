"""Loaded by a Snakemake of the tests: another version of the package, a pool that only writes."""

import os
from pathlib import Path

if "PRETENDED_VERSION" in os.environ:
    import ftag_prune

    ftag_prune.__version__ = os.environ["PRETENDED_VERSION"]

if "PRETENDED_POOL" in os.environ:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # there is no configuration of HTCondor here
        import htcondor2

    class Schedd:
        """Notes what it is sent, and takes nothing."""

        def submit(self, description):
            folder = Path(os.environ["PRETENDED_POOL"])
            (folder / f"{len(list(folder.iterdir()))}.sub").write_text(str(description))
            raise RuntimeError("there is no pool")

    htcondor2.Schedd = Schedd
    htcondor2.Submit.issue_credentials = lambda _self: None
