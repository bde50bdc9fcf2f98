"""From the names of active ingredients to the substances that are counted.

A user's dictionary wins over the rules, the rules over the name as it stands: salts, esters
and hydrates are left out, and several names of one substance are brought together. All of
it is configuration. The names in the record stay as they were sent.
"""

from __future__ import annotations

import hashlib

from surveillance.configuration.types import Substances
from surveillance.domain.case import Product
from surveillance.domain.names import identity, upper

COMBINED = " + "  # between the substances of a combination
_N_CHARACTERS_COMBINED = 500


class SubstanceNames:
    """Gives a product the substances it is counted under.

    Parameters
    ----------
    rules : Substances
        Salts, names of the same substance, and the user's dictionary.
    """

    def __init__(self, rules: Substances) -> None:
        self._salts = frozenset(upper(word) for word in rules.salts)
        self._leading = frozenset(upper(word) for word in rules.leading)
        self._whole = frozenset(upper(name) for name in rules.whole)
        self._same = {upper(name): upper(other) for name, other in rules.same.items()}
        self._dictionary = {
            identity(reported): tuple(upper(one) for one in substance.split(COMBINED))
            for reported, substance in rules.dictionary.items()
        }

    def of(self, product: Product) -> list[str]:
        """Return the substances of a product, each once; none where no rule knows any.

        The dictionary may list the product, or one of the names that the record gives to its
        substances.
        """
        found = self._dictionary.get(identity(product.product))
        if found is None:
            found = tuple(one for name in product.substances for one in self._substances(name))
        return sorted({name for name in found if name})

    def _substances(self, name: str) -> tuple[str, ...]:
        listed = self._dictionary.get(identity(name))
        return (self.base(name),) if listed is None else listed

    def base(self, name: str) -> str:
        """Return the name of a substance without salt, ester or hydrate.

        Examples
        --------
        >>> rules = Substances(salts=("SODIUM", "CHLORIDE", "HYDRATE"), leading=("SODIUM",))
        >>> names = SubstanceNames(rules)
        >>> [names.base(name) for name in ("Naproxen sodium hydrate", "Sodium chloride")]
        ['NAPROXEN', 'SODIUM CHLORIDE']
        """
        spelled = upper(name)
        if spelled in self._same:
            return self._same[spelled]
        words = self._without_salts(spelled)
        base = " ".join(words) if words else spelled
        return self._same.get(base, base)

    def _without_salts(self, spelled: str) -> list[str]:
        """Leave words out until nothing changes; nothing is left of a name of salts alone."""
        words = spelled.split()
        while words and words[-1].strip(",") in self._salts and " ".join(words) not in self._whole:
            words.pop()
        while words and words[0] in self._leading and " ".join(words) not in self._whole:
            words.pop(0)
        return words


def with_combination(substances: list[str]) -> list[str]:
    """Return each substance, and the combination of several under one name.

    Parameters
    ----------
    substances : list of str
        Sorted, each once.
    """
    if len(substances) < 2:  # noqa: PLR2004 - it takes two
        return substances
    combination = COMBINED.join(substances)
    if len(combination) > _N_CHARACTERS_COMBINED:  # a key stays a line, and still names one set
        short = hashlib.sha256(combination.encode()).hexdigest()[:12]
        combination = f"{combination[:200]}… ({len(substances)} substances, {short})"
    return [*substances, combination]
