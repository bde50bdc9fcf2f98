"""Comparisons and rules for one to thirty patients, each with its assumptions."""
