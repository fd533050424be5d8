"""The published vectors (``tests/vectors``), by name."""

import json
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parents[2] / "vectors" / "wechat_alipay.json"


def vector(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Input and expected values of a vector; a ``…_ref`` is followed."""
    every = json.loads(_FILE.read_text("utf-8"))
    found = next(each for each in every["vectors"] if each["id"] == name)
    given = dict(found["input"])
    for key, value in found["input"].items():
        if key.endswith("_ref"):
            given[key.removesuffix("_ref")] = every["keys"][value.removeprefix("keys.")]
    return given, found["expected"]
