"""The command that acknowledges E2B(R3) batches."""

from pathlib import Path

import pytest

from surveillance.cli import main

INVENTED = Path(__file__).parents[1] / "intake/files/invented_e2b_r3.xml"


def ended(*arguments: str) -> int:
    """Return the exit code of a command."""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    assert isinstance(end.value.code, int)
    return end.value.code


def test_each_batch_of_a_folder_is_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent, out = tmp_path / "sent", tmp_path / "out"
    sent.mkdir()
    content = INVENTED.read_bytes()
    (sent / "a.xml").write_bytes(content)
    (sent / "b.xml").write_bytes(content.replace(b"ZZFDA", b"ELSEWHERE"))

    code = ended("ack", str(sent), "--out", str(out))

    assert code == 3  # one is rejected
    assert "1 AA, 1 AE, 0 AR; 1 messages accepted (CA), 1 rejected (CR)" in capsys.readouterr().out
    assert [path.name for path in sorted(out.iterdir())] == ["a.xml.ack", "b.xml.ack"]
    assert b'typeCode="AA"' in (out / "b.xml.ack").read_bytes()
    assert ended("ack", str(sent), "--out", str(out)) == 2  # they are there already


def test_a_file_that_is_no_batch_costs_none_of_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent, out = tmp_path / "sent", tmp_path / "out"
    sent.mkdir()
    (sent / "a.xml").write_bytes(b"<html/>")
    (sent / "b.xml").write_bytes(INVENTED.read_bytes().replace(b"ZZFDA", b"ELSEWHERE"))

    assert ended("ack", str(sent), "--out", str(out)) == 3
    assert "not answered: " in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["b.xml.ack"]
    assert ended("ack", str(sent / "a.xml"), "--out", str(out)) == 2  # and nothing to go on with
