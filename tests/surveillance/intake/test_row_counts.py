from surveillance.intake.row_counts import RowCounts


def test_a_tally_balances_only_if_every_row_ends_somewhere() -> None:
    tally = RowCounts()
    counts = tally.of("a.ndjson")
    counts.n_read = 4
    counts.n_used = counts.n_repeated = 1
    counts.refused["not_json"] = 1

    assert not tally.is_balanced

    counts.refused["too_long"] = 1

    assert tally.is_balanced
    assert tally.of("a.ndjson") is counts


def test_the_table_names_every_count_of_every_file_in_order() -> None:
    tally = RowCounts()
    tally.of("b").refused.update(["too_long", "not_json", "too_long"])
    tally.of("a").n_blank = 2

    table = tally.table()

    assert [row["file"] for row in table] == ["b", "a"]
    assert table[0]["n_refused"] == 3
    assert table[0]["refused"] == {"not_json": 1, "too_long": 2}
    assert table[1]["n_blank"] == 2
