"""The markers of a JPEG file, as far as its first picture goes (ITU-T T.81, annex B)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_EOI, _SOS, _HUFFMAN_TABLES = 0xD9, 0xDA, 0xC4
_SEQUENTIAL = {0xC0, 0xC1}
_SECTOR, _END_OF_BLOCK = 512, 0
_COMMENT, _ADOBE = 0xFE, 0xEE
_APPLICATION = range(0xE0, 0xF0)
_BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_END = re.compile(bytes((0xFF, _EOI)))  # bytes.find takes more than twice as long over a scan, where 0xFF is common


@dataclass(frozen=True, slots=True)
class Segment:
    """One marker segment: ``data[start:end]``, the marker's two bytes included."""

    marker: int
    start: int
    end: int

    @property
    def is_metadata(self) -> bool:
        """Whether decoders ignore it; Adobe's APP14 is not metadata, since it says how colours are stored."""
        return self.marker == _COMMENT or (self.marker in _APPLICATION and self.marker != _ADOBE)


def header_segments(data: bytes) -> list[Segment]:
    """All segments before the first scan; those that can be read, where the file is damaged."""
    segments: list[Segment] = []
    at = 2
    while (at := data.find(b"\xff", at)) >= 0:
        while data[at + 1 : at + 2] == b"\xff":  # fill bytes
            at += 1
        marker = data[at + 1] if at + 1 < len(data) else _EOI
        if marker in (_SOS, _EOI):
            break
        length = 0 if marker in _BARE or marker == 0 else int.from_bytes(data[at + 2 : at + 4])
        segments.append(Segment(marker, at, min(at + 2 + length, len(data))))
        at += 2 + length
    return segments


def scan_span(data: bytes, segments: list[Segment]) -> tuple[int, int | None]:
    """Where the first scan starts and where its picture ends (behind the EOI marker; None if the file ends first).

    What cameras and phones append (previews, second frames of an MPO) lies behind the end.
    """
    start = segments[-1].end if segments else 2
    end = _END.search(data, start)
    return start, end.end() if end else None


def has_hole(data: bytes) -> bool:
    """Whether a sector of zeros lies in the scan of a sequential JPEG and cannot have been written there.

    Under the usual Huffman tables zero bits are blocks full of tiny coefficients, which no picture has. Where all
    tables give them to "end of block", a large plain surface is stored as zeros, and nothing can be said.
    """
    segments = header_segments(data)
    # Most files have no such sector anywhere, and where the scan ends takes longer to find.
    if not _SEQUENTIAL & {segment.marker for segment in segments} or bytes(_SECTOR) not in data:
        return False
    if data.find(bytes(_SECTOR), *scan_span(data, segments)) < 0:
        return False
    bodies = (data[segment.start + 4 : segment.end] for segment in segments if segment.marker == _HUFFMAN_TABLES)
    return any(symbol != _END_OF_BLOCK for body in bodies for symbol in _zero_symbols(body))


def _zero_symbols(body: bytes) -> Iterator[int]:
    """Yield for each AC table its first symbol, whose code is all zeros."""
    while len(body) > 17:  # noqa: PLR2004  # class and number, and sixteen counts
        if body[0] >> 4:
            yield body[17]
        body = body[17 + sum(body[1:17]) :]
