#!/usr/bin/env python3
"""Sends the events of a training run to an MLflow server, over its REST interface.

    MLFLOW_TRACKING_URI=http://tracker:5000 \\
        sparsebert-gpu train --eval-steps 500 --on-event "python3 examples/trackers/mlflow.py"

It needs Python alone. MLFLOW_EXPERIMENT_ID is the experiment, 0 if not given. The id of the
run is kept in the run folder, so that a resumed run goes on in the same one.
"""
import json
import os
import sys
import time
import urllib.request

event = json.load(sys.stdin)
server = os.environ["MLFLOW_TRACKING_URI"].rstrip("/")


def call(what, **body):
    request = urllib.request.Request(
        f"{server}/api/2.0/mlflow/runs/{what}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


now = int(time.time() * 1000)
known = os.path.join(event["run"], "mlflow-run-id")
if os.path.exists(known):
    with open(known) as file:
        run = file.read()
else:
    experiment = os.environ.get("MLFLOW_EXPERIMENT_ID", "0")
    name = os.path.basename(event["run"])
    run = call("create", experiment_id=experiment, run_name=name, start_time=now)["run"]["info"]["run_id"]
    with open(known, "w") as file:
        file.write(run)

if event["event"] == "evaluation":
    metrics = [
        {"key": f"{kind}/{key}", "value": value, "timestamp": now, "step": int(numbers["step"])}
        for kind, numbers in event["metrics"].items()
        for key, value in numbers.items()
        if key != "step"
    ]
    call("log-batch", run_id=run, metrics=metrics)
elif event["event"] == "save":
    call("log-batch", run_id=run, tags=[{"key": "checkpoint", "value": event["checkpoint"]}])
elif event["event"] == "end":
    status = {"done": "FINISHED", "stopped": "KILLED"}.get(event["state"], "FAILED")
    call("update", run_id=run, status=status, end_time=now)
