"""What a use case holds while it decides: the stores of one transaction, its outbox, its commit."""

import contextlib
from collections.abc import AsyncIterator, Callable, Collection

from accounts.staff import StaffState
from adapters.sql import outbox
from adapters.sql.codes_store import SqlCodes
from adapters.sql.consents_store import SqlConsents
from adapters.sql.consultations_store import SqlConsultations, SqlPractices
from adapters.sql.credentials_store import SqlCredentials
from adapters.sql.directory_store import SqlDirectories, SqlHospitalContacts
from adapters.sql.files_store import SqlFiles
from adapters.sql.health_cards_store import SqlHealthCards
from adapters.sql.im_store import SqlConversations
from adapters.sql.keeping_store import SqlKeepsakes
from adapters.sql.lazily import lazily
from adapters.sql.leases import guard
from adapters.sql.moderation_store import SqlReviews, SqlWords
from adapters.sql.notices_store import SqlFollows, SqlNotices
from adapters.sql.past_store import SqlPastDays
from adapters.sql.patients_store import SqlPatients
from adapters.sql.queue_store import RememberedLines, SqlLines
from adapters.sql.revocations import SqlRevocations
from adapters.sql.sessions_store import SqlSessions
from adapters.sql.staff_store import SqlStaff, SqlTries
from adapters.sql.transaction import Database, Transaction
from adapters.sql.users_store import SqlUserAccounts
from core import limits
from core.actor import STAFF
from core.clock import Clock
from core.events import Outgoing
from core.ids import DepartmentId, LineId, StaffId
from core.leases import Fence
from core.nudge import Nudge
from core.sealing import NoKeys, Sealing
from im.archive import Archive, NoArchive
from im.thread import Seat, part_of
from realtime.veil import veiled


class SqlUnit:
    """One transaction. ``publish`` and the stores only queue; ``commit`` makes all of it true, or raises."""

    def __init__(
        self,
        transaction: Transaction,
        *,
        remembered: RememberedLines,
        clock: Clock,
        nudge: Nudge,
        fence: Fence | None,
        writes: bool,
        sealing: Sealing,
        archive: Archive,
    ) -> None:
        self.lines = SqlLines(transaction, remembered)
        self._transaction = transaction
        self._sealing = sealing
        self._archive = archive
        self._writes = writes
        self._clock = clock
        self._nudge = nudge
        self._fence = fence
        self._outgoing: list[Outgoing] = []

    # Stores with sealed columns take ``self._sealing`` beside the transaction.

    @lazily
    def past(self) -> SqlPastDays:
        return SqlPastDays(self._transaction)

    @lazily
    def directory(self) -> SqlDirectories:
        return SqlDirectories(self._transaction)

    @lazily
    def hospital(self) -> SqlHospitalContacts:
        return SqlHospitalContacts(self._transaction)

    @lazily
    def revocations(self) -> SqlRevocations:
        return SqlRevocations(self._transaction)

    @lazily
    def sessions(self) -> SqlSessions:
        return SqlSessions(self._transaction, writes=self._writes)

    @lazily
    def staff(self) -> SqlStaff:
        return SqlStaff(self._transaction, self._sealing, writes=self._writes)

    @lazily
    def credentials(self) -> SqlCredentials:
        return SqlCredentials(self._transaction, self._sealing, writes=self._writes)

    @lazily
    def tries(self) -> SqlTries:
        return SqlTries(self._transaction)

    @lazily
    def patients(self) -> SqlPatients:
        return SqlPatients(self._transaction, self._sealing)

    @lazily
    def health_cards(self) -> SqlHealthCards:
        return SqlHealthCards(self._transaction, self._sealing)

    @lazily
    def consents(self) -> SqlConsents:
        return SqlConsents(self._transaction)

    @lazily
    def users(self) -> SqlUserAccounts:
        return SqlUserAccounts(self._transaction, self._sealing, writes=self._writes)

    @lazily
    def codes(self) -> SqlCodes:
        return SqlCodes(self._transaction, self._sealing)

    @lazily
    def files(self) -> SqlFiles:
        return SqlFiles(self._transaction, self._sealing)

    @lazily
    def reviews(self) -> SqlReviews:
        return SqlReviews(self._transaction, self._sealing)

    @lazily
    def keepsakes(self) -> SqlKeepsakes:
        return SqlKeepsakes(self._transaction, self._sealing)

    @lazily
    def words(self) -> SqlWords:
        return SqlWords(self._transaction, self._clock)

    @lazily
    def notices(self) -> SqlNotices:
        return SqlNotices(self._transaction, self._sealing, writes=self._writes)

    @lazily
    def follows(self) -> SqlFollows:
        return SqlFollows(self._transaction)

    @lazily
    def consultations(self) -> SqlConsultations:
        return SqlConsultations(self._transaction, self._sealing)

    @lazily
    def practices(self) -> SqlPractices:
        return SqlPractices(self._transaction)

    async def colleague(self, user: str) -> Seat | None:
        """The place in a conversation that a nurse or doctor would take; ``im.gathering.GatheringUnit``."""
        role, _, number = user.partition(".")
        account = await self.staff.find(StaffId(number)) if number else None
        if account is None or account.role not in STAFF or account.role.value != role:
            return None
        if account.state is not StaffState.ACTIVE or not account.granted:
            return None
        return Seat(user=user, part=part_of(role), shown=account.name[:64])

    async def department_name(self, department: DepartmentId) -> str | None:
        """As the hospital lists it, or else as its lines call it; ``im.news.NewsUnit``."""
        listed = await self.directory.department(department)
        if listed is not None:
            return listed.name
        lines = await self.lines.page(department=department, after=None, limit=1)
        return lines[0].department_name if lines else None

    async def works_in(self, lines: Collection[LineId], department: DepartmentId) -> bool:
        """Whether one of these lines is the department's; ``im.news.NewsUnit``."""
        held = await self.lines.load_many(sorted(lines))
        return any(line.department == department for line in held)

    @lazily
    def conversations(self) -> SqlConversations:
        return SqlConversations(self._transaction, self._sealing, self._archive)

    def publish(self, *outgoing: Outgoing) -> None:
        self._outgoing += outgoing

    async def commit(self) -> None:
        if self._outgoing:
            outbox.add(self._transaction, map(self._waiting, self._outgoing), at=self._clock.now())
        if self._fence is not None:
            # Last, so that the lease's row is held only while the commit travels.
            await guard(self._transaction, self._fence)
        await self._transaction.commit()
        self.lines.committed()
        if self._outgoing:
            self._nudge.send()

    def _waiting(self, outgoing: Outgoing) -> Outgoing:
        """As it waits: what is personal is sealed here, and opened where it is handed to its sockets."""
        return veiled(outgoing, self._sealing) if outgoing.veiled else outgoing


class SqlUnits:
    """Opens units on one database. Make one per process: lines are remembered across its units.

    Without ``sealing``, what touches a sealed column is a ``RuntimeError``.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        nudge: Nudge,
        remembered: RememberedLines | None = None,
        sealing: Sealing | None = None,
        archive: Archive | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._nudge = nudge
        self._remembered = remembered or RememberedLines(limit=limits.SQL_LINES_REMEMBERED)
        self._sealing = sealing or NoKeys()
        self._archive = archive or NoArchive()
        self._fence: Callable[[], Fence] | None = None

    def under(self, fence: Callable[[], Fence]) -> "SqlUnits":
        """The same database for work under a lease: a commit with an outdated fence raises ``LeaseLost``.

        ``fence`` is asked when a write begins (``server.leases.LeaseKeeper.fence_of``); it may raise too.
        """
        fenced = SqlUnits(
            self._database,
            clock=self._clock,
            nudge=self._nudge,
            remembered=self._remembered,
            sealing=self._sealing,
            archive=self._archive,
        )
        fenced._fence = fence
        return fenced

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[SqlUnit]:
        """A transaction that will write; leaving without ``commit`` undoes everything."""
        fence = None if self._fence is None else self._fence()
        async with self._database.write() as transaction:
            yield self._unit(transaction, fence, writes=True)

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[SqlUnit]:
        """A transaction that sees one moment of the database."""
        async with self._database.read() as transaction:
            yield self._unit(transaction, None, writes=False)

    def _unit(self, transaction: Transaction, fence: Fence | None, *, writes: bool) -> SqlUnit:
        return SqlUnit(
            transaction,
            remembered=self._remembered,
            clock=self._clock,
            nudge=self._nudge,
            fence=fence,
            writes=writes,
            sealing=self._sealing,
            archive=self._archive,
        )
