"""Every example in a docstring runs, on the backend of the test run."""

import doctest
import importlib
import pkgutil
import warnings

import pytest

import kerasgen

BACKENDS = {f"kerasgen.backend.{name}" for name in ("tensorflow", "jax", "torch")}


def examples():
    """Docstrings with an example, by their full name."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = []
    for info in pkgutil.walk_packages(kerasgen.__path__, "kerasgen."):
        if info.name not in BACKENDS:
            module = importlib.import_module(info.name)
            found += [test for test in finder.find(module) if test.examples]
    return found


EXAMPLES = examples()


def test_there_are_examples():
    assert len(EXAMPLES) > 40


@pytest.mark.eager
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_example(example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        runner.run(example, out=report.append)
    assert not runner.failures, "".join(report)
