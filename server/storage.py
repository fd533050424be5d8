"""The database at start: migrated when this command may do it, otherwise refused with what to run."""

from adapters.sql import migrations
from adapters.sql.engine import BadDatabaseUrl
from conf.settings import Settings
from core.refusals import StorageUnavailable
from server.audit_parts import migrate_audit, require_audit_schema
from server.outcomes import CannotStart


async def migrate_storage(settings: Settings) -> tuple[str | None, str]:
    """Bring both databases to this program's schema; answers the main one's revisions before and after.

    Raises ``CannotStart`` when one does not answer.
    """
    await migrate_audit(settings)
    try:
        before = await migrations.current(settings.storage.url)
        return before, await migrations.upgrade(settings.storage.url)
    except StorageUnavailable as away:
        raise CannotStart(f"storage.url: the database does not answer ({away.facts.get('why')})") from away
    except BadDatabaseUrl as bad:
        raise CannotStart(f"storage.url: {bad}") from bad


async def require_schema(settings: Settings) -> None:
    """Raise ``CannotStart`` unless the databases have this program's schema."""
    await require_audit_schema(settings)
    try:
        found = await migrations.current(settings.storage.url)
    except StorageUnavailable as away:
        raise CannotStart(f"storage.url: the database does not answer ({away.facts.get('why')})") from away
    if found != migrations.head():
        raise CannotStart(
            f"the database's schema is {found or 'empty'}, this program needs {migrations.head()}: "
            "run `run.py migrate` with the same settings"
        )
