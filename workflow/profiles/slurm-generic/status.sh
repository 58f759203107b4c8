#!/bin/sh
# What became of a job: running, success or failed, for Snakemake. A Slurm that cannot be asked, as
# while it is restarted, has not lost the job: it runs until somebody says otherwise.
if said=$(squeue --noheader --states=all --format=%T --jobs="$1" 2>&1); then
    state=$(printf '%s\n' "$said" | head -n 1)
else
    case $said in
        *"Invalid job id"*) state=FORGOTTEN ;;
        *) state=UNASKED ;;
    esac
fi
case $state in
    COMPLETED) echo success ;;
    "" | BOOT_FAIL | CANCELLED | DEADLINE | FAILED | FORGOTTEN | OUT_OF_MEMORY | TIMEOUT) echo failed ;;
    *) echo running ;; # NODE_FAIL too: Slurm queues the job again
esac
