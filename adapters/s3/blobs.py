"""``im.file_store.Blobs`` in a bucket, through the MinIO client in threads (tested against moto)."""

import asyncio
import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from core import limits
from im.file_store import Stored
from im.refusals import FilesAway

T = TypeVar("T")
_MISSING = frozenset({"NoSuchKey", "NoSuchObject"})


class S3Blobs:
    """One bucket, which must exist. ``url`` is the store's: ``https://host[:port]``."""

    def __init__(self, url: str, *, bucket: str, region: str, access_key: str, secret_key: str) -> None:
        place = urlsplit(url)
        self._bucket = bucket
        self._pool = urllib3.PoolManager(
            maxsize=limits.FILE_STORE_THREADS,
            timeout=urllib3.Timeout(
                connect=limits.FILE_STORE_CONNECT_SECONDS, read=limits.FILE_STORE_ANSWER_SECONDS
            ),
            retries=urllib3.Retry(
                limits.FILE_STORE_TRIES, backoff_factor=0.2, status_forcelist=(500, 502, 503, 504)
            ),
            cert_reqs="CERT_REQUIRED",
        )
        self._client = Minio(
            place.netloc,
            access_key=access_key,
            secret_key=secret_key,
            secure=place.scheme == "https",
            region=region,
            http_client=self._pool,
        )
        self._threads = ThreadPoolExecutor(limits.FILE_STORE_THREADS, thread_name_prefix="s3")

    def close(self) -> None:
        """End its threads and connections; what they do is done first."""
        self._threads.shutdown()
        self._pool.clear()

    async def put(self, name: str, content: bytes) -> None:
        await self._away(
            lambda: self._client.put_object(self._bucket, name, io.BytesIO(content), len(content))
        )

    async def read(self, name: str, start: int, length: int) -> bytes:
        return await self._away(lambda: self._read(name, start, length))

    async def drop(self, name: str) -> None:
        await self._away(lambda: self._client.remove_object(self._bucket, name))

    async def names(self, *, after: str, limit: int) -> Sequence[Stored]:
        def listed() -> list[Stored]:
            found = self._client.list_objects(self._bucket, recursive=True, start_after=after or None)
            return [
                Stored(each.object_name, each.last_modified)
                for each in islice(found, limit)
                if each.object_name is not None and each.last_modified is not None
            ]

        return await self._away(listed)

    async def answers(self) -> None:
        if not await self._away(lambda: self._client.bucket_exists(self._bucket)):
            raise FilesAway()

    def _read(self, name: str, start: int, length: int) -> bytes:
        answer = self._client.get_object(self._bucket, name, offset=start, length=length)
        try:
            return answer.read()
        finally:
            answer.close()
            answer.release_conn()

    async def _away(self, work: Callable[[], T]) -> T:
        """In a thread. Raises ``KeyError`` for a name that is not there, ``FilesAway`` for other trouble."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except S3Error as error:
            if error.code in _MISSING:
                raise KeyError from error
            raise FilesAway() from error
        except (MinioException, HTTPError, OSError, ValueError) as error:
            raise FilesAway() from error
