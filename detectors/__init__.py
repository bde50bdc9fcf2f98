"""Statistics of safety surveillance: pure functions of counts, no clock, no store, no stream.

Two families so far. `disproportionality` holds measures of a 2x2 table; `sequential` holds tests
that look again and again at one pair. `catalogue` describes each of them.
"""
