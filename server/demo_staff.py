"""Ready-made staff of the demonstration, who can sign in at once. They exist under ``run.py dev`` with
``demo.enabled`` and nowhere else (``tests/architecture/test_demo_staff.py``).

Their passwords and secrets come from this data folder's own key: no two demonstrations share one.
"""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyotp

from accounts.credentials import Credentials
from accounts.staff import StaffAccount, StaffState, first_administrator
from accounts.totp import STEP_SECONDS
from adapters.crypto.passwords import Argon2Passwords
from adapters.memory.nudge import MemoryNudge
from adapters.sql.transaction import Database
from adapters.sql.unit import SqlUnits
from conf.settings import Settings
from core.actor import Role
from core.clock import SystemClock
from core.ids import StaffId
from handlers.wire import StartStaff
from im.practice import Practice
from server.sealing_parts import sealing_for
from server.tokens import token_key

_WHO = (
    (Role.SYSTEM_ADMIN, "9001", "系统管理员"),
    (Role.SECURITY_ADMIN, "9002", "安全管理员"),
    (Role.AUDIT_ADMIN, "9003", "审计管理员"),
    (Role.NURSE, "1001", "护士"),
    (Role.DOCTOR, "2001", "医生"),
    (Role.CASHIER, "3001", "收费员"),
    (Role.SERVICE_DESK, "4001", "服务台"),
)


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """Somebody who works at the invented hospital."""

    role: Role
    number: str
    name: str
    password: str
    secret: str

    def code(self, at: datetime) -> str:
        """The code that the app of this account would show."""
        return pyotp.TOTP(self.secret).generate_otp(int(at.timestamp()) // STEP_SECONDS)

    def account(self, at: datetime) -> StaffAccount:
        """As it is kept."""
        first = first_administrator(number=StaffId(self.number), name=self.name, at=at)
        return replace(first, role=self.role, state=StaffState.ACTIVE)


def _practice(doctor: DemoAccount) -> Practice:
    """The demonstration's doctor answers patients at any hour, for a fee that the sandbox pays."""
    return Practice(
        user=f"{doctor.role.value}.{doctor.number}",
        name=f"{doctor.name}（演示）",
        title="主治医师",
        department="0101",
        introduction="演示医生，随时接受图文问诊。",
        fee_fen=2_000,
        daily_limit=200,
        confirmed=True,
    )


def demo_accounts(key: bytes) -> tuple[DemoAccount, ...]:
    """One of each role. ``key`` is the tokens' of this data folder."""
    word = base64.b32encode(hmac.digest(key, b"demo password", "sha256")).decode().lower()
    password = "-".join(word[at : at + 4] for at in range(0, 20, 4))
    return tuple(
        DemoAccount(
            role, number, name, password, base64.b32encode(hmac.digest(key, number.encode(), "sha1")).decode()
        )
        for role, number, name in _WHO
    )


def shown(accounts: Sequence[DemoAccount], *, at: datetime) -> list[StartStaff]:
    """As the start page shows them. A code is good for a minute at most, and once."""
    return [
        StartStaff(
            number=one.number, role=one.role.value, name=one.name, password=one.password, code=one.code(at)
        )
        for one in accounts
    ]


async def employ(settings: Settings) -> None:
    """Keep these accounts, unless somebody is employed here already. Raises ``RuntimeError`` without demo."""
    if not settings.demo.enabled or settings.profile != "embedded":
        raise RuntimeError("ready-made accounts are the demonstration's alone")
    clock = SystemClock()
    accounts = demo_accounts(token_key(Path(settings.keys.tokens)))
    database, passwords = Database.open(settings.storage.url, connections=1), Argon2Passwords()
    try:
        sealing = await sealing_for(database, settings.keys, clock)
        units = SqlUnits(database, clock=clock, nudge=MemoryNudge(), sealing=sealing)
        async with passwords.turn():
            hashed = await passwords.hash(accounts[0].password)
        at = clock.now()
        async with units.begin() as unit:
            if await unit.staff.all(after=None, limit=1):
                return
            for one in accounts:
                await unit.staff.add(one.account(at))
                kept = Credentials(password=hashed, set_at=at).offering(one.secret)
                unit.credentials.keep(StaffId(one.number), replace(kept, enrolled_at=at))
                if one.role is Role.DOCTOR:
                    unit.practices.keep(_practice(one))
            await unit.commit()
    finally:
        passwords.close()
        await database.close()
