"""The one canonical form of every name that identifies: products, terms, lots, ids.

What differs in spelling alone is one thing: Unicode composition, white space of any kind,
characters of no width and, for names, letter case. Ids keep their letter case, since a
machine made them and may mean it.

What is counted is counted under a spelling that is a function of the identity alone, so it
depends neither on who sent a name first nor on the order of arrival: terms in sentence case,
as MedDRA writes its preferred terms, with the words that keep their capitals given as data;
everything else in upper case. The raw spelling stays in the record.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_N_CACHED = 65_536
_OF_TERMS = ("pt", "hlt", "hlgt", "soc", "smq_narrow", "smq_broad")  # levels of events, by name
_WORD = r"[^\W_]+(?:['\u2019][^\W_]+)*"
# Shown by nothing, and yet neither control (Cc) nor format (Cf) characters: the joiner of
# graphemes, fillers, selectors of variants, the blank of Braille.
_OTHER_INVISIBLE = frozenset(
    map(
        chr,
        (
            0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800,
            0x3164, 0xFFA0, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0),
        ),
    )
)  # fmt: skip


@lru_cache(maxsize=_N_CACHED)
def clean(name: str) -> str:
    r"""Return a name in NFC, with single spaces, without what is not seen.

    Ids are compared in this form.

    Parameters
    ----------
    name : str
        As it was received.

    Returns
    -------
    str
        Empty if there was nothing to see.

    Examples
    --------
    >>> clean("  B1\u00a0")
    'B1'
    >>> clean("Febrile \t convulsion\u200b")
    'Febrile convulsion'
    """
    if name.isascii() and name.isprintable():
        return " ".join(name.split())
    seen = "".join(c for c in unicodedata.normalize("NFD", name) if _is_seen(c))
    return " ".join(unicodedata.normalize("NFC", seen).split())


def _is_seen(character: str) -> bool:
    if character.isspace():
        return True
    is_hidden = unicodedata.category(character) in {"Cc", "Cf"}
    return not is_hidden and character not in _OTHER_INVISIBLE


@lru_cache(maxsize=_N_CACHED)
def identity(name: str) -> str:
    """Return what two spellings of one name have in common: `clean`, without letter case.

    Parameters
    ----------
    name : str
        As it was received.

    Returns
    -------
    str
        Equal for equal names, and its own identity.

    Examples
    --------
    >>> identity(" ROTAVIRUS  (RotaShield)")
    'rotavirus (rotashield)'
    """
    # By way of upper case, so that what is one name in upper case is one name here too.
    return _folded(_folded(clean(name)))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.upper().casefold())


def is_blank(name: str) -> bool:
    """Return whether a name holds nothing that can be seen."""
    return not clean(name)


def upper(name: str) -> str:
    """Return the spelling in upper case: of products and everything they belong to.

    Parameters
    ----------
    name : str
        As it was received.

    Returns
    -------
    str
        Equal for equal names.

    Examples
    --------
    >>> upper("el0261 ")
    'EL0261'
    """
    return unicodedata.normalize("NFC", identity(name).upper())


class Spelling:
    """Gives names the spelling under which they are counted.

    Parameters
    ----------
    no_lot : iterable of str
        Words that stand where no lot was known: ``Unknown``, ``N/A``.
    capitals : iterable of str
        Words and phrases that keep their letter case inside a term: ``Guillain``, ``HIV``,
        ``B e antigen``.
    """

    def __init__(self, *, no_lot: Iterable[str] = (), capitals: Iterable[str] = ()) -> None:
        self._no_lot = frozenset(identity(word) for word in no_lot)
        self._capitals = {identity(word): clean(word) for word in capitals}
        phrases = sorted((word for word in self._capitals if " " in word), key=len, reverse=True)
        found = "|".join([*(rf"\b{re.escape(phrase)}\b" for phrase in phrases), _WORD])
        self._words = re.compile(found)

    def term(self, name: str) -> str:
        """Return the spelling of a preferred term; empty for a blank one.

        Examples
        --------
        >>> Spelling(capitals=["Barre", "Guillain"]).term("GUILLAIN-BARRE SYNDROME")
        'Guillain-Barre syndrome'
        """
        folded = identity(name)
        spelled = self._words.sub(self._word, folded)
        first = self._words.match(folded)
        if first is not None and first[0] in self._capitals:  # it may begin small, as "pH" does
            return spelled
        return unicodedata.normalize("NFC", spelled[:1].upper() + spelled[1:])

    def _word(self, found: re.Match[str]) -> str:
        word = found[0]
        return self._capitals.get(word, word)

    def lot(self, name: str) -> str:
        """Return the spelling of a lot; empty if it is blank or stands for "no lot".

        Examples
        --------
        >>> Spelling(no_lot=["Unknown"]).lot("UNKNOWN ")
        ''
        """
        return "" if identity(name) in self._no_lot else upper(name)

    def key(self, given: str) -> str:
        """Return a key, ``level:name``, with its name spelled as it is counted.

        Parameters
        ----------
        given : str
            A key as a person wrote it. What is no key of a name, ``*`` or the key of a group,
            is returned as it is.

        Examples
        --------
        >>> Spelling().key("product:RotaShield"), Spelling().key("pt:PYREXIA")
        ('product:ROTASHIELD', 'pt:Pyrexia')
        """
        level, separator, name = given.partition(":")
        if not separator or level == "group":
            return given
        spelled = self.term(name) if level in _OF_TERMS else upper(name)
        return f"{level}:{spelled}"
