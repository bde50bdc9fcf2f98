"""Measures of disproportionate reporting: one module a measure, none imports another."""
