"""Messages of E2B(R3) that several tests send."""

from pathlib import Path

from surveillance.intake.e2b_r3 import E2B_R3
from surveillance.intake.format import Read, Unusable
from surveillance.intake.row_counts import RowCounts

FILES = Path(__file__).parent / "files"
INVENTED = FILES / "invented_e2b_r3.xml"


def sent(tmp_path: Path, content: bytes, name: str = "sent.xml") -> list[Read | Unusable]:
    """Read a file of this content, and see that every part of it is accounted for."""
    path = tmp_path / name
    path.write_bytes(content)
    tally = RowCounts()
    items = list(E2B_R3.read(path, tally=tally))
    assert tally.is_balanced
    assert sum(each.n_read for each in tally.files.values()) == len(items)
    return items


def pieces() -> tuple[bytes, bytes, bytes]:
    """Return the invented file as what stands before its message, the message, and the rest."""
    whole = INVENTED.read_bytes()
    begin = whole.index(b"\n<PORR_IN049016UV>") + 1
    end = whole.index(b"\n</PORR_IN049016UV>") + len(b"\n</PORR_IN049016UV>")
    return whole[:begin], whole[begin:end], whole[end:]


def numbered(n: int) -> bytes:
    """Return the invented message under another id."""
    return pieces()[1].replace(b"DE-INVENTED-WORLD-1", b"DE-INVENTED-WORLD-%d" % n)
