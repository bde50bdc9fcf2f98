"""What the pipeline said, projected into SQLite or PostgreSQL for people."""

from surveillance.register.writer import Register

__all__ = ["Register"]
