"""The API documents, made from what the code really accepts and answers.

OpenAPI 3.1 comes from the routes' signatures and AsyncAPI 3.0 from the channels' payloads; both draw their
schemas from the same msgspec models. They are committed under ``docs/api`` and a check fails when they drift.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from accounts.quota import TooManyRequests
from core.actor import Role
from core.refusals import BadInput, Forbidden, Refusal, Unauthenticated, Unavailable
from handlers.endpoint import RequestTookTooLong
from handlers.managed import NotFromHere
from handlers.problems import MEDIA_TYPE, TITLES, Problem
from handlers.quota import DEVICE_HEADER
from handlers.routes import Plain, Route, Streamed

VERSION = "1.0.0"
REF = "#/components/schemas/{name}"

_DEVICE = {
    "name": DEVICE_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "A name that an app or page makes up once and keeps, 16 to 64 letters, digits, - or _: "
    "how often it may ask is counted by it. Anything else is no name.",
}


@dataclass(frozen=True, slots=True)
class PushChannel:
    """One family of realtime channels, for AsyncAPI."""

    name: str
    address: str
    summary: str
    payload: type[msgspec.Struct] | tuple[type[msgspec.Struct], ...]
    parameters: Mapping[str, str]

    @property
    def payloads(self) -> tuple[type[msgspec.Struct], ...]:
        """What a publication can be."""
        return self.payload if isinstance(self.payload, tuple) else (self.payload,)


_RAW = {
    "text/xml": {"type": "string"},
    "application/octet-stream": {"type": "string", "format": "binary"},
    "multipart/form-data": {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}},
        "required": ["file"],
    },
}
"""Bodies that are no JSON, by media type."""


def openapi(routes: Sequence[Route]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the routes."""
    shapes = {Problem, *(shape for route in routes for shape in (route.answer, route.body))}
    structs = [shape for shape in shapes if shape not in {None, Plain, Streamed}]
    models, components = _models(structs)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, models)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Houzhen 候诊",
            "version": VERSION,
            "description": "Live queue, and all that a hospital's WeChat and Alipay back ends need. "
            "Times are RFC 3339 with offset; every no is an RFC 9457 problem with a stable code.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/", "description": "this server"}],
        "tags": [{"name": tag} for tag in sorted({route.tag for route in routes})],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": components,
            "parameters": {"Device": _DEVICE},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def asyncapi(channels: Sequence[PushChannel]) -> dict[str, Any]:
    """The AsyncAPI 3.0 document of the realtime channels (server to client)."""
    models, components = _models([each for channel in channels for each in channel.payloads])
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Houzhen 候诊 realtime",
            "version": VERSION,
            "description": "Clients speak the Centrifuge JSON protocol v2; the stock SDKs work unmodified. "
            "A payload below is the `data` of one publication. What a client may ask as `rpc` is in the "
            "OpenAPI document, under `x-rpc`: the parts of the path are fields beside those of the body.",
            "license": {"name": "MIT"},
        },
        "servers": {
            "websocket": {
                "host": "{host}",
                "pathname": "/connection/websocket",
                "protocol": "wss",
                "variables": {"host": {"default": "localhost:8888"}},
            }
        },
        "defaultContentType": "application/json",
        "channels": {
            channel.name: {
                "address": channel.address,
                "description": channel.summary,
                "parameters": {
                    name: {"description": meaning} for name, meaning in channel.parameters.items()
                },
                "messages": {
                    each.__name__: {"name": each.__name__, "payload": models[each]}
                    for each in channel.payloads
                },
            }
            for channel in channels
        },
        "operations": {
            f"receive_{channel.name}": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{channel.name}"},
                "summary": channel.summary,
            }
            for channel in channels
        },
        "components": {"schemas": components},
    }


def dump(document: Mapping[str, Any]) -> bytes:
    """A document as the bytes that are committed: indented, one form only."""
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=1) + b"\n"


def _models(structs: Iterable[Any]) -> tuple[dict[Any, dict[str, Any]], dict[str, Any]]:
    ordered = sorted(set(structs), key=repr)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=REF)
    return dict(zip(ordered, schemas, strict=True)), dict(sorted(components.items()))


def _operation(route: Route, models: Mapping[Any, dict[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": route.summary}
    if route.answer not in {Plain, Streamed}:
        answer["content"] = {"application/json": {"schema": models[route.answer]}}
    operation: dict[str, Any] = {
        "operationId": route.function.__name__,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": list(_parameters(route)),
        "responses": {str(route.status): answer, **_problems(route)},
    }
    if route.function.__doc__:
        operation["description"] = " ".join(route.function.__doc__.split())
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": models[route.body]}},
        }
    if route.live is not None:
        operation["x-rpc"] = route.live
    if route.takes_raw:
        operation["requestBody"] = {
            "required": True,
            "content": {route.raw_type: {"schema": _RAW[route.raw_type]}},
        }
    if route.allow is not None:
        operation["security"] = [{"token": []}]
        operation["x-roles"] = sorted(role.value for role in route.allow)
    return operation


def _parameters(route: Route) -> Iterable[dict[str, Any]]:
    for part in route.parts:
        yield {"name": part, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    if route.query is not None:
        inner = msgspec.json.schema_components([route.query], ref_template=REF)[1][route.query.__name__]
        for name, schema in inner["properties"].items():
            yield {
                "name": name,
                "in": "query",
                "required": name in inner.get("required", ()),
                "schema": schema,
            }
    yield {"$ref": "#/components/parameters/Device"}
    if route.replayable:
        yield {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "schema": {"type": "string", "minLength": 8, "maxLength": 128},
            "description": "The same key and body get the first answer again; another body is refused.",
        }


def _problems(route: Route) -> dict[str, Any]:
    refused: set[type[Refusal]] = {
        *route.refuses,
        Unavailable,
        RequestTookTooLong,
        Unauthenticated,
        TooManyRequests,
    }
    if route.body is not None or route.query is not None or route.replayable:
        refused.add(BadInput)
    if route.allow is not None and route.allow != frozenset(Role):
        refused.add(Forbidden)
    if route.rule.managed:
        refused.add(NotFromHere)
    by_status: dict[int, list[str]] = {}
    for refusal in refused:
        by_status.setdefault(refusal.kind.value, []).append(refusal.code)
    if route.takes_raw and route.raw_type == "multipart/form-data":
        # A form that cannot be read is refused before anything of ours sees it.
        by_status[400] = ["core.bad_request"]
    return {
        str(status): {
            "description": f"{TITLES[status]}: " + ", ".join(f"`{code}`" for code in sorted(set(codes))),
            "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(name="Problem")}}},
        }
        for status, codes in sorted(by_status.items())
    }
