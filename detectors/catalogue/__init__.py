"""Every detector by name, with what its reader has to know before believing it.

The contract suite runs over this dictionary: a detector that is not here is not tested, and a
module that is not here fails the suite.
"""

from types import MappingProxyType

from detectors.catalogue.description import Call, Description, OfTable, Watch
from detectors.catalogue.effects import EFFECTS
from detectors.catalogue.evidence import EVIDENCE
from detectors.catalogue.populations import POPULATIONS
from detectors.catalogue.reports import REPORTS
from detectors.catalogue.sequences import SEQUENCES

__all__ = ["CATALOGUE", "Call", "Description", "OfTable", "Watch"]

CATALOGUE = MappingProxyType({**REPORTS, **SEQUENCES, **EVIDENCE, **POPULATIONS, **EFFECTS})
