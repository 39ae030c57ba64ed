"""The usual handler in Python: FastAPI and boto3.

It receives a signed CloudEvent (https://www.standardwebhooks.com) and writes it twice, as textbooks do: the event
itself, once, and the device's current state, unless that is newer already. It answers 202 when both are stored.

Its environment: WEBHOOK_SECRET, TABLE, and what boto3 reads itself (AWS_ENDPOINT_URL_DYNAMODB, keys, region).
"""

import base64
import hashlib
import hmac
import json
import os
import time
from datetime import datetime, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool

TOLERANCE_SECONDS = 300
RETENTION_SECONDS = 90 * 86_400
DUE_SECONDS = 3_600

SECRET = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
TABLE = os.environ["TABLE"]

# Starlette runs blocking work on 40 threads.
dynamodb = boto3.client("dynamodb", region_name=os.environ["AWS_REGION"], config=Config(max_pool_connections=40))
app = FastAPI(openapi_url=None)


def verify(headers, body: bytes) -> None:
    """Raises 401 unless the sender signed the body within five minutes of now."""
    try:
        message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
        signatures = headers["webhook-signature"]
        apart = abs(time.time() - int(timestamp))
    except (KeyError, ValueError):
        raise HTTPException(401) from None
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256))
    # One of them, while a secret is being replaced.
    if not any(hmac.compare_digest(expected, one.encode()) for one in signatures.split(" ")):
        raise HTTPException(401)
    if apart > TOLERANCE_SECONDS:
        raise HTTPException(401)


def read(body: bytes) -> dict:
    """The event, and what is stored of it; raises 400 if it has not the form of one."""
    try:
        event = json.loads(body)
        at = datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
        if at.tzinfo is None or event["specversion"] != "1.0":
            raise ValueError
        found = {
            "id": event["id"],
            "source": event["source"],
            "type": event["type"],
            "at": int(at.astimezone(timezone.utc).timestamp() * 1000),
            "serial": event["data"]["device"]["serialNumber"],
        }
        if not all(isinstance(found[name], str) and found[name] for name in ("id", "source", "type", "serial")):
            raise ValueError
        return found
    except (AttributeError, KeyError, TypeError, ValueError):
        raise HTTPException(400) from None


def store(tenant: str, event: dict, body: bytes) -> None:
    """Stores both. An event that is sent again changes nothing."""
    device = f"device#{tenant}#{event['serial']}"
    now = int(time.time())
    try:
        dynamodb.put_item(
            TableName=TABLE,
            Item={
                "pk": {"S": device},
                "sk": {"S": f"event#{event['source']}#{event['id']}"},
                "type": {"S": event["type"]},
                "at": {"N": str(event["at"])},
                "body": {"S": body.decode()},
                "x": {"N": str(now + RETENTION_SECONDS)},
            },
            ConditionExpression="attribute_not_exists(pk)",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        # Its state may be missing, if this process died in between.
        pass
    try:
        dynamodb.update_item(
            TableName=TABLE,
            Key={"pk": {"S": device}, "sk": {"S": "state"}},
            UpdateExpression="SET #state = :state, #at = :at, cp = :tenant, cb = :hour, ds = :tenant, da = :due, x = :x",
            ConditionExpression="attribute_not_exists(pk) OR #at <= :at",
            ExpressionAttributeNames={"#state": "state", "#at": "at"},
            ExpressionAttributeValues={
                ":state": {"S": event["type"]},
                ":at": {"N": str(event["at"])},
                ":tenant": {"S": tenant},
                ":hour": {"N": str(now // 3_600)},
                ":due": {"N": str(event["at"] + DUE_SECONDS * 1000)},
                ":x": {"N": str(now + RETENTION_SECONDS)},
            },
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        # A later event is stored.
        pass


@app.post("/hooks/{tenant}/enrollment-events")
async def receive(tenant: str, request: Request) -> Response:
    body = await request.body()
    verify(request.headers, body)
    event = read(body)
    try:
        await run_in_threadpool(store, tenant, event, body)
    except ClientError:
        raise HTTPException(503) from None
    return Response(status_code=202)
