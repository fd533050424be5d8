"""The whole API in one list, and the files that are made from it: its documents, and what pages must know."""

from pathlib import Path

from rich.console import Console

from core import limits
from handlers import (
    admin_http,
    audit_http,
    clinic_http,
    consents_http,
    consultations_http,
    files_http,
    health_cards_http,
    im_http,
    me_http,
    moderation_http,
    notices_http,
    operations_http,
    patients_http,
    queue_http,
    records_http,
    replies_http,
    sessions_http,
    sign_in_http,
    staff_http,
    tokens_http,
    wechat_http,
)
from im import wire as im_wire
from queue_display import wire
from server.schema import PushChannel, asyncapi, dump, openapi

ROUTES = (
    *queue_http.routes,
    *clinic_http.routes,
    *sign_in_http.routes,
    *sessions_http.routes,
    *consents_http.routes,
    *patients_http.routes,
    *health_cards_http.routes,
    *im_http.routes,
    *files_http.routes,
    *consultations_http.routes,
    *notices_http.routes,
    *moderation_http.routes,
    *records_http.routes,
    *replies_http.routes,
    *me_http.routes,
    *staff_http.routes,
    *admin_http.routes,
    *audit_http.routes,
    *tokens_http.routes,
    *wechat_http.routes,
    *operations_http.routes,
)

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
    PushChannel(
        name="user",
        address="user:#{user}",
        summary="What concerns one user, given by the server at connect. Apply a message whose seq is next; "
        "pull where one is further ahead; sync when the connection came back without recovery.",
        payload=(
            im_wire.MessageEvent,
            im_wire.PointerEvent,
            im_wire.ReceiptEvent,
            im_wire.ConversationEvent,
            im_wire.TypingEvent,
            im_wire.UnreadableEvent,
        ),
        parameters={"user": "the account's id, or `<role>.<staff number>`"},
    ),
    PushChannel(
        name="room",
        address="room:{conversation}",
        summary="A department's news for whoever follows it. About nobody.",
        payload=im_wire.MessageEvent,
        parameters={"conversation": "id, as `POST /v1/im/follow` answers it"},
    ),
)

PAGE_LIMITS = ("web/shared/server-limits.ts", "web/patient/src/server-limits.ts")
"""Screens and the patient's app are built apart, so each has the file."""


def documents() -> dict[str, bytes]:
    """The API documents as they are served and committed, by file name."""
    return {"openapi.json": dump(openapi(ROUTES)), "asyncapi.json": dump(asyncapi(CHANNELS))}


def page_limits() -> bytes:
    """Bounds that pages must share with the server, as TypeScript."""
    return (
        "/** Bounds that pages share with the server. Written by `run.py schema` from core/limits.py. */\n\n"
        "/** A line of which nothing was heard for longer is shown with its age. */\n"
        f"export const STALE_SECONDS = {limits.QUEUE_STALE_SECONDS:g}\n"
        "/** The server tells every line again, changed or not, about this often. */\n"
        f"export const REAFFIRM_SECONDS = {limits.QUEUE_REAFFIRM_SECONDS:g}\n"
    ).encode()


def generated() -> dict[str, bytes]:
    """Every committed file that is made from the code, by its path."""
    files = {f"docs/api/{name}": document for name, document in documents().items()}
    return files | dict.fromkeys(PAGE_LIMITS, page_limits())


def write_generated(root: Path, *, check: bool) -> int:
    """Write these files, or compare them with what is there. Answers an exit status."""
    drifted = []
    for name, wanted in generated().items():
        file = root / name
        if check:
            if not file.exists() or file.read_bytes() != wanted:
                drifted.append(name)
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(wanted)
    if drifted:
        Console(stderr=True).print(
            f"{', '.join(drifted)}: not what the code says. Run: run.py schema", style="red"
        )
        return 1
    return 0
