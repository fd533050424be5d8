"""Staff accounts from the machine itself, for the day when nobody inside can help any more."""

from pathlib import Path

from accounts.sessions import Sessions
from accounts.staff import NoSuchStaff, StaffWrongState
from accounts.staff_administration import StaffAdministration
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from conf.settings import Settings
from core.actor import SYSTEM
from core.clock import SystemClock
from core.ids import StaffId
from core.refusals import StorageUnavailable
from realtime.tokens import HmacTokens
from server.audit_commands import recorded_command
from server.bootstrap import messengers
from server.outcomes import CannotStart
from server.sealing_parts import sealing_for
from server.storage import require_schema
from server.tokens import token_key


async def reset_staff(settings: Settings, number: str) -> str:
    """Reset an account's password and second factor; answers a line with its invitation.

    Its sessions end. Leaves a record in the log. Raises ``CannotStart`` when there is no such account or none
    that can be reset, and when the database is away or of another schema.
    """
    async with recorded_command(settings, "command.staff_reset", number):
        await require_schema(settings)
        clock = SystemClock()
        database = Database.open(settings.storage.url, connections=1)
        nudge, broker = messengers(settings, clock)
        sealing = await sealing_for(database, settings.keys, clock)
        units = SqlUnits(database, clock=clock, nudge=nudge, sealing=sealing)
        tokens = HmacTokens([token_key(Path(settings.keys.tokens))])
        sessions = Sessions(units=units, clock=clock, tokens=tokens)
        administration = StaffAdministration(units=units, clock=clock, sessions=sessions)
        try:
            _, invitation = await administration.reset(SYSTEM, StaffId(number))
        except NoSuchStaff:
            raise CannotStart(f"there is no staff account {number}") from None
        except StaffWrongState as wrong:
            raise CannotStart(f"the account {number} is {wrong.facts['state']}") from None
        except StorageUnavailable as away:
            raise CannotStart(f"storage.url: nothing was saved ({away.facts.get('why')})") from away
        finally:
            await nudge.close()
            await broker.close()
            await database.close()
    assert invitation is not None
    return (
        f"open, once, before {invitation.expires_at:%Y-%m-%d %H:%M}: "
        f"https://YOUR-HOST/admin/#invitation={invitation.token}"
    )
