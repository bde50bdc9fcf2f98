r"""Cut a JSON document into its records: those of ``results``, or of a list, or it is one.

Only one record is in memory at a time, and one that is broken costs none of the others. The
bytes of a record are those of the file, so that its digest can be checked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from surveillance.domain.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

N_BYTES_RECORD_MAX = 8_388_608
_N_BYTES_CHUNK = 262_144
_LEVELS_MAX = 100
_MARK = re.compile(rb'["{}\[\]]')
_STRING_END = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


class Record(NamedTuple):
    """One record, not yet decoded."""

    line: int  # of the file, where it begins
    content: bytes


_REMEDIES = {
    "not_json": "send JSON as the publisher makes it",
    "cut_off": "fetch it again",
    "too_long": f"send records of at most {N_BYTES_RECORD_MAX:,} bytes",
}


def refuse(code: str, reason: str) -> Refused:
    """Make a refusal with the remedy that goes with its code."""
    return Refused(code, reason, _REMEDIES[code])


class Scanner:
    """Finds the records of a document.

    Parameters
    ----------
    stream : BinaryIO
        Open for reading.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._data, self._at, self.line = b"", 0, 1

    def records(self) -> Iterator[Record]:
        """Yield the records.

        Yields
        ------
        Record
            In the order of the file.

        Raises
        ------
        Refused
            Where the document cannot be followed any further; what came before stands.
        """
        first = self._next_byte()
        if first not in (b"{", b"["):
            raise refuse("not_json", "the document begins with neither { nor [")
        if first == b"[" or self._to_results():
            self._take(1)
            yield from self._listed()
        else:
            record = self._record()
            if record is not None:
                yield record
        if self._rest().strip(b" \t\r\n}"):
            raise refuse("not_json", "something follows the records")

    def _more(self) -> bool:
        chunk = self._stream.read(max(_N_BYTES_CHUNK, len(self._data) - self._at))
        self._data, self._at = self._data[self._at :] + chunk, 0
        return bool(chunk)

    def _take(self, n_bytes: int) -> bytes:
        taken = self._data[self._at : self._at + n_bytes]
        self.line += taken.count(b"\n")
        self._at += len(taken)
        return taken

    def _next_byte(self) -> bytes:
        """Move past white space; return what follows, or nothing at the end."""
        if self.line == 1 and not self._data and self._more():
            self._at = 3 if self._data.startswith(b"\xef\xbb\xbf") else 0
        while True:
            rest = self._data[self._at : self._at + 256].lstrip(b" \t\r\n")
            n_white = min(256, len(self._data) - self._at) - len(rest)
            self._take(n_white)
            if rest:
                return rest[:1]
            if self._at >= len(self._data) and not self._more():
                return b""

    def _to_results(self) -> bool:
        """Move to the list of ``results``; False, and not at all, where the document has none.

        openFDA writes ``meta`` before it, which is short.
        """
        while len(self._data) - self._at < _N_BYTES_CHUNK and self._more():
            pass
        head = self._data[self._at : self._at + _N_BYTES_CHUNK]
        found = re.match(rb'\{\s*"meta"\s*:\s*', head)
        at = _skip_value(head, found.end()) if found else 1
        results = re.compile(rb'\s*,?\s*"results"\s*:\s*(?=\[)').match(head, at)
        if results is None:
            return False
        self._take(results.end())
        return True

    def _listed(self) -> Iterator[Record]:
        while (byte := self._next_byte()) == b"{":
            record = self._record()
            if record is None:
                return
            yield record
            if self._next_byte() == b",":
                self._take(1)
        if byte != b"]":
            code = "not_json" if byte else "cut_off"
            raise refuse(code, f"line {self.line}: the list of records is not ended")
        self._take(1)

    def _record(self) -> Record | None:
        line, end = self.line, self._end_of_record()
        return Record(line, self._take(end))

    def _end_of_record(self) -> int:
        """Return how long the record is that begins here."""
        depth, at = 0, 0
        while True:
            found = _MARK.search(self._data, self._at + at)
            if found is None:
                at = len(self._data) - self._at
                self._read_on(at)
                continue
            at = found.end() - self._at
            mark = found[0]
            if mark == b'"':
                at = self._end_of_string(at)
            elif mark in b"{[":
                depth += 1
                if depth > _LEVELS_MAX:
                    raise refuse("not_json", f"line {self.line}: more than {_LEVELS_MAX} levels")
            else:
                depth -= 1
                if depth == 0:
                    return at

    def _end_of_string(self, at: int) -> int:
        while (found := _STRING_END.match(self._data, self._at + at)) is None:
            self._read_on(len(self._data) - self._at)
        return found.end() - self._at

    def _read_on(self, n_held: int) -> None:
        if n_held > N_BYTES_RECORD_MAX:
            raise refuse("too_long", f"line {self.line}: the record has over {n_held:,} bytes")
        if not self._more():
            raise refuse("cut_off", f"line {self.line}: the file ends within a record")

    def _rest(self) -> bytes:
        """Read to the end; return what is left that is no white space, up to some bytes."""
        kept = self._take(len(self._data) - self._at).strip()
        while self._more():
            kept = (kept + self._take(len(self._data)).strip())[:1_000]
        return kept


def _skip_value(data: bytes, at: int) -> int:
    """Return where an object ends that begins here; `at` where it does not."""
    depth, here = 0, at
    while (found := _MARK.search(data, here)) is not None:
        here = found.end()
        if found[0] == b'"':
            string = _STRING_END.match(data, here)
            if string is None:
                return at
            here = string.end()
        elif found[0] in b"{[":
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                return here
    return at
