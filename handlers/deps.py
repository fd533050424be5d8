"""What endpoints are given: one frozen value of the composition root. No store, no broker."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from accounts.consents import ConsentService
from accounts.rights import Rights
from accounts.sessions import Sessions
from accounts.staff_administration import StaffAdministration
from accounts.staff_links import StaffLinks
from accounts.staff_sign_in import StaffSignIn
from accounts.users import Users
from accounts.wechat import ServiceAccount
from audit.reading import AuditReading
from audit.review import Review
from audit.reviewing import AuditReviews
from clinic.health_card_service import HealthCardService
from clinic.patients import PatientService
from clinic.reading import DirectoryReadings
from core.actor import Actor
from core.ids import LineId
from handlers.wire import Readiness, Start
from im.attaching import Attaching
from im.consulted import Consulted
from im.consulting import Consulting
from im.gathering import Gathering
from im.keeping import Keeping
from im.messaging import Messaging
from im.moderating import Moderating
from im.news import News
from im.practising import Practising
from im.reading import Reading
from im.record import Record
from im.recording import Recording
from im.replying import Replying
from im.searching import Searching
from notices.agreeing import Agreeing
from queue_display import wire
from queue_display.following import TicketFollowing
from queue_display.reading import QueueReadings
from queue_display.service import QueueService
from realtime.revocations import Revocation

Identify = Callable[[str], Actor]
"""From a bearer token to who it is. Refuses with ``Unauthenticated``."""


class Arrivals(Protocol):
    """Check-in, whoever runs the line: the platform itself, or the hospital behind the front machine."""

    async def check_in(
        self, actor: Actor, line: LineId, body: wire.CheckIn, *, key: str | None
    ) -> wire.Commanded:
        """Check a visit in. ``key`` makes it happen once."""


class Queue(Protocol):
    """The queue as the edge needs it."""

    @property
    def readings(self) -> QueueReadings:
        """What may be looked at."""

    @property
    def commands(self) -> QueueService:
        """What may be done."""

    @property
    def arrivals(self) -> Arrivals:
        """Check-in."""


class Revoking(Protocol):
    """Taking tokens back."""

    async def user(self, actor: Actor, user: str, *, issued_before: datetime | None) -> Revocation:
        """Every token of the user issued before that moment, or before now."""

    async def token(self, actor: Actor, token_id: str) -> Revocation:
        """One token."""


class Accounts(Protocol):
    """Accounts as the edge needs them."""

    @property
    def sessions(self) -> Sessions:
        """Sign-ins that exist."""

    @property
    def users(self) -> Users:
        """Signing in, and ways in."""

    @property
    def rights(self) -> Rights:
        """A copy of one's data, and its end."""


class Patients(Protocol):
    """Patients as the edge needs them."""

    @property
    def service(self) -> PatientService:
        """The people of an account."""

    @property
    def health_cards(self) -> HealthCardService:
        """Their electronic health cards."""

    @property
    def consents(self) -> ConsentService:
        """What an account agreed to."""


class Staff(Protocol):
    """Staff's accounts as the edge needs them."""

    @property
    def sign_in(self) -> StaffSignIn:
        """Password and second factor."""

    @property
    def links(self) -> StaffLinks:
        """Set-up and invitations."""

    @property
    def administration(self) -> StaffAdministration:
        """What administrators do."""

    @property
    def password_days(self) -> int:
        """After how many days a password must be changed; 0: never."""

    def now(self) -> datetime:
        """The moment it is."""


class Im(Protocol):
    """Conversations as the edge needs them."""

    @property
    def messaging(self) -> Messaging:
        """Whoever talks."""

    @property
    def reading(self) -> Reading:
        """Whoever looks."""

    @property
    def searching(self) -> Searching:
        """Whoever looks for something."""

    @property
    def news(self) -> News:
        """What departments tell."""

    @property
    def gathering(self) -> Gathering:
        """Who is where."""


class Consultations(Protocol):
    """Consultations as the edge needs them."""

    @property
    def consulting(self) -> Consulting:
        """Their steps."""

    @property
    def consulted(self) -> Consulted:
        """What is looked at."""

    @property
    def replying(self) -> Replying:
        """Texts at hand."""

    @property
    def practising(self) -> Practising:
        """Doctors' practices."""

    @property
    def recording(self) -> Recording:
        """Their records."""

    async def document(self, record: Record) -> bytes:
        """A record as PDF."""


class Notices(Protocol):
    """Notices as the edge needs them."""

    @property
    def agreeing(self) -> Agreeing:
        """What people want to be told."""

    @property
    def following(self) -> TicketFollowing:
        """Tickets that are followed."""


class Audit(Protocol):
    """The log as its administrator sees it."""

    @property
    def reading(self) -> AuditReading:
        """Search and standing."""

    @property
    def reviews(self) -> AuditReviews:
        """Monthly reviews."""

    async def document(self, review: Review, form: str) -> bytes:
        """A review as the document that is filed; ``form`` is ``pdf`` or ``docx``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """Everything an endpoint may call."""

    version: str
    queue: Queue
    directory: DirectoryReadings
    revoking: Revoking
    accounts: Accounts
    wechat: ServiceAccount | None
    patients: Patients
    staff: Staff
    audit: Audit
    im: Im
    files: Attaching
    consultations: Consultations
    notices: Notices
    moderating: Moderating
    keeping: Keeping
    readiness: Callable[[], Awaitable[Readiness]]
    metrics: Callable[[], bytes]
    start: Callable[[], Start]
    openapi: bytes
    asyncapi: bytes
