"""What the pipeline emitted, projected into SQLite or PostgreSQL for people."""

from surveillance.register.case_index import CaseIndex  # its tables are created with the others
from surveillance.register.outcome_index import OutcomeIndex  # as are these
from surveillance.register.writer import Register

__all__ = ["CaseIndex", "OutcomeIndex", "Register"]
