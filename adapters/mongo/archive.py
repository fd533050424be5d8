"""``im.archive.Archive`` in MongoDB, through PyMongo's asynchronous client.

One document a body: ``_id`` its name, ``c`` its conversation, ``b`` the sealed bytes, ``h`` how they begin.
Written with majority and journal, so that what was kept survives the loss of a machine of a replica set.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from bson.binary import Binary
from pymongo import AsyncMongoClient, UpdateOne
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from core import limits
from im.archive import HEAD_BYTES, ArchiveAway, Archived

COLLECTION = "im_body"


class MongoArchive:
    """One collection. ``url`` as MongoDB's own: ``mongodb://…`` or ``mongodb+srv://…``."""

    def __init__(self, url: str, *, database: str) -> None:
        milliseconds = int(limits.ARCHIVE_ANSWER_SECONDS * 1000)
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            url,
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            socketTimeoutMS=milliseconds,
            maxPoolSize=limits.ARCHIVE_CONNECTIONS,
            appname="houzhen",
        )
        concern = WriteConcern("majority", j=True, wtimeout=milliseconds)
        self._bodies = self._client[database].get_collection(COLLECTION, write_concern=concern)

    async def close(self) -> None:
        """End its connections."""
        await self._client.close()

    async def prepare(self) -> None:
        """Make the indexes, of conversations and of keys; harmless where they are."""
        async with _asked():
            await self._bodies.create_index("c")
            await self._bodies.create_index("h")

    async def keep(self, bodies: Sequence[Archived]) -> None:
        if not bodies:
            return
        changes = [UpdateOne({"_id": each.name}, {"$set": _document(each)}, upsert=True) for each in bodies]
        async with _asked():
            await self._bodies.bulk_write(changes, ordered=False)

    async def fetch(self, names: Sequence[str]) -> Mapping[str, bytes]:
        if not names:
            return {}
        async with _asked():
            found = await self._bodies.find({"_id": {"$in": list(names)}}).to_list(len(names))
        return {each["_id"]: bytes(each["b"]) for each in found}

    async def forget(self, conversation: str) -> None:
        async with _asked():
            await self._bodies.delete_many({"c": conversation})

    async def conversation_after(self, conversation: str) -> str | None:
        async with _asked():
            found = await self._bodies.find_one({"c": {"$gt": conversation}}, {"c": 1}, sort=[("c", 1)])
        return None if found is None else str(found["c"])

    async def sealed_otherwise(self, head: bytes, *, after: str, limit: int) -> Sequence[Archived]:
        wanted = {"h": {"$ne": head.hex()}, "_id": {"$gt": after}}
        async with _asked():
            found = await self._bodies.find(wanted, sort=[("_id", 1)], limit=limit).to_list(limit)
        return [_archived(each) for each in found]

    async def by_head(self) -> Mapping[bytes, int]:
        # One count a key, and not one aggregation: every server that speaks the protocol can do it.
        async with _asked():
            heads = await self._bodies.distinct("h")
            return {bytes.fromhex(head): await self._bodies.count_documents({"h": head}) for head in heads}

    async def answers(self) -> None:
        async with _asked():
            await self._client.admin.command("ping")


def _document(body: Archived) -> dict[str, Any]:
    return {
        "c": body.conversation,
        "h": body.sealed[:HEAD_BYTES].hex(),
        "b": Binary(body.sealed),
    }


def _archived(document: Mapping[str, Any]) -> Archived:
    conversation, _, seq = str(document["_id"]).rpartition("|")
    return Archived(conversation, int(seq), bytes(document["b"]))


@contextlib.asynccontextmanager
async def _asked() -> AsyncIterator[None]:
    """Whatever goes wrong on the way: it is away. What PyMongo says may hold names and addresses."""
    try:
        yield
    except PyMongoError:
        raise ArchiveAway() from None
