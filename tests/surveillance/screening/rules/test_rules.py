"""One file a criterion: its name is the tag of the criterion's type."""

import pkgutil
from typing import get_args

from surveillance.configuration.types import Criterion
from surveillance.screening import rules

SHARED = {"rule", "family", "limits_by_count", "lower_limit"}  # what the rules stand on


def test_every_criterion_has_a_file_with_its_rule_and_every_file_a_criterion() -> None:
    tags = {str(kind.__struct_config__.tag) for kind in get_args(Criterion)}
    files = {module.name for module in pkgutil.iter_modules(rules.__path__)}

    assert files - SHARED == tags
    assert files >= SHARED
