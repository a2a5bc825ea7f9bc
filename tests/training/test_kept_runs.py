"""A benchmark that was stopped goes on with what is missing."""

import pytest

from training.benchmarks.kept_runs import complete_runs, load_runs


def test_finished_runs_are_not_run_again(tmp_path):
    path, ran = tmp_path / "results" / "a.json", []

    def run(number):
        if number == 3:
            raise KeyboardInterrupt
        ran.append(number)
        return {"square": number**2}

    tasks = {"one": (1,), "two": (2,), "three": (3,)}
    with pytest.raises(KeyboardInterrupt):
        complete_runs(path, tasks, run)
    assert load_runs(path) == {"one": {"square": 1}, "two": {"square": 4}}
    del tasks["three"]
    done = complete_runs(path, {**tasks, "four": (4,)}, run)
    assert ran == [1, 2, 4] and list(done) == ["one", "two", "four"]
    assert load_runs(path) == done


def test_a_look_leaves_the_file_alone(tmp_path):
    path = tmp_path / "a.json"
    assert load_runs(path) == {}
    assert complete_runs(path, {"one": (1,)}, lambda n: n, keep=False) == {"one": 1}
    assert not path.exists()
