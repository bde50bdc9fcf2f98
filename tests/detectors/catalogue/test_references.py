"""What names refer to, in texts that are written for one case each."""

import pytest

from detectors.catalogue.references import References, reached

PACKAGE = {
    "p": "from p.parts import one\n__all__ = ['one']",
    "p.parts": "def one(): return two()\ndef two(): ...\nclass Three:\n    f = lambda self: two()",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from p import one\ndef f(): return one()", {"p.parts.one"}),
        ("from p.parts import one as other\ndef f(): return other()", {"p.parts.one"}),
        ("import p\ndef f(): return p.one()", {"p.parts.one"}),
        ("import p.parts\ndef f(): return p.parts.two()", {"p.parts.two"}),
        ("import p.parts as q\ndef f(): return q.two()", {"p.parts.two"}),
        ("from p import parts\ndef f(): return parts.Three().f()", {"p.parts.Three"}),
        ("from p import parts\ndef f(): return run(parts)", {"p.parts"}),
        ("def f():\n    from p.parts import two\n    return two()", {"p.parts.two"}),
        ("from p import one\ndef f(x=one): return x", {"p.parts.one"}),
        ("from p import one\n@one\ndef f(): ...", {"p.parts.one"}),
        ("from p.parts import Three\ndef f(x: Three) -> None: ...", {"p.parts.Three"}),
        ("from p import one\nclass f:\n    def g(self): return one()", {"p.parts.one"}),
        (
            "from p import one\nclass f:\n    one: int\n    def g(self): return one()",
            {"p.parts.one"},
        ),
        ("from p import one\nf = lambda: one()", {"p.parts.one"}),
        ("from p import one\nf = {'a': [one]}", {"p.parts.one"}),
        ("from p import one\nf: object = one", {"p.parts.one"}),
        ("from p import one\nasync def f():\n    async with one() as x: ...", {"p.parts.one"}),
        ("from p import one\ndef f():\n    def g(): return one()\n    return g", {"p.parts.one"}),
        ("if True:\n    from p import one\ndef f(): return one()", {"p.parts.one"}),
        ("from p import one\ndef g(): return one()\ndef f(): return g()", {"q.g"}),
        ("import numpy\ndef f(): return numpy.one()", set()),
    ],
)
def test_a_name_refers_to_what_its_text_names(text: str, expected: set[str]) -> None:
    assert References(PACKAGE | {"q": text})["q.f"] == expected


@pytest.mark.parametrize(
    "text",
    [
        "def f(one): return one()",
        "def f(*, one=None): return one()",
        "def f():\n    one = len\n    return one()",
        "def f(): return [one for one in ()]",
        "def f():\n    for one in (): print(one)",
        "def f(x):\n    match x:\n        case [one, *_]: return one",
        "def f():\n    with open('x') as one: return one",
        "def f():\n    try: ...\n    except OSError as one: raise one",
        "def f():\n    def one(): ...\n    return one()",
        "def f():\n    def g(one): return one\n    return g",
        "f = lambda one: one",
        "def f(x): return x.one",
        "def f(): return 'one'",
    ],
)
def test_a_local_name_is_not_taken_for_that_of_the_module(text: str) -> None:
    assert References(PACKAGE | {"q": f"from p import one\n{text}"})["q.f"] == frozenset()


def test_a_module_refers_to_all_it_defines_hands_on_and_runs() -> None:
    found = References(
        PACKAGE | {"q": "from p import one\nfrom p.parts import two\nprint(two)\ng = 1"}
    )

    assert found["p"] == {"p.__all__", "p.parts.one"}
    assert found["q"] == {"q.g", "p.parts.two"}  # `one` is not q's to hand on, and not run


def test_all_that_is_reached_is_found_once_whatever_the_circles() -> None:
    graph = {"a": frozenset("b"), "b": frozenset("ac"), "c": frozenset("c"), "d": frozenset("a")}

    assert reached(graph, ["a"]) == {"a", "b", "c"}
    assert reached(graph, []) == frozenset()


def test_a_name_that_there_is_not_is_a_key_error() -> None:
    with pytest.raises(KeyError, match=r"p\.parts\.nothing"):
        References(PACKAGE)["p.parts.nothing"]


def test_every_name_of_every_module_is_counted() -> None:
    found = References(PACKAGE)

    assert set(found) == {
        "p",
        "p.__all__",
        "p.parts",
        "p.parts.one",
        "p.parts.two",
        "p.parts.Three",
    }
    assert len(found) == 6
