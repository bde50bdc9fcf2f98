"""Every detector by name, with what its reader has to know before believing it.

The contract suite tries each of them. It also walks the package: a public function or class that
no other module uses, or that a package exports, belongs to a detector; where no description here
names it, or where it is a measure of a table or a test look by look that is not tried, the suite
fails. `users` finds in the source text of a product which of its parts use each detector.
"""

from types import MappingProxyType

from detectors.catalogue.description import Call, Description, OfTable, Watch
from detectors.catalogue.effects import EFFECTS
from detectors.catalogue.evidence import EVIDENCE
from detectors.catalogue.populations import POPULATIONS
from detectors.catalogue.reports import REPORTS
from detectors.catalogue.sequences import SEQUENCES
from detectors.catalogue.users import users

__all__ = ["CATALOGUE", "Call", "Description", "OfTable", "Watch", "users"]

CATALOGUE = MappingProxyType({**REPORTS, **SEQUENCES, **EVIDENCE, **POPULATIONS, **EFFECTS})
