"""The interface for programs: the same answers as the pages and the commands, as JSON."""
