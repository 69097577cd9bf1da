"""What a Parquet file would unpack to, told from its footer and its page headers.

Polars takes the memory that a page header asks for, up to 2 GB a page, before it looks at the
page. So the sizes are added up first. Both footer and page headers are structures in Thrift's
compact protocol; of the fields, only those that are needed have a name here.
Source: the format's own parquet.thrift and the compact protocol's specification (Apache-2.0).
"""

import io
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

MAGIC = b"PAR1"
_MOST_FOOTER_BYTES = 32_000_000
_PAGE_HEADER_BYTES = 1 << 16
_DEEPEST = 16

# parquet.thrift: field numbers
_ROW_GROUPS, _ROWS = 4, 3  # FileMetaData
_COLUMNS = 1  # RowGroup
_META_DATA = 3  # ColumnChunk
_PATH, _CHUNK_BYTES, _DATA_PAGE, _DICTIONARY_PAGE = 3, 7, 9, 11  # ColumnMetaData
_UNPACKED_BYTES, _PACKED_BYTES = 2, 3  # PageHeader
_VALUES_IN = {5: 1, 7: 1, 8: 1}  # PageHeader: data page, dictionary, data page v2; num_values

Struct = dict[int, Any]


class NotParquetError(ValueError):
    """Bytes that are no Parquet file."""


@dataclass(frozen=True, slots=True)
class ParquetSizes:
    """Rows, and what the wanted columns take once unpacked."""

    rows: int
    values: int
    unpacked_bytes: int


def read_sizes(stream: BinaryIO, wanted: frozenset[str]) -> ParquetSizes:
    """Sizes of the wanted columns (top-level names). Raises NotParquetError."""
    try:
        footer = _read_footer(stream)
        values = unpacked = 0
        for group in footer[_ROW_GROUPS]:
            for chunk in group[_COLUMNS]:
                meta = chunk[_META_DATA]
                if meta[_PATH][0].decode() in wanted:
                    added = _measure_chunk(stream, meta)
                    values, unpacked = values + added[0], unpacked + added[1]
        return ParquetSizes(int(footer[_ROWS]), values, unpacked)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, struct.error) as error:
        raise NotParquetError(f"damaged ({type(error).__name__})") from error


def _read_footer(stream: BinaryIO) -> Struct:
    size = stream.seek(0, io.SEEK_END)
    stream.seek(max(0, size - 8))
    length, magic = struct.unpack("<I4s", stream.read(8))
    if magic != MAGIC or length + 12 > size or length > _MOST_FOOTER_BYTES:
        raise NotParquetError("no footer")
    stream.seek(size - 8 - length)
    footer, _ = _Compact(stream.read(length)).read_struct()
    return footer


def _measure_chunk(stream: BinaryIO, meta: Struct) -> tuple[int, int]:
    """(values, unpacked bytes) of all pages of a column chunk."""
    place = min(meta[_DATA_PAGE], meta.get(_DICTIONARY_PAGE) or meta[_DATA_PAGE])
    end = place + meta[_CHUNK_BYTES]
    values = unpacked = 0
    while place < end:
        stream.seek(place)
        page, length = _Compact(stream.read(_PAGE_HEADER_BYTES)).read_struct()
        if page[_UNPACKED_BYTES] < 0 or page[_PACKED_BYTES] < 0:
            raise NotParquetError("a page of negative size")
        unpacked += page[_UNPACKED_BYTES]
        values += sum(page[kind][field] for kind, field in _VALUES_IN.items() if kind in page)
        place += length + page[_PACKED_BYTES]
    return values, unpacked


class _Compact:
    """A reader of Thrift's compact protocol over bytes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def read_struct(self, depth: int = 0) -> tuple[Struct, int]:
        """(values by field number, bytes read so far)."""
        if depth > _DEEPEST:
            raise NotParquetError("nested too deep")
        fields: Struct = {}
        number = 0
        while head := self._byte():
            kind, delta = head & 15, head >> 4
            number = number + delta if delta else self._zigzag()
            fields[number] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return fields, self.place

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2, 3):  # in a list, a boolean has a byte of its own
            return self._byte()
        if kind in (4, 5, 6):
            return self._zigzag()
        if kind == 7:
            return self._take(8)
        if kind == 8:
            return self._take(self._varint())
        if kind in (9, 10):
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._varint()
            if count > len(self.data):
                raise NotParquetError("a list longer than the file")
            return [self._value(head & 15, depth) for _ in range(count)]
        if kind == 12:
            return self.read_struct(depth + 1)[0]
        raise NotParquetError(f"type {kind}")  # a map: parquet.thrift has none

    def _byte(self) -> int:
        self.place += 1
        return self.data[self.place - 1]

    def _take(self, size: int) -> bytes:
        if self.place + size > len(self.data):
            raise NotParquetError("cut off")
        self.place += size
        return self.data[self.place - size : self.place]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise NotParquetError("a number too long")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)
