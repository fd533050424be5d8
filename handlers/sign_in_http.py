"""Signing in over HTTP: by WeChat, Alipay, or a code sent to a telephone."""

from accounts.device import ALIPAY_MINI, WECHAT_MINI
from accounts.oauth_state import StateExpired, StateRefused, StateUsed
from accounts.providers import (
    CodeExpired,
    CodeOfAnotherApp,
    CodeRefused,
    CodeUsed,
    ProviderAway,
    ProviderLimited,
    ProviderMisconfigured,
    ReturnNotAllowed,
    SnapshotPage,
    WayKind,
    WayNotSetUp,
)
from accounts.proving import Claim
from accounts.sms import SmsBusy, SmsCodeWrong, SmsNotThere, SmsTooMany, SmsTooSoon, SmsTriesOver
from accounts.users import SignIn, SignInBusy
from accounts.wire import (
    AskSms,
    ByAlipayMini,
    ByPage,
    BySms,
    ByWechatMini,
    PageStarted,
    SignedIn,
    SmsSent,
    StartPage,
    WayIn,
    WaysIn,
)
from core.actor import Actor
from handlers.caller import Caller
from handlers.deps import Deps
from handlers.routes import Answered, Routes

routes = Routes(tag="sign-in")

OF_PROVIDERS = (
    CodeRefused,
    CodeUsed,
    CodeExpired,
    CodeOfAnotherApp,
    SnapshotPage,
    ProviderAway,
    ProviderMisconfigured,
    ProviderLimited,
    WayNotSetUp,
    SignInBusy,
)
OF_STATES = (StateRefused, StateExpired, StateUsed)
OF_CODES = (SmsCodeWrong, SmsTriesOver, CodeExpired, WayNotSetUp)


@routes.get("/v1/sign-in/ways", action="sign_in.look", summary="The ways to sign in here")
async def ways(deps: Deps, actor: Actor) -> WaysIn:
    """Every way there is, and whether this hospital has connected it."""
    enabled = deps.accounts.users.proving.ways.enabled()
    return WaysIn([WayIn(kind.value, kind in enabled) for kind in WayKind])


@routes.post(
    "/v1/sign-in/wechat-h5/start",
    action="sign_in.begin",
    summary="Begin with WeChat's own page",
    refuses=(ReturnNotAllowed, WayNotSetUp),
    answer=PageStarted,
)
async def start_page(deps: Deps, actor: Actor, body: StartPage, caller: Caller) -> Answered:
    """Send the browser to `address`. A cookie stays with it, so that no other browser can come back."""
    begun = deps.accounts.users.proving.start(return_to=body.return_to, nonce=caller.browser)
    started = PageStarted(address=begun.address, state=begun.state)
    return Answered(started, (caller.keep_nonce(begun.nonce),))


@routes.post(
    "/v1/sign-in/wechat-h5",
    action="sign_in",
    summary="Sign in with what WeChat's page sent back",
    refuses=(*OF_STATES, *OF_PROVIDERS),
)
async def by_page(deps: Deps, actor: Actor, body: ByPage, caller: Caller) -> SignedIn:
    """The state is good for ten minutes, for the browser that began, once."""
    claim = Claim(WayKind.WECHAT_H5, body.code, state=body.state, browser=caller.browser)
    return _signed_in(await deps.accounts.users.sign_in(claim, caller.where))


@routes.post(
    "/v1/sign-in/wechat-mini",
    action="sign_in",
    summary="Sign in from the WeChat mini-program",
    refuses=OF_PROVIDERS,
)
async def by_wechat_mini(deps: Deps, actor: Actor, body: ByWechatMini, caller: Caller) -> SignedIn:
    """With the telephone button's code the account has that telephone too."""
    claim = Claim(WayKind.WECHAT_MINI, body.code, phone_code=body.phone_code or "")
    return _signed_in(await deps.accounts.users.sign_in(claim, caller.where_in(WECHAT_MINI)))


@routes.post(
    "/v1/sign-in/alipay-mini",
    action="sign_in",
    summary="Sign in from the Alipay mini-program",
    refuses=OF_PROVIDERS,
)
async def by_alipay_mini(deps: Deps, actor: Actor, body: ByAlipayMini, caller: Caller) -> SignedIn:
    """With the code of `my.getAuthCode`."""
    claim = Claim(WayKind.ALIPAY_MINI, body.code)
    return _signed_in(await deps.accounts.users.sign_in(claim, caller.where_in(ALIPAY_MINI)))


@routes.post(
    "/v1/sign-in/sms/code",
    action="sign_in.begin",
    summary="Send a code to a telephone",
    status=202,
    refuses=(SmsTooSoon, SmsTooMany, SmsBusy, SmsNotThere, ProviderAway, ProviderLimited, WayNotSetUp),
)
async def send_code(deps: Deps, actor: Actor, body: AskSms, caller: Caller) -> SmsSent:
    """Six digits, good for five minutes. The answer is the same whether anybody here has the telephone."""
    pause = await deps.accounts.users.proving.send_code(body.phone, address=caller.address)
    return SmsSent(again_after_seconds=pause)


@routes.post(
    "/v1/sign-in/sms",
    action="sign_in",
    summary="Sign in with a code that was sent to a telephone",
    refuses=(*OF_CODES, SignInBusy),
)
async def by_sms(deps: Deps, actor: Actor, body: BySms, caller: Caller) -> SignedIn:
    """Five tries; then ask for another code."""
    claim = Claim(WayKind.SMS, body.code, phone=body.phone)
    return _signed_in(await deps.accounts.users.sign_in(claim, caller.where))


def _signed_in(done: SignIn) -> SignedIn:
    return SignedIn.of(done.opened, is_new=done.is_new)
