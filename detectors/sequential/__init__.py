"""Tests that look repeatedly: `init(design)` makes a state, `step(state, observation)` a look."""
