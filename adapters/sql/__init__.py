"""The truth: everything Houzhen must not lose, in SQLite or MariaDB, through one schema.

engine.py       one database: pool, session settings, how a URL is read
statement.py    SQLAlchemy Core expressions compiled once into the driver's own text
driver.py       many statements in one round trip, on aiosqlite and on aiomysql
transaction.py  a transaction that queues writes and sends them together
tables.py       the schema, with *_tables.py of the features; schema.py is all of it, migrations/ builds it
unit.py         what a use case holds: stores, outbox, commit
"""
