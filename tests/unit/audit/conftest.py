"""How long hypothesis looks: a moment while editing, longer with HYPOTHESIS_PROFILE=thorough."""

import os

from hypothesis import HealthCheck, settings

_QUIET = [HealthCheck.too_slow]
settings.register_profile(
    "quick", max_examples=18, stateful_step_count=28, deadline=None, suppress_health_check=_QUIET,
    database=None, derandomize=True,
)  # fmt: skip
settings.register_profile(
    "thorough", max_examples=400, stateful_step_count=60, deadline=None, suppress_health_check=_QUIET,
    database=None,
)  # fmt: skip
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
