"""Simulated case versions and outcomes, with the truth written beside them."""

from surveillance.simulate.generate import case_lines, simulate
from surveillance.simulate.scenario import Scenario
from surveillance.simulate.scenarios import SCENARIOS, national
from surveillance.simulate.truth import Truth

__all__ = ["SCENARIOS", "Scenario", "Truth", "case_lines", "national", "simulate"]
