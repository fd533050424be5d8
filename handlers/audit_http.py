"""The log over HTTP, for the audit administrator alone. Looking at it is itself recorded."""

from audit.wire import AuditPage, AuditQuery, AuditStanding
from core.actor import Actor
from core.refusals import BadInput, StorageUnavailable
from handlers.deps import Deps
from handlers.routes import Routes

routes = Routes(tag="audit")


@routes.get(
    "/v1/admin/audit",
    action="audit.look",
    summary="Search the log, newest first",
    refuses=(BadInput, StorageUnavailable),
)
async def admin_audit(deps: Deps, actor: Actor, query: AuditQuery) -> AuditPage:
    """All conditions together; `from` is included, `to` is not; `object` finds any part of it."""
    return await deps.audit.reading.search(query)


@routes.get(
    "/v1/admin/audit/standing",
    action="audit.look",
    summary="The log's own health: size, growth, room, heads, the last verification",
    refuses=(StorageUnavailable,),
)
async def admin_audit_standing(deps: Deps, actor: Actor) -> AuditStanding:
    """`warnings` are codes: `cannot_write`, `little_room`, `not_signed`, `not_verified`, `tampered`."""
    return await deps.audit.reading.standing()
