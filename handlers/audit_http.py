"""The log over HTTP, for the audit administrator alone. Looking at it is itself recorded."""

from audit.review import Review
from audit.reviewing import MonthIsNotOver, NoSuchReview, ReviewChanged, ReviewIsSigned
from audit.wire import (
    AuditPage,
    AuditQuery,
    AuditStanding,
    DocumentQuery,
    DraftReview,
    ReviewList,
    ReviewRow,
    SignReview,
)
from core.actor import Actor
from core.refusals import BadInput, StorageUnavailable
from handlers.deps import Deps
from handlers.routes import Plain, Routes

routes = Routes(tag="audit")

_MEDIA_TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}


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


@routes.get("/v1/admin/audit/reviews", action="audit.review", summary="Monthly reviews of the log")
async def admin_audit_reviews(deps: Deps, actor: Actor) -> ReviewList:
    """Every month's newest version, newest month first."""
    return ReviewList(reviews=[ReviewRow.of(review) for review in await deps.audit.reviews.all()])


@routes.post(
    "/v1/admin/audit/reviews",
    action="audit.review",
    summary="Count a month and draft its review",
    status=201,
    replayable=True,
    refuses=(BadInput, ReviewIsSigned, ReviewChanged),
)
async def admin_audit_draft(deps: Deps, actor: Actor, body: DraftReview) -> Review:
    """A month that is not over may be drafted to look at; it is drafted anew to be signed."""
    return await deps.audit.reviews.draft(actor, body.month)


@routes.get(
    "/v1/admin/audit/reviews/{month}",
    action="audit.review",
    summary="One month's review",
    refuses=(NoSuchReview,),
)
async def admin_audit_review(deps: Deps, actor: Actor, month: str) -> Review:
    """The newest version: `proposed` is what the numbers suggest, `findings` what the reviewer found."""
    return await deps.audit.reviews.of(month)


@routes.post(
    "/v1/admin/audit/reviews/{month}/sign",
    action="audit.sign",
    summary="Sign a month's review; it then stays as it is",
    replayable=True,
    refuses=(NoSuchReview, ReviewIsSigned, MonthIsNotOver, ReviewChanged),
    facts=("version", "digest"),
)
async def admin_audit_sign(deps: Deps, actor: Actor, month: str, body: SignReview) -> Review:
    """Its SHA-256 goes into the log with the record of the signing."""
    return await deps.audit.reviews.sign(actor, month, findings=body.findings, conclusion=body.conclusion)


@routes.get(
    "/v1/admin/audit/reviews/{month}/document",
    action="audit.review",
    summary="The review record 《日志检查评审记录》 as PDF or Word",
    answer=Plain,
    refuses=(NoSuchReview,),
)
async def admin_audit_document(deps: Deps, actor: Actor, month: str, query: DocumentQuery) -> Plain:
    """Chinese with English beside it, with lines for the signatures; a draft says that it is one."""
    review = await deps.audit.reviews.of(month)
    body = await deps.audit.document(review, query.form)
    return Plain(body, _MEDIA_TYPES[query.form])
