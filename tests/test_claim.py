"""One process at a time; the claim of one that is gone stops nobody."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest

from ftag_prune.claim import claimed, holder
from ftag_prune.errors import StoppedError
from ftag_prune.process import machine

QUICK = {"beat": 0.02, "stale": 0.3}


class BusyError(Exception):
    """What waiting ends with."""


def impatient(_holder):
    raise BusyError


def a_claim(path, *, process, mark="0", beat=0):
    told = {"host": "far", "process": process, "job": "7", "mark": mark, "beat": f"{beat:012d}"}
    path.write_text(json.dumps(told) + "\n")


def test_one_holds_and_nobody_after(tmp_path):
    path = tmp_path / "new" / "claim.json"
    with claimed(path, wait=impatient) as claim:
        assert claim.held
        assert holder(path).process.pid == os.getpid()
        with pytest.raises(BusyError), claimed(path, wait=impatient):
            pass
        claim.check()
    assert list(path.parent.iterdir()) == []


def test_an_error_lets_go(tmp_path):
    with pytest.raises(ZeroDivisionError), claimed(tmp_path / "claim", wait=impatient):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_whoever_waits_is_told_who_has_it_and_gets_it(tmp_path):
    path, told = tmp_path / "claim", []

    def wait(found):
        told.append(str(found))
        time.sleep(0.01)

    def second():
        with claimed(path, wait=wait):
            told.append("mine")

    with claimed(path, wait=impatient):
        other = threading.Thread(target=second)
        other.start()
        time.sleep(0.1)
        assert "mine" not in told
    other.join(5)
    assert told[-1] == "mine"
    assert f"process {os.getpid()} on " in told[0]


def test_a_sign_of_life_is_given_again_and_again(tmp_path):
    path = tmp_path / "claim"
    with claimed(path, wait=impatient, **QUICK):
        size, first = path.stat().st_size, holder(path).beat
        time.sleep(0.2)
        assert holder(path).beat > first
        assert path.stat().st_size == size


def test_a_claim_of_a_process_that_was_killed_is_taken_at_once(tmp_path):
    path = tmp_path / "claim"
    code = (
        "import sys; from pathlib import Path; from ftag_prune.claim import claimed\n"
        "with claimed(Path(sys.argv[1]), wait=print): print('held', flush=True); input()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(BusyError), claimed(path, wait=impatient):
            pass
        child.kill()
    started = time.monotonic()
    with claimed(path, wait=impatient):
        assert time.monotonic() - started < 1


def test_one_of_another_machine_is_taken_when_it_gives_no_sign(tmp_path):
    path = tmp_path / "claim"
    a_claim(path, process=["another", 1, 0])
    started = time.monotonic()
    with claimed(path, wait=lambda _found: time.sleep(0.01), **QUICK) as claim:
        assert 0.3 <= time.monotonic() - started < 3
        assert claim.held
    assert list(tmp_path.iterdir()) == []


def test_and_not_while_it_gives_some_whatever_the_clocks_say(tmp_path):
    path, looks = tmp_path / "claim", iter(range(100))

    def wait(_found):
        number = next(looks)
        if number == 60:
            raise BusyError
        a_claim(path, process=["another", 1, 0], beat=number)
        os.utime(path, (0, 0))
        time.sleep(0.01)

    a_claim(path, process=["another", 1, 0])
    with pytest.raises(BusyError), claimed(path, wait=wait, **QUICK):
        pass
    assert path.exists()


def test_a_file_that_its_writer_did_not_live_to_fill_is_nobodys(tmp_path):
    (tmp_path / "claim").touch()
    with claimed(tmp_path / "claim", wait=lambda _found: time.sleep(0.01), **QUICK) as claim:
        assert claim.held


def test_a_process_that_slept_too_long_stops(tmp_path):
    path = tmp_path / "run" / "claim"
    with claimed(path, wait=impatient, **QUICK) as claim:
        path.unlink()
        a_claim(path, process=["another", 1, 0], mark="other")
        time.sleep(0.1)  # signs of life go to the file that was
        with pytest.raises(StoppedError, match=r"run: stopped, .* taken over .process 1 on far, j"):
            claim.check()
    assert holder(path).mark == "other", "the claim of the other stays"


def test_of_many_that_find_a_dead_one_one_holds_at_a_time(tmp_path):
    path, inside, most = tmp_path / "claim", [], []
    a_claim(path, process=[machine(), 2**22 - 1, 0])

    def one():
        with claimed(path, wait=lambda _found: time.sleep(0.001)):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.005)
            inside.pop()

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert most == [1] * 12
    assert list(tmp_path.iterdir()) == []


def test_a_disk_without_room_for_a_claim_keeps_none(tmp_path, monkeypatch):
    def full(*_given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", full)
    named = pytest.raises(OSError, match=r"No space left on device: .*claim")
    with named, claimed(tmp_path / "claim", wait=impatient):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '{"process": 1}'])
def test_a_claim_that_cannot_be_read_has_no_holder(tmp_path, text):
    (tmp_path / "claim").write_text(text)
    assert holder(tmp_path / "claim") is None
