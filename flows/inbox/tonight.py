"""What a night reads: what suppliers delivered is taken, and what is in force is listed."""

from flows.ingest.files import Listed
from flows.store import Home
from transforms.errors import DropRefusedError


def files_of_tonight(home: Home) -> Listed:
    """Take what was delivered whole, and list the files in force.

    Raises:  DropRefusedError if no supplier is named
    """
    raise DropRefusedError(
        f"{home.suppliers_path} names no supplier: fill it in, or name a folder of files"
    )
