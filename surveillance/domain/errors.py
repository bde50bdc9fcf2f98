"""The errors, by whose fault they are.

::

    LongwatchError
    ├── Refused            the sender's fault: data; kept with its reason, work goes on
    ├── Misused            the user's fault: a command, a file or a configuration; exit 2
    │   ├── Misconfigured  a configuration that is invalid, or missing here
    │   └── Away           a server that does not answer now, and may do so later
    └── Defect             ours, or the log's: the worker stops (exit 70)
        └── Gap            messages are missing from a log that promises to keep them all
"""

from __future__ import annotations


class LongwatchError(Exception):
    """The root of the tree; never raised directly."""


class Refused(LongwatchError):  # noqa: N818 - it is a disposition, named as the field names it
    """A record that cannot be used, with all that its sender needs to fix it.

    Parameters
    ----------
    code : str
        One of a bounded set: a metric label and a column to group by.
    reason : str
        What is wrong, with the place inside the record.
    remedy : str
        What the sender should do.
    """

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.code, self.reason, self.remedy = code, reason, remedy


class Misused(LongwatchError):  # noqa: N818 - as above
    """A command that cannot run as given.

    Parameters
    ----------
    place : str
        The file, option or address at fault.
    reason : str
        What is wrong.
    remedy : str
        What to do about it.
    """

    def __init__(self, place: str, reason: str, remedy: str) -> None:
        super().__init__(f"{place}: {reason}; {remedy}")
        self.place, self.reason, self.remedy = place, reason, remedy


class Misconfigured(Misused):
    """A configuration that is invalid, or that the log requires and is missing."""


class Away(Misused):
    """A server that does not answer: a mistake at start, an outage afterwards."""


class Defect(LongwatchError):  # noqa: N818 - as above
    """Something that should be impossible: stop, and let a person look."""


class Gap(Defect):
    """Messages are missing from a log that promises to keep them all."""
