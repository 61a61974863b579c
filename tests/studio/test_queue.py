"""The queue: what survives, and who may do what."""

from __future__ import annotations

from pathlib import Path

import pytest

from vidcolor.studio.database import Database
from vidcolor.studio.errors import Conflict, NotFound, TooMany
from vidcolor.studio.jobs.commands import runs_of
from vidcolor.studio.jobs.job import Spec
from vidcolor.studio.jobs.queue import MAX_ATTEMPTS, Queue, new_key

SPEC = Spec("photos", ("/a.png",), ("a.png",), ("u1",), {"saturation": 1.2})


def queue(tmp_path: Path, most: int = 3) -> Queue:
    return Queue(Database(tmp_path / "q.sqlite"), most=most)


def test_jobs_are_claimed_in_order_and_once(tmp_path: Path) -> None:
    jobs = queue(tmp_path)
    first, second = (jobs.add("anna", "t", SPEC, new_key()).id for _ in range(2))
    claimed = [jobs.claim("cpu"), queue(tmp_path).claim("cpu"), jobs.claim("cpu")]
    assert [job and job.id for job in claimed] == [first, second, None]


def test_jobs_of_others_can_not_be_seen_or_changed(tmp_path: Path) -> None:
    jobs = queue(tmp_path)
    key = jobs.add("anna", "t", SPEC, new_key()).id
    for act in (jobs.find, jobs.pause, jobs.cancel, jobs.resume, jobs.remove):
        with pytest.raises(NotFound):
            act("ben", key)
    assert jobs.of("ben") == [] and jobs.find("anna", key).state == "queued"


def test_what_was_running_goes_on_after_a_crash_but_not_for_ever(tmp_path: Path) -> None:
    jobs = queue(tmp_path)
    key = jobs.add("anna", "t", SPEC, new_key()).id
    for _ in range(MAX_ATTEMPTS - 1):
        assert jobs.claim("cpu") is not None
        assert queue(tmp_path).recover(("cpu",)) == [key]
    assert jobs.claim("cpu") is not None
    assert jobs.recover(("cpu",)) == []
    assert jobs.find("anna", key).state == "failed"
    assert jobs.resume("anna", key).state == "queued"


def test_pause_cancel_and_limits(tmp_path: Path) -> None:
    jobs = queue(tmp_path, most=2)
    key = jobs.add("anna", "t", SPEC, new_key()).id
    assert jobs.pause("anna", key).state == "paused"
    assert jobs.resume("anna", key).state == "queued"
    assert jobs.claim("cpu") is not None
    assert jobs.cancel("anna", key).wish == "cancel" == jobs.wish_of(key)
    with pytest.raises(Conflict):
        jobs.remove("anna", key)
    jobs.add("anna", "t", SPEC, new_key())
    with pytest.raises(TooMany):
        jobs.add("anna", "t", SPEC, new_key())
    jobs.end(key, "cancelled", {})
    assert jobs.needed_uploads() == {"u1"}
    jobs.remove("anna", key)


def test_names_of_inputs_are_never_taken_for_options(tmp_path: Path) -> None:
    """Also two photographs of one name get two results."""
    spec = Spec("photos", ("/x/-y.png", "/z/-y.png"), ("-y.png", "-y.png"), (), {"model": "-y"})
    runs = runs_of(spec, tmp_path, "cpu")
    assert [run.words[-2:] for run in runs] == [("--", "/x/-y.png"), ("--", "/z/-y.png")]
    assert all("--model=-y" in run.words for run in runs)
