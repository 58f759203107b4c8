"""A process is gone when it is certainly gone."""

import os
import subprocess
import sys

from ftag_prune.process import Process, gone, machine, myself


def test_this_process_is_there():
    me = myself()
    assert (me.machine, me.pid) == (machine(), os.getpid())
    assert not gone(me)
    assert not gone(me._replace(started=0))


def test_a_later_process_of_the_same_number_is_another():
    assert gone(myself()._replace(started=1))


def test_a_process_that_ended_is_gone_even_before_anybody_waits_for_it():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        there = Process(machine(), child.pid)
        assert not gone(there)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert gone(there)
    assert gone(there)


def test_nobody_knows_of_other_machines():
    assert not gone(Process("another", 2**22 - 1))


def test_without_proc_the_system_is_asked(monkeypatch, tmp_path):
    monkeypatch.setattr("ftag_prune.process._PROC", tmp_path)
    assert not gone(Process(machine(), os.getpid()))
    assert not gone(Process(machine(), 1))
    assert gone(Process(machine(), 2**22 - 1))
