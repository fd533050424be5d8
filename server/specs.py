"""Configured screens and own lines, as the queue takes them."""

import dataclasses

import msgspec

from conf.settings import OwnLine, Screen
from core.ids import DepartmentId, DoctorId, LineId, RoomId, ScreenId
from queue_display.board import ScreenSpec
from queue_display.configuring import OwnLineSpec
from queue_display.line import LineSettings
from server.outcomes import CannotStart


def screen_spec(screen: Screen) -> ScreenSpec:
    """A configured screen as the queue takes it."""
    return ScreenSpec(
        id=ScreenId(screen.id),
        kind=screen.kind,
        title_zh=screen.title.zh,
        title_en=screen.title.en,
        lines=tuple(LineId(line) for line in screen.lines),
        departments=tuple(DepartmentId(department) for department in screen.departments),
        rooms=tuple(RoomId(room) for room in screen.rooms),
    )


def own_line_spec(line: OwnLine) -> OwnLineSpec:
    """A configured line as the queue takes it. Raises ``CannotStart`` naming a setting that cannot be."""
    unknown = set(line.settings) - {field.name for field in dataclasses.fields(LineSettings)}
    if unknown:
        raise CannotStart(f"own_lines.{line.id}.settings.{min(unknown)}: unknown key")
    try:
        settings = msgspec.convert(line.settings, LineSettings)
    except (msgspec.ValidationError, ValueError) as error:
        raise CannotStart(f"own_lines.{line.id}.settings: {error}") from error
    return OwnLineSpec(
        id=LineId(line.id),
        name=line.name,
        department=DepartmentId(line.department),
        department_name=line.department_name,
        rooms=tuple((RoomId(room.id), room.name) for room in line.rooms),
        doctor=None if line.doctor is None else DoctorId(line.doctor),
        settings=settings,
    )
