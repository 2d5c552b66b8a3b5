"""The short run of `make fuzz`, and every file that ever offended."""

from pathlib import Path

import pytest

from tests.faults.fuzz import run, try_file
from tests.faults.mutations import Mutated

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
FILES, SEED = 150, "short"
READERS = {
    "return.txt": "return",
    "statement.txt": "statement",
    "answer.xml": "xml",
    "clerical_decisions.xlsx": "workbook",
}


def test_mutated_files_are_read_whole_or_refused(capsys: pytest.CaptureFixture[str]) -> None:
    seen, offenders = run(SEED, FILES, jobs=2)
    with capsys.disabled():
        print(f"\nfuzz, seed {SEED}: {sum(seen.values())} files: {dict(sorted(seen.items()))}")
    assert offenders == {}
    assert seen["read"] > FILES / 10 and seen["refused"] > FILES / 10


@pytest.mark.parametrize("folder", CORPUS, ids=lambda path: str(path.name))
def test_a_file_that_offended_offends_no_more(folder: Path) -> None:
    contents = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    note = contents.pop("交接单.csv", None)
    ((name, content),) = contents.items()
    reader = READERS.get(name, "note" if note else Path(name).suffix[1:])
    assert try_file(Mutated(reader, name, content, note)) in ("read", "refused")
