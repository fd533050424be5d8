"""Staff's accounts put together: sign-in, links, administration; and the link of the first start."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from accounts.passwords import Passwords
from accounts.session import SessionBounds
from accounts.sessions import Sessions
from accounts.staff_administration import StaffAdministration
from accounts.staff_challenge import Challenges, StaffRules
from accounts.staff_links import AlreadySetUp, Invitation, StaffLinks
from accounts.staff_sign_in import StaffSignIn
from adapters.crypto.passwords import Argon2Passwords
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from conf.settings import Settings
from core import limits
from core.clock import Clock, SystemClock
from core.refusals import StorageUnavailable
from server.outcomes import CannotStart
from server.sealing_parts import sealing_for
from server.storage import require_schema
from server.tokens import token_key

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class StaffParts:
    """``handlers.deps.Staff``."""

    sign_in: StaffSignIn
    links: StaffLinks
    administration: StaffAdministration
    password_days: int
    clock: Clock

    def now(self) -> datetime:
        return self.clock.now()


def staff_rules(settings: Settings) -> StaffRules:
    """What the settings say of staff's sign-in."""
    staff = settings.staff
    longest = timedelta(hours=staff.session_hours)
    return StaffRules(
        administrators=SessionBounds(timedelta(minutes=staff.administrators_idle_minutes), longest),
        others=SessionBounds(timedelta(minutes=staff.idle_minutes), longest),
        password_days=staff.password_days,
        issuer=settings.hospital.name.zh,
    )


def staff_parts(
    *,
    settings: Settings,
    units: SqlUnits,
    clock: Clock,
    sessions: Sessions,
    passwords: Passwords,
    key: bytes,
) -> StaffParts:
    """What a web process needs of staff's accounts. ``key`` is the tokens'."""
    rules, challenges = staff_rules(settings), Challenges(key)
    sign_in = StaffSignIn(
        units=units,
        clock=clock,
        passwords=passwords,
        sessions=sessions,
        challenges=challenges,
        rules=rules,
    )
    links = StaffLinks(units=units, clock=clock, passwords=passwords, challenges=challenges, rules=rules)
    administration = StaffAdministration(units=units, clock=clock, sessions=sessions)
    return StaffParts(sign_in, links, administration, rules.password_days, clock)


def staff_forgetting(units: SqlUnits, clock: Clock) -> Callable[[], Awaitable[None]]:
    """What the worker forgets of staff: wrong tries of long ago, links that lead nowhere any more."""

    async def forget() -> None:
        async with units.begin() as unit:
            now = clock.now()
            unit.tries.forget(before=now - timedelta(seconds=limits.STAFF_TRIES_KEPT_SECONDS))
            unit.credentials.forget_links(before=now)
            await unit.commit()

    return forget


async def set_up_link(settings: Settings) -> str:
    """A new link for the set-up, as a line to print. Raises ``CannotStart`` when nobody may have one."""
    await require_schema(settings)
    try:
        return told(await _with_links(settings, StaffLinks.set_up_link))
    except AlreadySetUp:
        raise CannotStart("there is a system administrator already; that one invites others") from None


async def first_link(settings: Settings) -> str | None:
    """The line to print at a start: nothing once there is a system administrator, or a link still good."""
    made = await _with_links(settings, StaffLinks.first_link)
    return None if made is None else told(made)


async def tell_first_link(settings: Settings) -> None:
    """Print it, once, for whoever starts the server."""
    line = await first_link(settings)
    if line is not None:
        Console(soft_wrap=True).print(f"houzhen: {line}", markup=False, highlight=False)


def told(invitation: Invitation) -> str:
    """The link, as whoever starts the server reads it. The part behind # never travels to a server."""
    return (
        "nobody is system administrator yet. Open, once, before "
        f"{invitation.expires_at:%Y-%m-%d %H:%M}: https://YOUR-HOST/admin/#set-up={invitation.token}"
    )


async def _with_links(settings: Settings, work: Callable[[StaffLinks], Awaitable[Made]]) -> Made:
    clock = SystemClock()
    database = Database.open(settings.storage.url, connections=1)
    passwords = Argon2Passwords()
    try:
        sealing = await sealing_for(database, settings.keys, clock)
        links = StaffLinks(
            units=SqlUnits(database, clock=clock, nudge=MemoryNudge(), sealing=sealing),
            clock=clock,
            passwords=passwords,
            challenges=Challenges(token_key(Path(settings.keys.tokens))),
            rules=staff_rules(settings),
        )
        return await work(links)
    except StorageUnavailable as away:
        raise CannotStart(f"storage.url: nothing was saved ({away.facts.get('why')})") from away
    finally:
        passwords.close()
        await database.close()
