"""Features that are statistics: when, since when, and from whom the reports of a pair came.

Each takes counts of a pair's reports along one axis: days to onset, calendar periods, or sources.
They order the pairs that a person looks at; none of them is a measure of disproportionality.
"""
