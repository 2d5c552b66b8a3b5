"""What is found out about a CSV file while its bytes pass by: its encoding and its line ends."""

import codecs

import pyarrow as pa

BOM = codecs.BOM_UTF8
BYTES_OF_A_CHARACTER = 4


class Utf8Watch:
    """Tell while a file passes by whether it is UTF-8."""

    def __init__(self, watching: bool) -> None:
        self.watching = self.is_csv = watching
        self.has_bom: bool | None = None
        self.rest = b""

    def look_at(self, block: memoryview) -> None:
        """Look at whole characters; the bytes of one cut in two wait for the next block."""
        if not self.watching:
            return
        if self.has_bom is None:
            self.has_bom = bytes(block[: len(BOM)]) == BOM
        seen = self.rest + block
        cut = _start_of_cut_character(seen)
        self.watching = _is_utf8(memoryview(seen)[:cut])
        self.rest = seen[cut:]

    def encoding(self) -> str:
        """Name the encoding of what passed by; empty for formats that have their own."""
        if not self.is_csv:
            return ""
        if self.watching and _is_utf8(memoryview(self.rest)):
            return "utf-8-sig" if self.has_bom else "utf-8"
        return "gb18030"


class LineEndWatch:
    """Count while a file passes by its LFs, and the CRs that no LF follows."""

    def __init__(self) -> None:
        self.feeds, self.lone, self.last = 0, 0, b""

    def look_at(self, block: bytes) -> None:
        """Look at the next block; the CR at its end may be one of a pair."""
        pairs = block.count(b"\r\n") + (self.last == b"\r" and block.startswith(b"\n"))
        self.feeds += block.count(b"\n")
        self.lone += block.count(b"\r") - pairs
        self.last = block[-1:]


def _start_of_cut_character(block: bytes) -> int:
    """Find where the character starts that the end of a block may have cut in two."""
    first = max(0, len(block) - BYTES_OF_A_CHARACTER + 1)
    leads = [place for place in range(first, len(block)) if block[place] & 0xC0 == 0xC0]
    return leads[-1] if leads else len(block)


def _is_utf8(block: memoryview) -> bool:
    """Tell whether bytes are UTF-8; Arrow does so without making a text of them."""
    offsets = pa.array([0, len(block)], pa.int64()).buffers()[1]
    text = pa.Array.from_buffers(pa.large_string(), 1, [None, offsets, pa.py_buffer(block)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
