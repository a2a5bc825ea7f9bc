"""Results of runs in a JSON file, so that a benchmark goes on where it was stopped."""

import json
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def load_runs(path):
    """Dict of run name to its result; empty where there is no file yet."""
    return json.loads(path.read_text()) if path.is_file() else {}


def save_runs(path, runs):
    """Writes results, sorted by name."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(runs, indent=0, sort_keys=True) + "\n")


def complete_runs(path, tasks, run, keep=True):
    """Runs what has no result yet, and keeps each result once it is there.

    Args:
        path: `pathlib.Path` of the JSON file.
        tasks: Dict of run name to arguments.
        run: Function of the arguments that returns a result for JSON.
        keep: Whether to read and write the file; False for a look.

    Returns:
        Dict of run name to result.
    """
    done = load_runs(path) if keep else {}
    for name, arguments in tasks.items():
        if name in done:
            continue
        done[name] = run(*arguments)
        print(name, done[name], flush=True)
        if keep:
            save_runs(path, done)
    return done
