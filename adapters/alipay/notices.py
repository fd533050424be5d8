"""``notices.store.Courier`` of Alipay: ``alipay.open.app.mini.templatemessage.send``."""

import json
import re
from collections.abc import Mapping
from typing import Final

import structlog

from accounts.providers import ProviderAway
from adapters.alipay.gateway import AlipayGateway, AlipayRefused
from core.clock import Clock
from notices.notice import Kind, Outcome
from notices.words import Form, filled, place_of

log = structlog.get_logger()

METHOD: Final = "alipay.open.app.mini.templatemessage.send"
_OLD_ID = re.compile(r"2088\d{12}")
_BUSY: Final = frozenset({"20000", "40005"})
_NEVER_SENT: Final = frozenset({"not_reachable"})


class AlipayCourier:
    """The mini-program."""

    def __init__(self, gateway: AlipayGateway, *, forms: Mapping[Kind, Form], clock: Clock) -> None:
        self.app = gateway.app
        self.kinds = {kind: form.template for kind, form in forms.items()}
        self._gateway = gateway
        self._forms = forms
        self._clock = clock

    async def carry(self, subject: str, kind: Kind, params: Mapping[str, str]) -> Outcome:
        form = self._forms[kind]
        words = filled(kind, form.fields, params, at=self._clock.now())
        content = {
            "to_user_id" if _OLD_ID.fullmatch(subject) else "to_open_id": subject,
            "user_template_id": form.template,
            "page": place_of(kind, params),
            "data": json.dumps({name: {"value": value} for name, value in words.items()}, ensure_ascii=False),
        }
        try:
            await self._gateway.call(METHOD, params={}, content=content)
        except AlipayRefused as no:
            return outcome_of(no, kind)
        except ProviderAway as away:
            return Outcome.NOT_NOW if away.facts["why"] in _NEVER_SENT else Outcome.UNKNOWN
        return Outcome.SENT


def outcome_of(no: AlipayRefused, kind: Kind) -> Outcome:
    """What an error means for a notice. The business's codes are not all documented; they name the reason."""
    if no.code in _BUSY:
        return Outcome.NOT_NOW
    if "SUBSCRIBE" in no.sub_code.upper() or "AUTH" in no.sub_code.upper():
        return Outcome.NOT_AGREED
    log.warning(
        "notice.refused",
        provider="Alipay",
        kind=kind.value,
        code=no.code[:8],
        sub_code=no.sub_code[:64],
    )
    return Outcome.WRONG
