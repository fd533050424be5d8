"""Which transports the front machine knows, by the name that stands in ``his.transport``.

A transport is one function: settings in, ``HisLink`` out. Adding one is adding a line here; mapping,
conversion, long-polling and everything else stay as they are.
"""

from collections.abc import Callable, Mapping

from adapters.his.db_view import open_db_view
from front_machine.his import HisLink
from front_machine.mapping import MappingRefused
from front_machine.settings import His

TRANSPORTS: Mapping[str, Callable[[His], HisLink]] = {"db_view": open_db_view}


def open_his(settings: His) -> HisLink:
    """Make the link that the settings name. Connects to nothing yet. Raises ``MappingRefused``."""
    transport = TRANSPORTS.get(settings.transport)
    if transport is None:
        raise MappingRefused("his.transport", f"unknown; known are {', '.join(TRANSPORTS)}")
    return transport(settings)
