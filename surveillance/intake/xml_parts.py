r"""Cut a batch of XML reports into its messages, and parse each by itself.

Only one message is in memory at a time, a broken one costs none of the others, and every
refusal has the line where its message begins. The parser never sees the head of the file:
a document type declaration, and with it every entity, is refused before anything is parsed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from lxml import etree

from surveillance.domain.errors import Refused
from surveillance.intake.format import N_BYTES_KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator

Element = Any  # lxml's, which has no types of its own

N_BYTES_MESSAGE_MAX = 33_554_432  # with documents in base64
_N_BYTES_HEAD_MAX = 65_536  # of the file, to the end of its first tag
_N_BYTES_OUTSIDE_MAX = 1_048_576  # of batch header and trailer
_N_BYTES_CHUNK = 262_144
_N_MARKUP_MAX = 400_000  # tags of a message: 200,000 elements; a report of 50 kB has 500
_N_ATTRIBUTES_FREE = 1_000

_NAME = rb"[A-Za-z_][\w.\-]*"
_DECLARATION = re.compile(rb"<\?xml\s([^>]*?)\?>")
_ENCODING = re.compile(rb"""encoding\s*=\s*["']([A-Za-z0-9._\-]{1,40})["']""")
_SKIPPED = re.compile(rb"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_DOCTYPE = re.compile(rb"<!DOCTYPE([^<>\[\"']|\"[^\"]*\"|'[^']*')*>")
_ATTRIBUTE = rb"""\s+[\w.:\-]+\s*=\s*(?:"[^"<]*"|'[^'<]*')"""
_ATTRIBUTES = rb"(?:" + _ATTRIBUTE + rb")*"
_FIRST_TAG = re.compile(rb"<((?:" + _NAME + rb":)?)(" + _NAME + rb")(" + _ATTRIBUTES + rb")\s*>")
_NAMESPACE = re.compile(rb"""\s+xmlns(?::([\w.\-]+))?\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ENCODINGS = re.compile(r"utf-?8|(us-)?ascii|iso-?8859-\d{1,2}|windows-125\d", re.IGNORECASE)

_HIDING = ((b"<!--", b"-->", b"!"), (b"<![CDATA[", b"]]>", b"["), (b"<?", b"?>", b"?"))
_ENDINGS = {opening: ending for opening, ending, _ in _HIDING}
_OPENING = re.compile(rb"<!--|<!\[CDATA\[|<\?")

_PARSER_ARGUMENTS: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,  # at most 256 levels, and 10 MB of text in one place
    "remove_comments": True,
    "remove_pis": True,
    "remove_blank_text": True,
    "collect_ids": False,
}


class Kind(NamedTuple):
    """A kind of batch."""

    root: str  # name of its first element
    message: str  # name of the element that is one report
    namespace: str
    has_doctype: bool  # whether its files usually carry a plain one, which is then skipped


class Head(NamedTuple):
    """How a file begins: all that parsing its messages needs."""

    encoding: str
    prefix: bytes  # of its namespace, with the colon
    declared: bytes  # the other namespaces
    newline: bytes


class Message(NamedTuple):
    """The bytes of one message, not yet parsed."""

    line: int  # of the file, where it begins
    content: bytes


class Outside(NamedTuple):
    """What stands in a file beside its messages: the header and trailer of the batch."""

    line: int
    content: bytes


class Broken(NamedTuple):
    """A part of a file that is no message."""

    line: int
    code: str
    reason: str
    content: bytes  # its beginning
    n_bytes: int


_REMEDIES = {
    "bad_encoding": "send UTF-8",
    "doctype": "send the message without a document type declaration",
    "wrong_root": "name the format that the file has",
    "bad_xml": "send well-formed XML",
    "cut_off": "fetch it again, or have it sent again",
    "too_long": f"send messages of at most {N_BYTES_MESSAGE_MAX:,} bytes, documents by themselves",
    "too_many_elements": "have the sender look into it: no report is that large",
    "no_message": "leave the file out if no report was sent",
}


def refuse(code: str, reason: str) -> Refused:
    """Make a refusal with the remedy that goes with its code."""
    return Refused(code, reason, _REMEDIES[code])


def remedy(code: str) -> str:
    """Return what to do about a broken part."""
    return _REMEDIES[code]


class _Window:
    """The part of a stream that is in memory, from `at` on."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.data, self.at = b"", 0
        self.line = 1
        self.newline = b"\n"

    def __len__(self) -> int:
        return len(self.data) - self.at

    def more(self) -> bool:
        """Read on, as much again as is held; False at the end."""
        chunk = self._stream.read(max(_N_BYTES_CHUNK, len(self)))
        self.data, self.at = self.data[self.at :] + chunk, 0
        return bool(chunk)

    def take(self, n_bytes: int) -> bytes:
        """Take bytes from the front, and count their lines."""
        taken = self.data[self.at : self.at + n_bytes]
        self.line += taken.count(self.newline)
        self.at += len(taken)
        return taken


def read_head(window: _Window, kind: Kind) -> Head:
    """Read a file as far as its first tag.

    Raises
    ------
    Refused
        If it is of another type or encoding, or declares a document type.
    """
    window.more()
    data = window.data[:_N_BYTES_HEAD_MAX]
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:64]:
        raise refuse("bad_encoding", "is UTF-16, or binary")
    window.newline = b"\n" if b"\n" in data else b"\r"
    at = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    declaration = _DECLARATION.match(data, at)
    encoding = _encoding(declaration[1] if declaration else b"")
    at = _skip(data, at, kind)
    first = _FIRST_TAG.match(data, at)
    if first is None or first[2].decode() != kind.root:
        raise refuse("wrong_root", _other_root(data[at:], kind))
    head = _head(first, encoding, window.newline, kind)
    window.take(first.end())
    return head


def _encoding(declaration: bytes) -> str:
    stated = _ENCODING.search(declaration)
    encoding = stated[1].decode() if stated else "utf-8"
    if not _ENCODINGS.fullmatch(encoding):
        raise refuse("bad_encoding", f"states encoding {encoding}")
    return encoding


def _skip(data: bytes, at: int, kind: Kind) -> int:
    """Return where the first tag begins."""
    while True:
        if skipped := _SKIPPED.match(data, at):
            at = skipped.end()
        elif data.startswith(b"<!DOCTYPE", at):
            doctype = _DOCTYPE.match(data, at) if kind.has_doctype else None
            if doctype is None:
                raise refuse("doctype", "declares a document type")
            at = doctype.end()
        else:
            return at


def _other_root(data: bytes, kind: Kind) -> str:
    if not data.strip():
        return "holds no element"
    name = re.match(rb"<([\w.:\-]{1,60})", data)
    found = f"begins with <{name[1].decode('latin-1')}>" if name else "is not XML"
    return f"{found}, and a batch begins with <{kind.root}>"


def _head(first: re.Match[bytes], encoding: str, newline: bytes, kind: Kind) -> Head:
    prefix, declared, namespace = first[1], b"", b""
    for match in _NAMESPACE.finditer(first[3]):
        name, uri = match[1] or b"", match[2] or match[3] or b""
        if name == prefix[:-1]:
            namespace = uri
        if name:
            declared += match[0]
    if namespace.decode("latin-1") != kind.namespace:
        raise refuse(
            "wrong_root", f"has <{kind.root}> of another namespace than {kind.namespace!r}"
        )
    return Head(encoding, prefix, declared, newline)


def split(stream: BinaryIO, kind: Kind) -> Iterator[Head | Message | Outside | Broken]:
    """Cut a batch into its messages.

    Parameters
    ----------
    stream : BinaryIO
        Open for reading.
    kind : Kind
        What the file should hold.

    Yields
    ------
    Head, Message, Outside or Broken
        The head first, then every message and broken part in the order of the file, what
        stands outside messages last. A file of another type yields a `Broken` and no head.
    """
    window = _Window(stream)
    try:
        head = read_head(window, kind)
    except Refused as error:
        yield Broken(1, error.code, error.reason, window.data[:N_BYTES_KEPT], _rest(window))
        return
    yield head
    yield from _Splitter(window, head, kind).parts()


def _rest(window: _Window) -> int:
    """Read to the end; return the bytes that were left."""
    n_bytes = len(window.take(len(window)))
    while window.more():
        n_bytes += len(window.take(len(window)))
    return n_bytes


class _Splitter:
    """Finds where messages begin and end, outside comments and character data."""

    def __init__(self, window: _Window, head: Head, kind: Kind) -> None:
        self._window = window
        name = re.escape(head.prefix + kind.message.encode())
        root = re.escape(head.prefix + kind.root.encode())
        after = rb"(?=[\s/>])"
        self._stop = re.compile(
            rb"<(?:(!--)|(!\[CDATA\[)|(\?)|(" + name + after + rb")|(/" + root + rb"\s*>))"
        )
        self._opening = b"<" + head.prefix + kind.message.encode()
        self._closing = b"</" + head.prefix + kind.message.encode()
        self._whole = re.compile(rb"<" + name + _ATTRIBUTES + rb"\s*/>")
        self._start = re.compile(rb"<" + name + after)
        self._end = re.compile(rb"</" + name + rb"\s*>")
        self._n_kept = len(name) + 64  # of a window, in which a tag may have been cut
        self._outside: list[bytes] = []
        self._n_outside = 0
        self._outside_line = window.line
        self._is_closed = False
        self._is_cut = False  # in a message, which then is refused as such

    def parts(self) -> Iterator[Message | Outside | Broken]:
        """Yield every message and broken part, and what stands outside."""
        while self._to_next():
            yield self._message()
        window = self._window
        if self._is_closed:
            yield from self._after_the_end()
        else:
            self._keep(window.take(len(window)))
        outside = b"".join(self._outside)
        if self._is_cut:
            return
        if not self._is_closed:
            reason = "the file ends before its last tag"
            yield Broken(window.line, "cut_off", reason, outside[-N_BYTES_KEPT:], len(outside))
        elif self._n_outside > _N_BYTES_OUTSIDE_MAX:
            reason = f"{self._n_outside:,} bytes stand outside its messages"
            kept = outside[:N_BYTES_KEPT]
            yield Broken(self._outside_line, "too_long", reason, kept, self._n_outside)
        else:
            yield Outside(self._outside_line, outside)

    def _keep(self, content: bytes) -> None:
        self._n_outside += len(content)
        if self._n_outside <= _N_BYTES_OUTSIDE_MAX:
            self._outside.append(content)

    def _to_next(self) -> bool:
        """Move the window to the next message; False if there is none."""
        window = self._window
        while True:
            found = self._stop.search(window.data, window.at)
            if found is None:
                self._keep(window.take(max(0, len(window) - self._n_kept)))
                if not window.more():
                    return False
                continue
            self._keep(window.take(found.start() - window.at))
            if found[4]:
                return True
            if found[5]:
                self._is_closed = True
                window.take(found.end() - window.at)
                return False
            if not self._pass_over(found):
                return False

    def _pass_over(self, found: re.Match[bytes]) -> bool:
        """Move past a comment, character data or an instruction outside messages."""
        window = self._window
        ending = b"-->" if found[1] else b"]]>" if found[2] else b"?>"
        self._keep(window.take(found.end() - window.at))
        while (at := window.data.find(ending, window.at)) < 0:
            self._keep(window.take(max(0, len(window) - len(ending))))
            if not window.more():
                return False
        self._keep(window.take(at + len(ending) - window.at))
        return True

    def _after_the_end(self) -> Iterator[Broken]:
        """Refuse what follows the last tag, comments apart."""
        window = self._window
        window.more()
        line, data, at = window.line, window.data, window.at
        while skipped := _SKIPPED.match(data, at):
            at = skipped.end()
        kept, n_bytes = data[at : at + N_BYTES_KEPT], _rest(window) - at
        if kept:
            yield Broken(line, "bad_xml", "something follows the last tag", kept, n_bytes)

    def _message(self) -> Message | Broken:
        """Take the message that begins the window."""
        window, line, n_searched = self._window, self._window.line, 0
        while True:
            end = self._end_from(n_searched)
            if end is not None:
                return self._cut(line, end)
            n_searched = max(0, len(window) - self._n_kept)
            if len(window) > N_BYTES_MESSAGE_MAX:
                return self._too_long(line)
            if not window.more():
                self._is_cut = True
                return self._cut_off(line, len(window))

    def _end_from(self, n_searched: int) -> int | None:
        """Return how long the message is; None if its end is not in the window."""
        window = self._window
        whole = self._whole.match(window.data, window.at)
        if whole:
            return whole.end() - window.at
        at = window.data.find(self._closing, window.at + n_searched)
        while at >= 0:
            found = self._end.match(window.data, at)
            if found and not self._is_hidden(at):
                return found.end() - window.at
            at = window.data.find(self._closing, at + 1)
        return None

    def _cut(self, line: int, n_bytes: int) -> Message | Broken:
        window = self._window
        if n_bytes > N_BYTES_MESSAGE_MAX:
            return _too_long(line, window.take(n_bytes), n_bytes)
        end = window.at + n_bytes
        at = window.data.find(self._opening, window.at + 1, end)
        while at >= 0:
            if self._start.match(window.data, at) and not self._is_hidden(at):
                return self._cut_off(line, at - window.at)
            at = window.data.find(self._opening, at + 1, end)
        return Message(line, window.take(n_bytes))

    def _cut_off(self, line: int, n_bytes: int) -> Broken:
        content = self._window.take(n_bytes)
        reason = "the message ends before its last tag"
        return Broken(line, "cut_off", reason, content[:N_BYTES_KEPT], n_bytes)

    def _is_hidden(self, at: int) -> bool:
        """Whether a place lies in a comment, character data or an instruction."""
        data, begin = self._window.data, self._window.at
        for opening, ending, rare in _HIDING:
            if data.find(rare, begin, at) < 0 or data.find(opening, begin, at) < 0:
                continue  # in half the time: the search from the end is slow
            opens = data.rfind(opening, begin, at)
            if opens >= 0 and data.find(ending, opens, at) < 0:
                return self._is_hidden_for_sure(at)
        return False

    def _is_hidden_for_sure(self, at: int) -> bool:
        """Read from the beginning of the message: an opening may itself be hidden."""
        data, here = self._window.data, self._window.at
        while (found := _OPENING.search(data, here, at)) is not None:
            ending = _ENDINGS[found[0]]
            closes = data.find(ending, found.end())
            if closes < 0 or closes >= at:
                return True
            here = closes + len(ending)
        return False

    def _too_long(self, line: int) -> Broken:
        window = self._window
        kept = window.data[window.at : window.at + N_BYTES_KEPT]
        n_bytes = 0
        while (found := self._end.search(window.data, window.at)) is None:
            n_bytes += len(window.take(max(0, len(window) - self._n_kept)))
            if not window.more():
                return _too_long(line, kept, n_bytes + len(window.take(len(window))))
        n_bytes += len(window.take(found.end() - window.at))
        return _too_long(line, kept, n_bytes)


def _too_long(line: int, content: bytes, n_bytes: int) -> Broken:
    return Broken(
        line, "too_long", f"the message has {n_bytes:,} bytes", content[:N_BYTES_KEPT], n_bytes
    )


_parser = etree.XMLParser(**_PARSER_ARGUMENTS)


def parse(head: Head, part: Message | Outside) -> Element:
    """Parse a message by itself.

    Parameters
    ----------
    head : Head
        Of its file.
    part : Message or Outside
        The bytes.

    Returns
    -------
    Element
        What the part stands in: its children have names without a namespace.

    Raises
    ------
    Refused
        If it is not well-formed, or has more elements, attributes or levels than any report.
    """
    content = part.content
    _require_size(content)
    whole = b"".join(
        (b'<?xml version="1.0" encoding="', head.encoding.encode(), b'"?><batch', head.declared,
         b">", content, b"</batch>")
    )  # fmt: skip
    try:
        tree = etree.fromstring(whole, _parser)
    except (etree.XMLSyntaxError, LookupError, ValueError) as error:
        raise refuse("bad_xml", _fault(error, part.line)) from None
    if head.prefix or b"xmlns" in content:
        _strip_namespaces(tree)
    return tree


def _require_size(content: bytes) -> None:
    n_markup = content.count(b"<")
    if n_markup > _N_MARKUP_MAX:
        raise refuse("too_many_elements", f"the message has {n_markup:,} tags")
    n_attributes = content.count(b"=")  # at most: texts have it too
    if n_attributes > (most := 16 * n_markup + _N_ATTRIBUTES_FREE):
        n_attributes = content.count(b'="') + content.count(b"='")
    if n_attributes > most:
        raise refuse("too_many_elements", f"the message has {n_attributes:,} attributes")


def _fault(error: Exception, line: int) -> str:
    text = " ".join(str(error).split())
    text = re.sub(r",? line \d+, column \d+( \(.*\))?$", "", text)[:200]
    within = (getattr(error, "lineno", None) or 1) - 1
    return f"line {line + within}: {text or 'not well-formed'}"


def _strip_namespaces(tree: Element) -> None:
    for element in tree.iter():
        tag = element.tag
        if isinstance(tag, str) and tag.startswith("{"):
            element.tag = tag.rpartition("}")[2]
