"""A Slurm of three nodes on this one machine, without systemd: munged, slurmctld and three slurmd.

The daemons are real and so are their decisions; the nodes share one machine, so a node that loses
its power is a slurmd and all its processes killed. There are no cgroups: Slurm looks at the memory
of a job once a second (``OverMemoryKill``) instead of the kernel holding it to its limit.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

__all__ = ["NODES", "Slurm", "missing", "running_slurm"]

NODES = ("n1", "n2", "n3")
CONFIG = Path("/etc/slurm/slurm.conf")  # the plugin hides SLURM_CONF from srun: it reads this one
SOCKET = Path("/run/munge/munge.socket.2")


def missing() -> str | None:
    """Why no Slurm can run here; None if one can."""
    wanted = ("munged", "munge", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
    absent = [name for name in wanted if _program(name) is None]
    if os.geteuid() != 0:
        return "a Slurm for the tests is started by root"
    if absent:
        return f"no {', '.join(absent)} (apt-get install slurm-wlm munge)"
    if CONFIG.exists() and not CONFIG.is_symlink():
        return f"{CONFIG} belongs to a real cluster"
    return None


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def wait_for(what: str, seen: Callable[[], bool], *, seconds: float = 180.0) -> None:
    """Wait until something is seen; say what did not come."""
    end = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds:g} s still no {what}")
        time.sleep(0.1)


class Slurm:
    """The daemons, what they say, and what can befall them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}
        self._since = 0

    # -- up and down

    def up(self) -> None:
        """Start all daemons, and wait until every node is idle."""
        for folder in ("state", "log", *NODES):
            (self.root / folder).mkdir(parents=True)
        (self.root / "slurm.conf").write_text(_configuration(self.root))
        CONFIG.parent.mkdir(exist_ok=True)
        CONFIG.unlink(missing_ok=True)
        CONFIG.symlink_to(self.root / "slurm.conf")
        self._munge()
        self.start("slurmctld")
        for node in NODES:
            self.start(node)
        wait_for("idle nodes", lambda: self.nodes() == dict.fromkeys(NODES, "idle"))

    def down(self) -> None:
        """End the daemons that were started here, and what is left of their jobs."""
        if "slurmctld" in self._daemons:
            self.said("scancel", "--user", "root")
            time.sleep(1)
        for name in reversed(list(self._daemons)):
            self.stop(name)
        for job in _steps():
            _kill(job)
        if CONFIG.is_symlink():
            CONFIG.unlink()

    def _munge(self) -> None:
        """Use the machine's munged if it runs; else start one with the key of the package."""
        if _answers("munge", "-n"):
            return
        owner = pwd.getpwnam("munge")
        SOCKET.parent.mkdir(exist_ok=True)
        os.chown(SOCKET.parent, owner.pw_uid, owner.pw_gid)
        self._daemons["munged"] = subprocess.Popen(
            [str(_program("munged")), "--foreground", "--force"],
            user=owner.pw_uid,
            group=owner.pw_gid,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for("munged", lambda: _answers("munge", "-n"))

    def start(self, name: str) -> None:
        """Start slurmctld, or the slurmd of a node."""
        options = ["slurmctld", "-D"] if name == "slurmctld" else ["slurmd", "-D", "-N", name]
        with (self.root / f"log/{name}.out").open("ab") as out:
            self._daemons[name] = subprocess.Popen(
                [str(_program(options[0])), *options[1:]],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def stop(self, name: str) -> None:
        """End a daemon as an administrator does."""
        daemon = self._daemons.pop(name)
        daemon.terminate()
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    # -- what it says

    def said(self, *command: str) -> str:
        """What a command of Slurm prints; nothing if it fails."""
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout

    def nodes(self) -> dict[str, str]:
        """State of each node."""
        lines = self.said("sinfo", "--noheader", "--Node", "--format", "%N %t").splitlines()
        return dict(line.split() for line in lines)

    def jobs(self, *states: str) -> dict[str, str]:
        """State of the jobs, of these states or of all, by id."""
        wanted = ",".join(states) or "all"
        lines = self.said("squeue", "--noheader", "--states", wanted, "--format", "%i %T")
        return dict(line.split() for line in lines.splitlines())

    def told(self, job: str, key: str) -> str:
        """One value of what Slurm knows of a job; empty if it is not there."""
        words = self.said("scontrol", "show", "job", job, "--oneliner").split()
        found = [word.partition("=")[2] for word in words if word.startswith(f"{key}=")]
        return found[0] if found else ""

    def forget(self) -> None:
        """Speak of the jobs that come from now on only."""
        self._since = max(map(int, self.jobs()), default=0)

    def since(self, *states: str) -> dict[str, str]:
        """State of the jobs that came since then, of these states or of all, oldest first."""
        found = self.jobs(*states)
        return {job: found[job] for job in sorted(found, key=int) if int(job) > self._since}

    def training(self, chunk: str, *states: str) -> list[str]:
        """Ids of those that train a chunk."""
        comments = {job: self.told(job, "Comment") for job in self.since(*states)}
        return [
            job
            for job, comment in comments.items()  # as both profiles write it
            if comment.startswith("rule_train_") and comment.endswith(chunk)
        ]

    # -- what befalls it

    def power_off(self, node: str) -> list[str]:
        """Kill the slurmd of a node and every process of its jobs at once; ids of the jobs."""
        lost = list(self.said("squeue", "--noheader", "--nodelist", node, "--format", "%i").split())
        daemon = self._daemons.pop(node)
        daemon.kill()
        daemon.wait()
        for step in _steps():
            if any(f"[{job}." in " ".join(step.cmdline()) for job in lost):
                _kill(step)
        return lost

    def end_now(self, job: str) -> None:
        """Let the time limit of a running job pass."""
        self.said("scontrol", "update", f"jobid={job}", "EndTime=now")

    def requeue(self, job: str) -> None:
        """Take the node of a running job away, as for one of a higher priority."""
        self.said("scontrol", "requeue", job)

    def drain(self, node: str) -> None:
        """Let a node finish its jobs and take no others."""
        self.said("scontrol", "update", f"nodename={node}", "state=drain", "reason=tests")

    def undrain(self, node: str) -> None:
        """Let it take jobs again."""
        self.said("scontrol", "update", f"nodename={node}", "state=resume")

    def release(self, job: str) -> None:
        """Start a requeued job without the two minutes that Slurm lets it wait."""
        self.said("scontrol", "update", f"jobid={job}", "StartTime=now")


def _steps() -> list[psutil.Process]:
    """The processes that hold the steps of jobs."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if (process.info["cmdline"] or [""])[0].startswith("slurmstepd:")
    ]


def _kill(process: psutil.Process) -> None:
    """Kill a process and all below it."""
    with suppress(psutil.NoSuchProcess):
        for one in [process, *process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                one.kill()


def _answers(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _free_ports(count: int) -> list[int]:
    holders = [socket.socket() for _ in range(count)]
    for holder in holders:
        holder.bind(("127.0.0.1", 0))
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports


def _configuration(root: Path) -> str:
    """Text of slurm.conf: quick to notice what happens, otherwise what Slurm does by itself."""
    host = socket.gethostname().split(".")[0]
    control, *ports = _free_ports(1 + len(NODES))
    nodes = "\n".join(
        f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} "
        "CPUs=2 RealMemory=8000 State=UNKNOWN"
        for node, port in zip(NODES, ports, strict=True)
    )
    return f"""
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control}
SlurmUser=root
SlurmctldParameters=enable_configless
AuthType=auth/munge
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/%n
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.%n.pid
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/slurmd.%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory,CR_LLN
SchedulerParameters=sched_interval=2,bf_interval=2
SlurmdTimeout=10
KillWait=2
ReturnToService=2
{nodes}
PartitionName=short Nodes={",".join(NODES)} Default=YES MaxTime=90 State=UP
"""


@contextmanager
def running_slurm(root: Path) -> Iterator[Slurm]:
    """A Slurm that ends with the block."""
    slurm = Slurm(root)
    try:
        slurm.up()
        yield slurm
    finally:
        slurm.down()
