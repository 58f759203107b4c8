#!/bin/sh
# properties = {properties}
# Before Slurm ends a job, at its time limit or to let others go first, it sends SIGTERM to all its
# processes. Trainings then keep a checkpoint; this shell has to wait for that, for they end with it.
trap : TERM
{exec_job}
