"""Runs the recipe of docs/FILE.md ("Superset") in Superset itself, over its own API, and compares each answer with SQLite's.

    python superset.py REPORT.sqlite DOCS
"""

import os
import re
import secrets
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time

import requests  # Superset brings it.

REPORT, DOCS = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
SUPERSET = os.path.join(os.path.dirname(sys.executable), "superset")
GUIDE = open(os.path.join(DOCS, "FILE.md")).read().split("\n### Superset\n")[1].split("\n### ")[0]
MONDAYS = "1969-12-29T00:00:00Z/P1W"


def same(what, found, wanted):
    wanted = [list(row) for row in wanted]
    assert wanted, f"{what}: SQLite finds nothing, so this compares nothing"
    assert found == wanted, f"{what}:\nSuperset {found}\nSQLite   {wanted}"
    print(f"{what}: {len(found)} rows are those of SQLite", flush=True)


class Api:
    """Superset's API, signed in."""

    def __init__(self, url, password):
        self.url, self.session = url, requests.Session()
        who = {"username": "admin", "password": password, "provider": "db"}
        self.session.headers["authorization"] = f"Bearer {self.post('security/login', who)['access_token']}"
        answer = self.session.get(f"{url}/api/v1/security/csrf_token/")
        answer.raise_for_status()
        self.session.headers.update({"x-csrftoken": answer.json()["result"], "referer": url})

    def ask(self, method, path, body):
        return self.session.request(method, f"{self.url}/api/v1/{path}", json=body, timeout=120)

    def post(self, path, body, method="POST"):
        answer = self.ask(method, path, body)
        assert answer.ok, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()


def dataset(api, database, view):
    """A dataset over a view; its dates are known as such, in the form that they have in the file."""
    made = {"database": database, "schema": "main", "table_name": view}
    number = api.post("dataset/", made)["id"]
    columns = api.post(f"dataset/{number}", None, "GET")["result"]["columns"]
    for column in columns:
        for member in set(column) - {"id", "column_name", "type", "is_active", "filterable", "groupby"}:
            del column[member]
        if column["column_name"] == "date":
            column.update(is_dttm=True, python_date_format="%Y-%m-%d")
    api.post(f"dataset/{number}", {"columns": columns}, "PUT")
    return number


def chart(api, number, columns, metrics, orders, **more):
    """What a chart shows, as rows of its columns and metrics in order."""
    metric = lambda name, sql: {"expressionType": "SQL", "sqlExpression": sql, "label": name}
    metrics = [metric(name, sql) for name, sql in metrics.items()]
    query = {
        "columns": columns,
        "metrics": metrics or None,
        "orderby": [[metric("order", by) if metrics else by, up] for by, up in orders],
        "row_limit": 10_000,
        **more,
    }
    body = {"datasource": {"id": number, "type": "table"}, "queries": [query], "result_format": "json", "force": True}
    [result] = api.post("chart/data", body)["result"]
    assert result["error"] is None, result
    names = [one if isinstance(one, str) else one["label"] for one in columns] + [one["label"] for one in metrics]
    return [[row[name] for name in names] for row in result["data"]]


def the_recipe(api):
    uri = re.search(r"^sqlite:\S+$", GUIDE, re.M)[0].replace("/srv/reports/report.sqlite", REPORT)
    file = sqlite3.connect(f"file:{REPORT}?mode=ro&immutable=1", uri=True)
    made = {"database_name": "report", "sqlalchemy_uri": uri, "expose_in_sqllab": True}
    database = api.post("database/", made)["id"]

    statements = [block.strip().rstrip(";") for block in re.findall(r"```sql\n(.*?)```", GUIDE, re.S)]
    assert len(statements) == 4, statements
    lab = lambda sql: {"database_id": database, "schema": "main", "sql": sql, "runAsync": False, "queryLimit": 10_000}
    for sql in statements:
        answer = api.post("sqllab/execute/", lab(sql))
        names = [column["column_name"] for column in answer["columns"]]
        same(f"SQL Lab: {sql.split()[1]}", [[row[name] for name in names] for row in answer["data"]], file.execute(sql))
    refused = api.ask("POST", "sqllab/execute/", lab("DELETE FROM meta"))
    assert not refused.ok and "DML" in refused.text, refused.text

    weeks, steps, failures, profiles = (file.execute(sql).fetchall() for sql in statements)
    number = dataset(api, database, "incomplete_by_day")
    week = {"columnType": "BASE_AXIS", "expressionType": "SQL", "sqlExpression": "date", "label": "date", "timeGrain": MONDAYS}
    rate = "SUM(abandoned_measured) * 1.0 / NULLIF(SUM(measured), 0)"
    metrics = {"gave up": "SUM(abandoned_measured)", "measured": "SUM(measured)", "rate": rate}
    found = sorted(chart(api, number, [week], metrics, []))
    day = lambda milliseconds: time.strftime("%Y-%m-%d", time.gmtime(milliseconds / 1000))
    same("chart of weeks", [[day(row[0]), *row[1:]] for row in found], weeks)
    # A filter of time has the first day in it, and not the one after the last.
    begin, end = file.execute("SELECT date(min(date), '+2 days'), max(date) FROM incomplete_by_day").fetchone()
    sql = "SELECT sum(measured) FROM incomplete_by_day WHERE date >= ? AND date < ?"
    between = {"filters": [{"col": "date", "op": "TEMPORAL_RANGE", "val": f"{begin} : {end}"}]}
    found = chart(api, number, [], {"measured": "SUM(measured)"}, [], **between)
    same("chart of some days", found, file.execute(sql, [begin, end]))

    number = dataset(api, database, "steps_by_day")
    metrics = {"reached": "SUM(reached)", "gave up": "SUM(gave_up)", "rate": "SUM(gave_up) * 1.0 / NULLIF(SUM(reached), 0)"}
    reported = {"filters": [{"col": "reported", "op": "==", "val": 1}]}
    found = chart(api, number, ["section", "action"], metrics, [], **reported)
    same("chart of steps", sorted(found, key=repr), sorted(map(list, steps), key=repr))

    number = dataset(api, database, "failures_by_day")
    found = chart(api, number, ["code", "reason"], {"failures": "SUM(failed)"}, [])
    same("chart of failures", sorted(found, key=repr), sorted(map(list, failures), key=repr))

    number = dataset(api, database, "esp_by_profile")
    columns = ["profile", "sessions", "succeeded", "failed", "timed_out", "in_progress", "success_rate"]
    found = chart(api, number, columns, {}, [])
    same("table of profiles", sorted(found, key=repr), sorted(map(list, profiles), key=repr))


def main():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, password = f"http://127.0.0.1:{port}", secrets.token_urlsafe(16)
    with tempfile.TemporaryDirectory() as home:
        config = os.path.join(DOCS, "superset/superset_config.py")
        own = {"SUPERSET_HOME": home, "SUPERSET_CONFIG_PATH": config, "SUPERSET_SECRET_KEY": secrets.token_urlsafe(42)}
        log = open(os.path.join(home, "log"), "w+")
        common = {"env": {**os.environ, **own}, "stdout": log, "stderr": log, "cwd": home}
        admin = ["--username", "admin", "--firstname", "Ada", "--lastname", "Admin", "--email", "admin@contoso.example"]
        server = None
        try:
            for step in (["db", "upgrade"], ["fab", "create-admin", *admin, "--password", password], ["init"]):
                subprocess.run([SUPERSET, *step], check=True, **common)
            server = subprocess.Popen([SUPERSET, "run", "-p", str(port)], **common)
            while True:
                try:
                    requests.get(f"{url}/health", timeout=30).raise_for_status()
                    break
                except requests.ConnectionError:
                    assert server.poll() is None, "Superset does not start"
                    time.sleep(0.2)
            the_recipe(Api(url, password))
        except BaseException:
            log.seek(0)
            print(log.read()[-8000:], file=sys.stderr)
            raise
        finally:
            if server:
                server.kill()
                server.wait()


main()
