"""What can be set, as one frozen value.

Keys are those of the TOML file (``embedded.toml`` shows them all that matter on one machine, and
``production.example.toml`` those of a real hospital). ``conf/loader.py`` reads, completes and judges them.
"""

from typing import Annotated, Literal

import msgspec

from core import limits


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of every section: frozen, and an unknown key is an error, not a silent nothing."""


class Names(Setting, frozen=True, kw_only=True):
    """One thing in both languages."""

    zh: str
    en: str


class Web(Setting, frozen=True, kw_only=True):
    """Where and how HTTP and sockets are served."""

    host: str = "127.0.0.1"
    port: int = 8888
    processes: int = 2
    """How many ``web`` processes ``serve`` starts; they share the port with SO_REUSEPORT."""
    allowed_origins: tuple[str, ...] = ()
    """Browser origins that may open sockets and read the API besides the server's own host.

    ``*`` is refused in production.
    """
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies whose ``X-Forwarded-For`` is believed."""
    admin_addresses: tuple[str, ...] = ()
    """Addresses or networks that administration is done from; empty: embedded this machine, else nowhere."""
    connections_per_address: int = 2_000
    """Sockets that one address may hold at each process; a hospital's phones and screens share one."""
    connections_per_user: int = 20
    """Sockets that one user may hold at each process; the oldest gives way to the newest."""
    requests_scale: float = 1.0
    """Makes the limits of requests by address, account and device wider (2.0) or narrower; 0: no limit."""
    native_sender: bool = True
    """Use the sender compiled by ``make setup`` where it is there; ``false``: Python alone."""
    pages: str = "web/dist"
    patient_pages: str = "web/patient/dist/h5"


class Storage(Setting, frozen=True, kw_only=True):
    """The database: the truth."""

    url: str = "sqlite:///{data}/houzhen.db"
    """``sqlite:///FILE`` or ``mysql://user:password@host:port/name``; ``{data}`` is the data folder."""
    pool: int = 8


class Broker(Setting, frozen=True, kw_only=True):
    """Who carries publications between processes."""

    url: str | tuple[str, ...] = "memory:"
    """``memory:`` (one process), or ``redis://…``, ``redis+sentinel://…``, ``redis+cluster://…``.

    A list of the first two kinds of Redis is a list of shards.
    """

    @property
    def urls(self) -> tuple[str, ...]:
        """The same, always a list."""
        return (self.url,) if isinstance(self.url, str) else self.url


class Keys(Setting, frozen=True, kw_only=True):
    """Secrets live in files that only the server can read; they are made at first start if missing."""

    tokens: str = "{data}/keys/tokens.key"
    fields: str = "{data}/keys/fields.json"
    """The ring of keys that personal data is sealed with, each wrapped by the master key."""
    fields_master: str = "{data}/keys/fields-master.key"
    """The master key. In production it lies, and is backed up, apart from data and ring."""
    suite: Literal["aes", "sm"] = "aes"
    """``aes``: AES-256-GCM and HMAC-SHA-256; ``sm``: SM4-GCM and HMAC-SM3, for keys made from now on."""
    audit: str = "{data}/keys/audit.key"
    """Signs heads of the log (Ed25519). ``run.py audit key`` shows its public half, for who verifies."""


class Audit(Setting, frozen=True, kw_only=True):
    """The log of who did what: a chain that nobody can quietly change."""

    url: str = "sqlite:///{data}/audit.db"
    """A database of its own; in production of another user, who may only add and read."""
    keeper_url: str = ""
    """The same database for who migrates it and takes old records away; empty: ``url`` may."""
    hash: Literal["sha256", "sm3"] = "sha256"
    """For records written from now on."""
    days: int = 200
    """Kept so long before a purge may take them; less than 183 is refused."""
    room_bytes: int = 0
    """What the log may take in all, for the capacity watch; 0: this machine's disk (with SQLite)."""
    export: str = "{data}/audit-export"
    """Where signed heads and records are copied to: a share of another machine, or nothing is proved."""


class Hospital(Setting, frozen=True, kw_only=True):
    """The front machine, and how its hospital is called."""

    name: Names
    front_machine: str = ""
    """``https://host:port`` of the front machine; empty means that no line is mirrored."""
    ca: str = "{data}/pki/ca.crt"
    certificate: str = "{data}/pki/platform.crt"
    key: str = "{data}/pki/platform.key"


class OwnRoom(Setting, frozen=True, kw_only=True):
    """A room of a line that the platform runs."""

    id: str
    name: str


class OwnLine(Setting, frozen=True, kw_only=True):
    """A line that the platform itself runs (own mode), because no calling system of the hospital does."""

    id: str
    name: str
    department: str
    department_name: str
    rooms: tuple[OwnRoom, ...]
    doctor: str | None = None
    settings: dict[str, int | bool | str] = {}
    """Overrides of ``queue_display`` LineSettings by name."""


class Screen(Setting, frozen=True, kw_only=True):
    """One clinic screen and what it shows."""

    id: str
    kind: Literal["hall", "room"]
    title: Names
    lines: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    """Every line of these departments, besides ``lines``."""
    rooms: tuple[str, ...] = ()
    """On a room screen: only calls to these rooms."""


class Log(Setting, frozen=True, kw_only=True):
    """Where events of the program go. Never a person, never a body."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Watch(Setting, frozen=True, kw_only=True):
    """What the clock is compared with."""

    servers: tuple[str, ...] = ()
    """NTP servers, best three or more of one's own; a port behind a colon. Empty: nobody is asked."""


class Exposition(Setting, frozen=True, kw_only=True):
    """Where each process of ``serve`` can be scraped: the worker at ``port``, ``web-1`` at the next …"""

    host: str = "127.0.0.1"
    port: int = 0
    """0: nowhere; ``/metrics`` of the shared port then answers for whichever web process took the request."""


class Retention(Setting, frozen=True, kw_only=True):
    """For how long the past is kept."""

    tickets_days: int = 30
    """Tickets of past days: masked name, visit, place and times of one person."""
    history_days: int = 400
    """Who did what in a line and when, by number; waiting times are learned from the newest weeks of it."""
    outbox_days: int = 1
    """Boards that could not be told to anybody."""
    conversations_years: int = 3
    """What was said outside of consultations, from the last word on; 0: for ever. The law's floor is 3."""
    records_years: int = 15
    """Consultations with all that was said in them, from their end on; 0: for ever. The law's floor is 15."""


class WeChat(Setting, frozen=True, kw_only=True):
    """The hospital's WeChat service account (服务号). Secrets are in files."""

    app: str = ""
    """Its AppID (``wx…``); empty: not connected."""
    secret_file: str = "{data}/keys/wechat-secret"
    """Its AppSecret."""
    token_file: str = ""
    """The token of the server configuration (服务器配置); empty: WeChat's messages are not taken."""
    aes_key_file: str = ""
    """The EncodingAESKey (43 characters). With it only encrypted messages are taken, else plain ones."""
    page_hosts: tuple[str, ...] = ()
    """Hosts of the hospital's own pages: sign-in comes back to them, and only they are signed for."""
    scope: Literal["snsapi_base", "snsapi_userinfo"] = "snsapi_base"
    """``snsapi_base`` asks nobody anything; ``snsapi_userinfo`` asks the person and tells the unionid."""
    api: str = "https://api.weixin.qq.com"
    pages: str = "https://open.weixin.qq.com"
    """Where the authorisation page is."""


class WeChatMini(Setting, frozen=True, kw_only=True):
    """The hospital's WeChat mini-program (小程序). It uses ``wechat.api``."""

    app: str = ""
    secret_file: str = "{data}/keys/wechat-mini-secret"


class Alipay(Setting, frozen=True, kw_only=True):
    """The hospital's Alipay mini-program (小程序): with keys, or with certificates where these are given."""

    app: str = ""
    private_key_file: str = "{data}/keys/alipay-private.pem"
    """The application's private key (应用私钥), PEM or as Alipay's key tool writes it."""
    public_key_file: str = "{data}/keys/alipay-public.pem"
    """Alipay's public key (支付宝公钥), in key mode."""
    app_certificate_file: str = ""
    alipay_certificate_file: str = ""
    root_certificate_file: str = ""
    gateway: str = "https://openapi.alipay.com/gateway.do"


class Sms(Setting, frozen=True, kw_only=True):
    """Who delivers sign-in codes."""

    sender: Literal["none", "log", "http"] = "none"
    """``log`` delivers nothing and says so in the log; ``http`` posts to ``gateway``."""
    gateway: str = ""
    """Takes ``{"phone": …, "code": …}`` as JSON and answers 200 when it will be delivered."""
    secret_file: str = ""
    """Sent to the gateway as a bearer token."""
    countries: tuple[str, ...] = ("+86",)
    """Numbers that begin otherwise get no code: messages abroad are dear, and a way to make others pay."""
    per_hour: Annotated[int, msgspec.Meta(ge=1)] = limits.SMS_PER_HOUR
    """Codes of all addresses together."""


class Im(Setting, frozen=True, kw_only=True):
    """Conversations."""

    recall_seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 120
    """How long somebody can take an own message back."""


class Files(Setting, frozen=True, kw_only=True):
    """Where pictures, voices and documents of conversations are kept, each sealed under its own key."""

    store: Literal["folder", "s3"] = "folder"
    folder: str = "{data}/files"
    """One folder for all machines."""
    s3_url: str = ""
    """``https://host`` of the store."""
    s3_bucket: str = ""
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    s3_secret_file: str = "{data}/keys/s3-secret"


class Archive(Setting, frozen=True, kw_only=True):
    """Where bodies of old messages go, so that the database stays small: MongoDB, if anywhere."""

    url: str = ""
    """``mongodb://…`` or ``mongodb+srv://…``; empty: bodies stay in the database. Once something was moved it
    must stay."""
    database: str = "houzhen"
    after_days: int = 365
    """From which age on a body is moved; at least 30."""


NoticeKind = Literal["new_message", "consultation", "near_turn", "called"]


class NoticeTemplate(Setting, frozen=True, kw_only=True):
    """A template as the platform's console made it: its id, and what goes into each of its fields."""

    template: str
    fields: dict[str, str]


class Notices(Setting, frozen=True, kw_only=True):
    """What people are told who are not looking, by which application and template; empty: nothing."""

    night_begin: str = "22:00"
    """From then on whoever asked for quiet hears nothing, in China Standard Time."""
    night_end: str = "07:00"
    wechat_mini: dict[NoticeKind, NoticeTemplate] = {}
    wechat_page: dict[NoticeKind, NoticeTemplate] = {}
    alipay_mini: dict[NoticeKind, NoticeTemplate] = {}


class Consultations(Setting, frozen=True, kw_only=True):
    """图文问诊."""

    pay_minutes: Annotated[int, msgspec.Meta(ge=1, le=1440)] = 30
    """Unpaid for so long, it is over."""
    accept_minutes: Annotated[int, msgspec.Meta(ge=1, le=10_080)] = 120
    """Accepted by nobody for so long, it is over and the fee goes back."""
    pool_fee_fen: Annotated[int, msgspec.Meta(ge=0)] = 0
    """What a question to a department costs."""
    pool_turns: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20
    pool_hours: Annotated[int, msgspec.Meta(ge=1, le=168)] = 24
    sandbox_payment: bool = False
    """Fees are paid and given back by nobody. For demonstrations only; production refuses it."""


class Patients(Setting, frozen=True, kw_only=True):
    """就诊人: the people for whom one account comes here."""

    per_account: int = 5
    """How many an account may have."""


class HealthCard(Setting, frozen=True, kw_only=True):
    """电子健康卡: who issues the electronic health cards of patients."""

    provider: Literal["none", "offline", "provincial", "tencent"] = "none"
    """``offline``: this server itself, for demonstrations; refused in production."""
    address: str = ""
    """Where the issuer is asked: ``https://host/path`` of a provincial one, ``https://host`` of Tencent's."""
    app: str = ""
    """The application's id at the issuer."""
    hospital: str = ""
    """The hospital's id at Tencent's platform."""
    issuer: str = "HOUZHEN"
    """The issuer's code (``issuerOrgCode``), which people see and offline codes carry."""
    secret_file: str = "{data}/keys/health-card.key"
    """The application's secret; the key of an offline issuer, made at first start."""
    field_key_file: str = "{data}/keys/health-card-fields"
    """32 hex digits: the SM4 key of a provincial issuer's encrypted fields."""
    code_seconds: int = 60
    """How long a dynamic code lives, offline and at Tencent's; a provincial issuer says it itself."""
    static_codes: bool = False
    """Whether static codes are shown and taken."""
    once_per_scene: bool = True
    """Whether a dynamic code is good once in each scene."""


class Staff(Setting, frozen=True, kw_only=True):
    """Sign-in of staff: how long it lasts, how long a password does."""

    idle_minutes: int = 30
    """A session that nobody uses ends after so long."""
    administrators_idle_minutes: int = 15
    """The same, of the three administrators."""
    session_hours: int = 12
    """A session ends after so long, however much it is used."""
    password_days: int = 180
    """A password must be changed after so many days; ``0``: never."""


class Demo(Setting, frozen=True, kw_only=True):
    """The invented hospital of ``run.py dev``."""

    enabled: bool = False
    """Shows ready-made screen and staff tokens on the start page. Refused outside the embedded profile."""


class Settings(Setting, frozen=True, kw_only=True):
    """Everything."""

    profile: Literal["embedded", "production"]
    data: str = ".data"
    hospital: Hospital
    web: Web = Web()
    storage: Storage = Storage()
    broker: Broker = Broker()
    keys: Keys = Keys()
    audit: Audit = Audit()
    log: Log = Log()
    clock: Watch = Watch()
    metrics: Exposition = Exposition()
    retention: Retention = Retention()
    wechat: WeChat = WeChat()
    wechat_mini: WeChatMini = WeChatMini()
    alipay: Alipay = Alipay()
    sms: Sms = Sms()
    files: Files = Files()
    archive: Archive = Archive()
    im: Im = Im()
    notices: Notices = Notices()
    consultations: Consultations = Consultations()
    patients: Patients = Patients()
    health_card: HealthCard = HealthCard()
    staff: Staff = Staff()
    demo: Demo = Demo()
    own_lines: tuple[OwnLine, ...] = ()
    screens: tuple[Screen, ...] = ()
