"""Moderation, for the back office: messages that a person is to look at, and the listed words."""

from core.actor import Actor
from handlers.deps import Deps
from handlers.routes import Routes
from im import moderation_wire as wire
from im.review import DecidedAlready, NoSuchReview

routes = Routes(tag="moderation")


@routes.get("/v1/moderation/reviews", action="moderation.review", summary="Messages to look at")
async def list_reviews(deps: Deps, actor: Actor, query: wire.ReviewQuery) -> wire.ReviewList:
    """Without a word of them."""
    return await deps.moderating.reviews(query)


@routes.get(
    "/v1/moderation/reviews/{review}",
    action="moderation.review",
    summary="One message, as it was written",
    refuses=(NoSuchReview,),
)
async def look_review(deps: Deps, actor: Actor, review: str) -> wire.ReviewView:
    """With what stands around it. Looking is recorded."""
    return await deps.moderating.one(review)


@routes.post(
    "/v1/moderation/reviews/{review}/decide",
    action="moderation.review",
    summary="Decide about a message",
    refuses=(NoSuchReview, DecidedAlready),
)
async def decide_review(deps: Deps, actor: Actor, review: str, body: wire.Decide) -> wire.ReviewView:
    """Once; of two who decide at the same moment one is first."""
    return await deps.moderating.decide(actor, review, body)


@routes.get("/v1/admin/words", action="moderation.words", summary="Listed words")
async def list_words(deps: Deps, actor: Actor) -> wire.WordItems:
    """Those that are shipped, and the hospital's own."""
    return await deps.moderating.words()


@routes.post("/v1/admin/words", action="moderation.words", summary="List a word", status=201)
async def add_word(deps: Deps, actor: Actor, body: wire.AddWord) -> wire.WordItems:
    """Every process judges by it within ten seconds."""
    return await deps.moderating.add_word(actor, body)


@routes.post("/v1/admin/words/{word}/remove", action="moderation.words", summary="List a word no more")
async def remove_word(deps: Deps, actor: Actor, word: str) -> wire.WordItems:
    """One of the hospital's own."""
    return await deps.moderating.remove_word(word)
