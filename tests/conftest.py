"""What all tests share: reproducible Hypothesis runs that do not watch the clock."""

from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci")

pytest_plugins = ["looking_at_a_small_run"]  # fixtures of views and of the command line
