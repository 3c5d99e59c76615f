"""Puts finished runs, a line of JSON each on standard input, into MLflow's SQLite database as its server would have.

Asking the server itself for 100,000 runs takes an hour. Arguments: the database, a new experiment's name. Prints its id.
"""

import json
import sqlite3
import sys
import uuid

path, experiment = sys.argv[1:]
database = sqlite3.connect(path)
number = database.execute("SELECT max(experiment_id) + 1 FROM experiments").fetchone()[0]
database.execute(
    "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time)"
    " VALUES (?, ?, ?, 'active', 0, 0)",
    (number, experiment, f"mlflow-artifacts:/{number}"),
)
for line in sys.stdin:
    run = json.loads(line)
    name, start, id = run["name"], run["startMs"], uuid.uuid4().hex
    database.execute(
        "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time,"
        " end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
        " VALUES (?, ?, 'UNKNOWN', '', '', 'ada', 'FINISHED', ?, ?, '', 'active', ?, ?)",
        (id, name, start, start + 1_000, f"mlflow-artifacts:/{number}/{id}/artifacts", number),
    )
    metrics = [(key, value, start, id) for key, value in run["metrics"].items()]
    for table in ("metrics", "latest_metrics"):
        database.executemany(
            f"INSERT INTO {table} (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, 0, 0)", metrics
        )
    for table in ("params", "tags"):
        database.executemany(
            f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)",
            [(key, value, id) for key, value in run[table].items()],
        )
database.commit()
print(number)
