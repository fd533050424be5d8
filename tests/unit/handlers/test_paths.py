"""A path finds the routes that trying every pattern in turn would find."""

import re

from hypothesis import given
from hypothesis import strategies as st

from handlers.paths import Paths
from server.api import ROUTES

PATHS = Paths(ROUTES)
PART = re.compile(r"\{\w+\}")
WORDS = sorted({part for route in ROUTES for part in route.path.split("/") if part and "{" not in part})
ANY_PATH = st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=3), st.just("")), max_size=7).map(
    lambda parts: "/" + "/".join(parts)
)


def by_pattern(path: str) -> set[str]:
    """Every path of the table whose pattern fits."""
    return {route.path for route in ROUTES if re.fullmatch(PART.sub("([^/]+)", route.path), path)}


def test_every_route_is_found_with_its_parts() -> None:
    for route in ROUTES:
        path = route.path
        for name in route.parts:
            path = path.replace(f"{{{name}}}", f"{name}-%41", 1)
        found = PATHS.find(path)
        assert found is not None, path
        routes, parts = found
        assert routes[route.method] is route
        assert parts == [f"{name}-%41" for name in route.parts]


@given(ANY_PATH)
def test_any_path_means_what_its_pattern_means(path: str) -> None:
    found, fitting = PATHS.find(path), by_pattern(path)
    assert (found is None) == (not fitting), path
    if found is not None:
        paths = {route.path for route in found[0].values()}
        assert len(paths) == 1
        assert paths <= fitting


def test_a_part_that_is_named_wins() -> None:
    found = PATHS.find("/v1/sessions/end-all")
    assert found is not None
    assert found[1] == []
    assert PATHS.find("/v1/patients/") is None
    assert PATHS.find("v1/patients") is None
    assert PATHS.find("") is None
