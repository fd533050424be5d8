"""Live updates: who hears what, in which order, and how a client that was away catches up.

    codes      every error and close code of the protocol
    frames     JSON text ↔ typed commands, replies and pushes
    channels   the one policy table: who may subscribe, what is kept
    stream     positions, and what a returning client has missed
    feed       one channel as this process hears it
    session    one client's side of the protocol; commands and admission decide, effects are what it wants
               done, turn is the order in which, subscription what each stands on
    terms      what is the same for every session
    fanout     one publication as ready bytes to everyone who listens
    websocket  RFC 6455 between bytes and messages
    outbox     frames waiting for a slow client
    wheel      deadlines of many connections
    tokens     who is asking
    revoking   taking tokens back; revocations, what of that is known
    control    what one process may ask of all
    crowds     how many sockets one address may hold, and begin
    roster     whose connections this process holds
    floods     what comes too often, said once a while
    broker     the port to other processes
    attendance who watches, and who comes and goes
    hub        feeds of this process and their subscribers (tap: one feed and its broker side)
    client     one session driven against the hub (calls: the application's methods)

All but ``hub``, ``calls`` and ``client`` are free of I/O: no socket, no loop, no clock of their own.
"""
