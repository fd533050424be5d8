"""What the start page links. Ready-made tokens exist in the demonstration only."""

from collections.abc import Sequence
from datetime import timedelta

from conf.settings import Settings
from core.actor import Role
from handlers.wire import Names, Start, StartDoctor, StartScreen
from server.demo_staff import DemoAccount, shown
from server.tokens import Issuer, screen_actor, staff_actor

DEMO_TOKEN = timedelta(days=1)


def start_answer(settings: Settings, issuer: Issuer, build: str, employed: Sequence[DemoAccount]) -> Start:
    """The start page's links, with tokens and ready-made accounts while the demonstration runs."""
    demo = settings.demo.enabled
    screens = [
        StartScreen(
            id=screen.id,
            kind=screen.kind,
            title=Names(zh=screen.title.zh, en=screen.title.en),
            token=issuer.issue(screen_actor(screen.id), good_for=DEMO_TOKEN).token if demo else None,
        )
        for screen in settings.screens
    ]
    nurse = staff_actor(Role.NURSE, "demo")
    return Start(
        demo=demo,
        hospital=Names(zh=settings.hospital.name.zh, en=settings.hospital.name.en),
        screens=screens,
        doctor=StartDoctor(token=issuer.issue(nurse, good_for=DEMO_TOKEN).token if demo else None),
        build=build,
        staff=shown(employed, at=issuer.now()) if demo else [],
    )
