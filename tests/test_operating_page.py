"""The page on how often criteria err says what the program computes."""

from pathlib import Path

from bench.operating import page

PAGE = Path(__file__).parents[1] / "docs/validation/operating.md"


def test_the_page_is_what_the_command_writes() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


def test_no_criterion_but_the_mid_p_errs_more_often_than_it_says() -> None:
    false = [
        (cells[0], max(float(cell) for cell in cells[2:] if not cell.startswith("<")))
        for line in page().splitlines()
        if line.startswith("|")
        and (cells := [cell.strip() for cell in line.split("|")[1:-1]])[1] == "1"
    ]

    beyond = {name for name, worst in false if worst > 5}
    assert beyond == {"exact mid-p <= 0.05"}
