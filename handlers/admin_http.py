"""Administration over HTTP, from addresses that the settings name: staff accounts, their sessions, roles."""

from accounts.policy import POLICY
from accounts.staff import (
    AdministratorsFirst,
    AdministratorsKeepTheirRole,
    LastAdministrator,
    NoSuchStaff,
    NumberIsTaken,
    OwnAccount,
    StaffWrongState,
)
from accounts.staff_wire import (
    ActionRow,
    LinesAsk,
    NewStaff,
    PolicyTable,
    RoleAsk,
    StaffInvited,
    StaffList,
    StaffPage,
    StaffRow,
    StaffSession,
    StaffSessions,
)
from accounts.wire import SessionsEnded
from core import limits
from core.actor import Actor, Role
from core.ids import LineId, SessionId, StaffId
from core.refusals import BadInput, NotFound
from handlers.deps import Deps
from handlers.routes import Routes

routes = Routes(tag="administration")

_CHANGES = (NoSuchStaff, OwnAccount, StaffWrongState)


@routes.get("/v1/admin/staff", action="admin.staff.list", summary="Staff accounts")
async def admin_staff(deps: Deps, actor: Actor, query: StaffPage) -> StaffList:
    """By number, 500 an answer."""
    found = await deps.staff.administration.all(after=StaffId(query.cursor) if query.cursor else None)
    following = found[-1].number if len(found) == limits.STAFF_PER_ANSWER else None
    return StaffList(staff=[StaffRow.of(one) for one in found], next=following)


@routes.post(
    "/v1/admin/staff",
    action="admin.staff.create",
    summary="Propose a staff account and invite its holder",
    status=201,
    replayable=True,
    refuses=(NumberIsTaken, AdministratorsFirst, BadInput),
)
async def admin_create_staff(deps: Deps, actor: Actor, body: NewStaff) -> StaffInvited:
    """It works once the security administrator has granted its role.

    The first security and the first audit administrator need no grant, and come before anybody else.
    """
    account, invitation = await deps.staff.administration.create(
        number=StaffId(body.number),
        name=body.name,
        role=Role(body.role),
        lines=frozenset(map(LineId, body.lines)),
    )
    return StaffInvited.of(account, invitation)


@routes.post(
    "/v1/admin/staff/{staff}/invite",
    action="admin.staff.invite",
    summary="Invite again whoever has not taken the invitation",
    refuses=(NoSuchStaff, StaffWrongState),
)
async def admin_invite(deps: Deps, actor: Actor, staff: str) -> StaffInvited:
    """The earlier invitation ends."""
    return StaffInvited.of(*await deps.staff.administration.invite(StaffId(staff)))


@routes.post(
    "/v1/admin/staff/{staff}/role",
    action="admin.staff.role",
    summary="Grant a role, or set another",
    refuses=(*_CHANGES, AdministratorsKeepTheirRole, BadInput),
)
async def admin_role(deps: Deps, actor: Actor, staff: str, body: RoleAsk) -> StaffRow:
    """Nobody becomes an administrator, or ceases to be one: that takes another account."""
    return StaffRow.of(await deps.staff.administration.set_role(actor, StaffId(staff), Role(body.role)))


@routes.post(
    "/v1/admin/staff/{staff}/lines",
    action="admin.staff.lines",
    summary="Set at which lines somebody works",
    refuses=(*_CHANGES, BadInput),
)
async def admin_lines(deps: Deps, actor: Actor, staff: str, body: LinesAsk) -> StaffRow:
    """Nurses and doctors only; no line means every line."""
    lines = frozenset(map(LineId, body.lines))
    return StaffRow.of(await deps.staff.administration.set_lines(actor, StaffId(staff), lines))


@routes.post(
    "/v1/admin/staff/{staff}/lock",
    action="admin.staff.lock",
    summary="Lock an account",
    refuses=(*_CHANGES, LastAdministrator),
)
async def admin_lock(deps: Deps, actor: Actor, staff: str) -> StaffRow:
    """Its sessions end at once, sockets too."""
    return StaffRow.of(await deps.staff.administration.lock(actor, StaffId(staff)))


@routes.post(
    "/v1/admin/staff/{staff}/unlock",
    action="admin.staff.unlock",
    summary="Unlock an account, also after wrong tries",
    refuses=_CHANGES,
)
async def admin_unlock(deps: Deps, actor: Actor, staff: str) -> StaffRow:
    """Wrong tries at its password and codes are forgotten too."""
    return StaffRow.of(await deps.staff.administration.unlock(actor, StaffId(staff)))


@routes.post(
    "/v1/admin/staff/{staff}/reset",
    action="admin.staff.reset",
    summary="Reset password and second factor",
    refuses=_CHANGES,
)
async def admin_reset(deps: Deps, actor: Actor, staff: str) -> StaffRow:
    """Its sessions end. The system administrator invites anew: nobody alone becomes somebody else."""
    account, _ = await deps.staff.administration.reset(actor, StaffId(staff))
    return StaffRow.of(account)


@routes.post(
    "/v1/admin/staff/{staff}/close",
    action="admin.staff.close",
    summary="Close an account for ever",
    refuses=(*_CHANGES, LastAdministrator),
)
async def admin_close(deps: Deps, actor: Actor, staff: str) -> StaffRow:
    """Its sessions end at once; the number is not given again."""
    return StaffRow.of(await deps.staff.administration.close(actor, StaffId(staff)))


@routes.get("/v1/admin/sessions", action="admin.session.list", summary="Where staff are signed in")
async def admin_sessions(deps: Deps, actor: Actor, query: StaffPage) -> StaffSessions:
    """By when they began, 500 an answer. Patients' devices are their own to see."""
    found = await deps.staff.administration.sessions(after=SessionId(query.cursor) if query.cursor else None)
    rows = [StaffSession.of(one, current=actor.session) for one in found]
    return StaffSessions(sessions=rows, next=found[-1].id if len(found) == limits.STAFF_PER_ANSWER else None)


@routes.post(
    "/v1/admin/sessions/{session}/end",
    action="admin.session.end",
    summary="End a session of staff",
    refuses=(NotFound,),
)
async def admin_end_session(deps: Deps, actor: Actor, session: str) -> SessionsEnded:
    """Its tokens are refused from now on and its sockets close. A patient's session is not found."""
    await deps.staff.administration.end_session(actor, SessionId(session))
    return SessionsEnded(1)


@routes.get("/v1/admin/roles", action="admin.roles", summary="Who may do what: the policy table")
async def admin_roles(deps: Deps, actor: Actor) -> PolicyTable:
    """The table that every request is judged by."""
    return PolicyTable([ActionRow.of(action, rule) for action, rule in sorted(POLICY.items())])
