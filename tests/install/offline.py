"""The whole installation without a network: an empty environment, the index switched off.

python -m tests.install.offline WHEELHOUSE
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# Whoever asks an index all the same finds none.
NOWHERE = {"PIP_NO_INDEX": "1", "PIP_INDEX_URL": "http://127.0.0.1:9", "PYTHONPATH": ""}


def call(*words: object, where: Path) -> str:
    done = subprocess.run(
        [*map(str, words)],
        cwd=where,
        env=os.environ | NOWHERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return done.stdout


def main(wheelhouse: Path) -> None:
    """Install as docs/operations says, run a night from another folder, ask the doctor."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        named = f"VENV={place / 'venv'}", f"WHEELHOUSE={wheelhouse.resolve()}"
        call("make", "install-offline", *named, f"PYTHON={sys.executable}", where=ROOT)
        program = place / "venv" / "bin" / "wuxing"
        print(call(program, "--version", where=place).strip())
        call(program, "init", where=place)
        call(program, "sample", "drop", "--persons", 60, where=place)
        call(program, "run", "drop", "--as-of", "2020-03-31", where=place)
        said = call(program, "doctor", where=place)
        print(said)
        assert "good  packages" in said
        assert (place / "venv" / "share" / "wuxing" / "prefect.yaml").is_file()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
