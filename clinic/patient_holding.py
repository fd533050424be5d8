"""What is kept of patients by account, for when the account as a whole changes (``accounts/holdings.py``)."""

from datetime import datetime

from clinic.patient_store import Unit
from clinic.patients import join_families, plain_of
from core.ids import UserId


class PatientHolding:
    """The people of an account, their health cards, and with them what the account agreed to."""

    name = "patients"

    async def move(self, unit: Unit, *, source: UserId, target: UserId, at: datetime) -> None:
        await join_families(unit, kept=target, joining=source)

    async def export(self, unit: Unit, user: UserId, *, at: datetime) -> object:
        family = await unit.patients.family(user)
        cards = await unit.health_cards.of([each.id for each in family.patients])
        return [
            {
                "patient": plain_of(each),
                "added_at": each.added_at,
                "unbound_at": each.unbound_at,
                "health_card": cards.get(each.id),
            }
            for each in family.patients
        ]

    async def erase(self, unit: Unit, user: UserId, *, at: datetime) -> None:
        unit.health_cards.erase(await unit.patients.erase(user))


class ConsentHolding:
    """The ledger of consents. It moves with the patients, and stays: it proves that there was consent."""

    name = "consents"

    async def move(self, unit: Unit, *, source: UserId, target: UserId, at: datetime) -> None:
        """Done by ``PatientHolding``, in the order that its locks need."""

    async def export(self, unit: Unit, user: UserId, *, at: datetime) -> object:
        return list(await unit.consents.ledger(user))

    async def erase(self, unit: Unit, user: UserId, *, at: datetime) -> None:
        """Nothing in it names the person: an account's id that stands for nobody any more."""
