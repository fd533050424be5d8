"""The service account over HTTP: JS-SDK signatures for our pages, and what WeChat's server sends."""

from accounts.providers import ProviderLimited
from accounts.wechat import (
    CallbackRefused,
    CallbackUnreadable,
    Called,
    PageNotAllowed,
    ServiceAccount,
    WeChatNotSetUp,
)
from core.actor import Actor
from handlers.deps import Deps
from handlers.routes import Plain, RawBody, Routes
from handlers.wechat_wire import CallbackQuery, Page, PageConfig

routes = Routes(tag="wechat")

_TEXT = "text/plain; charset=utf-8"


def _account(deps: Deps) -> ServiceAccount:
    if deps.wechat is None:
        raise WeChatNotSetUp()
    return deps.wechat


def _called(query: CallbackQuery, body: bytes = b"") -> Called:
    return Called(
        signature=query.signature,
        message_signature=query.msg_signature,
        timestamp=query.timestamp,
        nonce=query.nonce,
        echo=query.echostr,
        body=body,
    )


@routes.post(
    "/v1/wechat/js-sdk",
    action="wechat.page",
    summary="Sign a page of ours for WeChat's JS-SDK",
    refuses=(PageNotAllowed, WeChatNotSetUp, ProviderLimited),
)
async def js_sdk(deps: Deps, actor: Actor, body: Page) -> PageConfig:
    """Only pages of the hospital's own hosts are signed; the ticket behind it is shared by all processes."""
    made = await _account(deps).page(body.url)
    return PageConfig(app_id=made.app, timestamp=made.timestamp, nonce=made.nonce, signature=made.signature)


@routes.get(
    "/v1/wechat/callback",
    action="wechat.callback",
    summary="WeChat's server asks whether this one is the hospital's",
    refuses=(CallbackRefused, WeChatNotSetUp),
    lenient=True,
)
async def callback_echo(deps: Deps, actor: Actor, query: CallbackQuery) -> Plain:
    """Answers `echostr` when the signature is right and from now; opens it first when it is encrypted."""
    return Plain(_account(deps).echo(_called(query)).encode(), _TEXT)


@routes.post(
    "/v1/wechat/callback",
    action="wechat.callback",
    summary="WeChat's server tells of a message or an event",
    refuses=(CallbackRefused, CallbackUnreadable, WeChatNotSetUp),
    lenient=True,
)
async def callback(deps: Deps, actor: Actor, query: CallbackQuery, raw: RawBody) -> Plain:
    """Takes it in once and answers `success` within 5 s, also when a feature could not use it.

    Forged, replayed, too old, for another application, badly padded: one answer, 403.
    """
    return Plain((await _account(deps).take(_called(query, raw.body))).encode(), _TEXT)
