"""Settings of Apache Superset for report files. docs/FILE.md ("Superset") says how they are used."""

# Superset takes SQLite files as data only with this. Whoever may add a database can then open every SQLite file that
# Superset's account can read: leave that to administrators.
PREVENT_UNSAFE_DB_CONNECTIONS = False
