from surveillance.log.cells import Cells, nothing_stored


def test_what_changed_hides_what_is_stored_until_it_is_handed_over() -> None:
    stored = {b"a": b"1", b"b": b"2"}
    cells = Cells(stored.get)
    cells.set(b"a", b"9")
    cells.set(b"c", b"")

    assert [cells.get(key) for key in (b"a", b"b", b"c", b"d")] == [b"9", b"2", b"", None]
    assert cells.drain() == {b"a": b"9", b"c": b""}
    assert cells.get(b"a") == b"1"
    assert cells.drain() == {}


def test_an_embedded_run_has_nothing_stored() -> None:
    assert Cells(nothing_stored).get(b"a") is None
