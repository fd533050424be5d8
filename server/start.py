"""What the start page links. Ready-made tokens exist in the demonstration only."""

from datetime import timedelta

from conf.settings import Settings
from core.actor import Role
from core.clock import Clock
from handlers.wire import Names, Start, StartDoctor, StartScreen
from realtime.tokens import HmacTokens
from server.tokens import screen_actor, staff_actor

DEMO_TOKEN = timedelta(days=1)


def start_answer(settings: Settings, tokens: HmacTokens, clock: Clock, build: str) -> Start:
    """The start page's links, with tokens while the demonstration runs."""
    ends = clock.now() + DEMO_TOKEN
    demo = settings.demo.enabled
    screens = [
        StartScreen(
            id=screen.id,
            kind=screen.kind,
            title=Names(zh=screen.title.zh, en=screen.title.en),
            token=tokens.sign(screen_actor(screen.id), expires_at=ends) if demo else None,
        )
        for screen in settings.screens
    ]
    nurse = staff_actor(Role.NURSE, "demo")
    return Start(
        demo=demo,
        hospital=Names(zh=settings.hospital.name.zh, en=settings.hospital.name.en),
        screens=screens,
        doctor=StartDoctor(token=tokens.sign(nurse, expires_at=ends) if demo else None),
        build=build,
    )
