"""The README's script trains as two processes, as on two hosts."""

import pytest
from processes import finish, hosts, start

from tests.test_readme import code, training_script


@pytest.mark.slow
def test_the_training_script_runs_as_two_processes_and_again(tmp_path):
    call = "kerasgen.distribution.data_parallel()"
    assert code("Many devices").count(call) == 1
    imports = "import keras, kerasgen\n"
    script = training_script((imports, f"{imports}{call}\n"))
    (tmp_path / "train.py").write_text(script)
    # Trains, goes on, and has nothing left to train.
    for epochs in ("1", "2", "2"):
        processes = [
            start([*command, "train.py"], [epochs], cwd=tmp_path, **environment)
            for command, environment in hosts()
        ]
        outputs = finish(processes)
        assert (tmp_path / "serving/dcgan/1/saved_model.pb").is_file()
    assert "Nothing to train" in outputs[0] and "Nothing to train" not in outputs[1]
    assert len(list((tmp_path / "runs/a/samples").iterdir())) == 2
