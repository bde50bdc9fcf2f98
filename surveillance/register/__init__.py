"""What the pipeline said, projected into SQLite or PostgreSQL for people."""

from surveillance.register.register import Register

__all__ = ["Register"]
