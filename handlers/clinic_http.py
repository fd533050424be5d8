"""The hospital's directory over HTTP: departments, doctors, rooms. Anybody may look."""

from clinic import wire
from core.actor import Actor
from handlers.deps import Deps
from handlers.routes import Routes

routes = Routes(tag="directory")


@routes.get("/v1/departments", action="directory.look", summary="Departments")
async def departments(deps: Deps, actor: Actor, query: wire.DepartmentQuery) -> wire.DepartmentPage:
    """By code; ``next`` is the cursor of the following page."""
    return await deps.directory.departments(query)


@routes.get("/v1/doctors", action="directory.look", summary="Doctors")
async def doctors(deps: Deps, actor: Actor, query: wire.DirectoryQuery) -> wire.DoctorPage:
    """By code, perhaps of one department. Who works in two departments is listed twice."""
    return await deps.directory.doctors(query)


@routes.get("/v1/rooms", action="directory.look", summary="Rooms, and where they are")
async def rooms(deps: Deps, actor: Actor, query: wire.DirectoryQuery) -> wire.RoomPage:
    """By code, perhaps of one department."""
    return await deps.directory.rooms(query)
