"""Which tasks run, in which order, and what a failure stops; with the engine of this process, and one
that answers as told."""

import pytest
from sweep_tasks import Breaks, Fails, Forgets, Note

from denoscope.errors import InputError
from denoscope.sweeps import expand, run_tasks
from denoscope.sweeps.engine import Report


def ends(events):
    """task -> (state, message) of its last event."""
    return {event.task: (event.state, event.message) for event in events}


def done_in_order(events):
    return [event.task.value for event in events if event.state == "done"]


def test_needs_come_first_and_equal_tasks_are_one(store):
    ground = Note(value=0)
    middle = Note(value=1, after=(ground,))
    tops = [Note(value=2, after=(middle, ground)), Note(value=3, after=(Note(value=0),))]
    events = list(run_tasks([*tops, tops[0]], store, "here"))
    order = done_in_order(events)
    assert sorted(order) == [0, 1, 2, 3]
    assert order.index(0) < order.index(1) < order.index(2)
    assert all(store.done(task) for task in (ground, middle, *tops))
    assert [e.state for e in events if e.task == ground] == ["waiting", "running", "done"]


def test_the_longest_goes_first(store):
    tasks = [Note(value=v, cost=c) for v, c in ((1, 5.0), (2, 50.0), (3, 0.5))]
    assert done_in_order(run_tasks(tasks, store, "here")) == [2, 1, 3]


def test_what_is_there_is_found_and_its_needs_are_not_asked_for(store):
    top = Note(value=1, after=(Fails(value=0),))
    with store.lock(top):
        top.run(store, lambda share: None)
    assert expand([top], store) == [top]
    assert ends(run_tasks([top], store, "here")) == {top: ("found", "")}


def test_a_failure_stops_only_what_depends_on_it(store):
    bad = Fails(value=7)
    above = Note(value=1, after=(bad,))
    further = Note(value=2, after=(above,))
    apart = Note(value=3)
    found = ends(run_tasks([further, apart], store, "here"))
    assert found[bad] == ("failed", "value 7 is refused: give another")
    assert found[above] == ("failed", f"not run: {bad.name} failed")
    assert found[further] == ("failed", f"not run: {above.name} failed")
    assert found[apart] == ("done", "")


def test_any_error_is_one_line_and_its_traceback_is_kept(store):
    task = Breaks(value=1)
    assert ends(run_tasks([task], store, "here"))[task] == (
        "failed",
        "ZeroDivisionError: by design",
    )
    text = (store.root / "breaks" / ".failed" / f"{task.name}.txt").read_text()
    assert "Traceback" in text
    assert "by design" in text


def test_a_task_that_leaves_nothing_has_failed(store):
    task = Forgets(value=1)
    state, message = ends(run_tasks([task], store, "here"))[task]
    assert state == "failed"
    assert "left no" in message


def test_a_failed_task_is_tried_again_by_the_next_run(store):
    task = Fails(value=1)
    for _ in range(2):
        assert ends(run_tasks([task], store, "here"))[task][0] == "failed"


def test_nothing_to_do_starts_no_engine(store):
    task = Note(value=1)
    list(run_tasks([task], store, "here"))
    assert [e.state for e in run_tasks([task], store, Told([]))] == ["found"]
    assert list(run_tasks([], store, Told([]))) == []


def test_an_unknown_engine_is_refused(store):
    with pytest.raises(InputError, match="choose local, ray or here"):
        list(run_tasks([Note(value=1)], store, "abacus"))  # type: ignore[arg-type]


class Told:
    """An engine that answers each submission with the next of `answers`, in one slot."""

    def __init__(self, answers):
        self.answers, self.given, self.task, self.closed = list(answers), [], None, False

    def has_room(self):
        return self.task is None

    def submit(self, task):
        assert self.task is None, "no room"
        self.task = task
        self.given.append(task)

    def reports(self, seconds):
        if self.task is not None:
            task, self.task = self.task, None
            yield Report(task, "running", 0.5)
            outcome, message = self.answers.pop(0)
            yield Report(task, outcome, message=message)

    def close(self):
        self.closed = True


def test_a_lost_task_is_tried_once_more(store):
    task, engine = Note(value=1), Told([("lost", "killed"), ("done", "")])
    events = list(run_tasks([task], store, engine))
    assert len(engine.given) == 2
    assert [(e.state, e.message) for e in events if e.state != "running"] == [
        ("waiting", ""),
        ("waiting", "killed; tried once more"),
        ("done", ""),
    ]
    assert engine.closed


def test_a_task_lost_twice_has_failed(store):
    task = Note(value=1)
    above = Note(value=2, after=(task,))
    engine = Told([("lost", "killed"), ("lost", "killed")])
    found = ends(run_tasks([above], store, engine))
    assert found == {
        task: ("failed", "killed"),
        above: ("failed", f"not run: {task.name} failed"),
    }


def test_a_task_of_another_sweep_is_asked_for_again_and_holds_up_nothing(store, monkeypatch):
    monkeypatch.setattr("denoscope.sweeps.running.PATIENCE", 0.05)
    held, other = Note(value=1, cost=9), Note(value=2)
    engine = Told([("busy", ""), ("done", ""), ("busy", ""), ("found", "")])
    events = list(run_tasks([held, other], store, engine))
    assert engine.given == [held, other, held, held]
    waits = [e.message for e in events if e.task == held and e.state == "waiting"]
    assert waits == ["", "another sweep works on it"]  # said once
    assert ends(events)[held][0] == "found"


def test_closing_the_generator_closes_the_engine(store):
    engine = Told([("done", "")] * 3)
    events = run_tasks([Note(value=v) for v in range(3)], store, engine)
    while next(events).state != "running":
        pass
    events.close()
    assert engine.closed
    assert len(engine.given) == 1
