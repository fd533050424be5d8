"""The whole API in one list, and its documents."""

from pathlib import Path

from rich.console import Console

from handlers import clinic_http, operations_http, queue_http, tokens_http
from queue_display import wire
from server.schema import PushChannel, asyncapi, dump, openapi

ROUTES = (*queue_http.routes, *clinic_http.routes, *tokens_http.routes, *operations_http.routes)

CHANNELS = (
    PushChannel(
        name="queue",
        address="queue:{line}",
        summary="The board of one line: ticket numbers, no names. Anonymous. Every publication is whole.",
        payload=wire.Board,
        parameters={"line": "id of the line, as in GET /v1/lines"},
    ),
    PushChannel(
        name="screen",
        address="screen:{screen}",
        summary="One line's part on a clinic screen, names masked. Needs that screen's token, or staff's.",
        payload=wire.ScreenPart,
        parameters={"screen": "id of the screen"},
    ),
)


def documents() -> dict[str, bytes]:
    """The API documents as they are served and committed, by file name."""
    return {"openapi.json": dump(openapi(ROUTES)), "asyncapi.json": dump(asyncapi(CHANNELS))}


def write_documents(folder: Path, *, check: bool) -> int:
    """Write the documents, or compare them with what is there. Answers an exit status."""
    drifted = []
    for name, wanted in documents().items():
        file = folder / name
        if check:
            if not file.exists() or file.read_bytes() != wanted:
                drifted.append(name)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_bytes(wanted)
    if drifted:
        Console(stderr=True).print(
            f"docs/api differs from the code: {', '.join(drifted)}. Run: run.py schema", style="red"
        )
        return 1
    return 0
