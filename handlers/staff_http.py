"""Staff sign in over HTTP: password, second factor, and what they may do with their own account."""

from accounts.lockout import TooManyTries
from accounts.password_policy import PasswordRefused
from accounts.passwords import PasswordsBusy
from accounts.staff import NotGranted, NumberIsTaken, StaffWrongState
from accounts.staff_challenge import ChallengeRefused
from accounts.staff_links import LinkRefused
from accounts.staff_sign_in import PasswordTooOld, PasswordWrong, SignInRefused, StaffLocked
from accounts.staff_wire import (
    Challenge,
    CodeAsk,
    InvitationAsk,
    PasswordAsk,
    PasswordChanged,
    RecoveryCodes,
    SecondAsk,
    SetUpAsk,
    StaffIn,
    StaffMe,
    StaffSignInAsk,
)
from accounts.totp import CodeRefused
from core.actor import Actor
from core.ids import StaffId
from handlers.caller import Caller
from handlers.deps import Deps
from handlers.routes import Routes

routes = Routes(tag="staff")


@routes.post(
    "/v1/staff/sign-in",
    action="staff.sign_in",
    summary="Staff's first factor: number and password",
    refuses=(SignInRefused, TooManyTries, PasswordsBusy, StaffLocked, NotGranted),
)
async def staff_sign_in(deps: Deps, actor: Actor, body: StaffSignInAsk, caller: Caller) -> Challenge:
    """Opens nothing: the answer leads to the second factor, for five minutes.

    An unknown number gets the answer of a wrong password. Five wrong tries lock for a minute, each further
    one for twice as long.
    """
    taken = await deps.staff.sign_in.password(StaffId(body.number), body.password, address=caller.address)
    return Challenge.of(taken)


@routes.post(
    "/v1/staff/sign-in/second",
    action="staff.sign_in",
    summary="Staff's second factor, and then a session",
    refuses=(
        ChallengeRefused,
        CodeRefused,
        TooManyTries,
        NotGranted,
        PasswordTooOld,
        PasswordRefused,
        PasswordsBusy,
    ),
)
async def staff_second(deps: Deps, actor: Actor, body: SecondAsk, caller: Caller) -> StaffIn:
    """Six digits of the app, or a recovery code. Each is good once."""
    signed_in = await deps.staff.sign_in.code(
        body.challenge,
        body.code,
        new_password=body.new_password,
        device=caller.device,
        address=caller.address,
    )
    return StaffIn.of_staff(signed_in)


@routes.post(
    "/v1/staff/set-up",
    action="staff.set_up",
    summary="First start: the first system administrator",
    refuses=(LinkRefused, NumberIsTaken, PasswordRefused, PasswordsBusy),
)
async def staff_set_up(deps: Deps, actor: Actor, body: SetUpAsk) -> Challenge:
    """Needs the one-time link that the server tells when it starts and nobody is system administrator."""
    taken = await deps.staff.links.set_up(
        body.token, number=StaffId(body.number), name=body.name, password=body.password
    )
    return Challenge.of(taken)


@routes.post(
    "/v1/staff/invitation",
    action="staff.accept",
    summary="A new colleague sets a password",
    refuses=(LinkRefused, PasswordRefused, PasswordsBusy, StaffWrongState),
)
async def staff_accept(deps: Deps, actor: Actor, body: InvitationAsk) -> Challenge:
    """Good once, for 72 hours. The second factor follows at once."""
    return Challenge.of(await deps.staff.links.accept(body.token, body.password))


@routes.get("/v1/staff/me", action="staff.me", summary="My staff account", refuses=(ChallengeRefused,))
async def staff_me(deps: Deps, actor: Actor) -> StaffMe:
    """The caller's own."""
    account, credentials, left = await deps.staff.sign_in.me(actor)
    at, days = deps.staff.now(), deps.staff.password_days
    return StaffMe.of(account, credentials, left, at=at, days=days)


@routes.post(
    "/v1/staff/password",
    action="staff.password",
    summary="Change my password",
    refuses=(PasswordWrong, PasswordRefused, TooManyTries, PasswordsBusy, SignInRefused),
)
async def staff_password(deps: Deps, actor: Actor, body: PasswordAsk, caller: Caller) -> PasswordChanged:
    """Every other session of the caller ends."""
    await deps.staff.sign_in.change_password(actor, body.old, body.new, address=caller.address)
    return PasswordChanged(True)


@routes.post(
    "/v1/staff/recovery-codes",
    action="staff.recovery",
    summary="New recovery codes",
    refuses=(CodeRefused, ChallengeRefused, TooManyTries),
)
async def staff_recovery_codes(deps: Deps, actor: Actor, body: CodeAsk, caller: Caller) -> RecoveryCodes:
    """Needs a code of the app. The earlier ones are worth nothing from then on."""
    codes = await deps.staff.sign_in.renew_recovery(actor, body.code, address=caller.address)
    return RecoveryCodes(list(codes))
