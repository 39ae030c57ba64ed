"""Settings of Apache Superset for report files. docs/FILE.md ("Superset") says how they are used."""

# Superset takes SQLite files as data only with this. Whoever may add a database, or ask in SQL Lab (which lets ATTACH
# pass), can then open every SQLite file that Superset's account can read.
PREVENT_UNSAFE_DB_CONNECTIONS = False
