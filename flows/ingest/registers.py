"""The home's registers go into every snapshot beside the drop's files."""

from collections.abc import Sequence
from pathlib import Path

from flows.ingest.files import DropFile, Listed
from transforms.errors import DropRefusedError
from transforms.extracts.registers import REGISTERS, extract_of


def with_registers(listed: Listed, registers: Sequence[Path], scratch: Path) -> Listed:
    """Add a home's registers to the files of a drop; of clerks' answers those not withdrawn.

    Rows:    scratch  a folder for what is taken from a register
    Raises:  DropRefusedError if a file of the drop is called as one of them is
    """
    files = list(listed.files)
    for path in registers:
        register = REGISTERS[path.name]
        if any(file.name == register.named for file in listed.files):
            raise DropRefusedError(
                f"a delivered file is called {register.named}, as the home's own {path.name} is "
                "in a snapshot: rename it. Nothing was read"
            )
        taken = scratch / f".home-{path.name}"
        taken.write_bytes(extract_of(register, path.read_bytes()))
        files.append(DropFile(taken, register.kind, "csv", register.named))
    return Listed(sorted(files, key=lambda file: file.name), listed.left_aside)
