"""Setting a password: judged, compared with the ones before it, hashed."""

from collections.abc import Sequence

from accounts.password_policy import PasswordRefused, Weakness, judge_password, same_form
from accounts.passwords import Passwords
from accounts.staff import StaffAccount


async def judge_new(
    passwords: Passwords, password: str, account: StaffAccount, *, past: Sequence[str], field: str
) -> str:
    """Judge a new password and hash it, in the turn that the caller has. Refuses with ``PasswordRefused``."""
    plain = same_form(password)
    await passwords.run(lambda: judge_password(plain, number=account.number, name=account.name, field=field))
    for earlier in past:
        if await passwords.verify(earlier, plain):
            raise PasswordRefused(Weakness.USED_BEFORE, field=field)
    return await passwords.hash(plain)
