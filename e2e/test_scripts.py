"""The scripts' own unit tests, run by Node."""

from __future__ import annotations

import subprocess

from config.bootstrap import node_folder
from e2e.desk import BASE_DIR


def test_the_scripts_pass_their_own_tests():
    done = subprocess.run(
        [node_folder() / "node", "--test", "static/src"],
        cwd=BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4000:]
