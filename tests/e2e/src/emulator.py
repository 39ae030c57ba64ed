"""Starts ministack with the conditions of our policies that it lacks: dynamodb:LeadingKeys and kms:EncryptionContext.

As on AWS, the first has the partition keys that a request names, and each member of a transaction is judged by its own. The
second has a key for each member of the encryption context of a request.

It also lacks two kinds of resources, which nothing in a stack calls: a budget and saved queries. They are made and deleted
there as names alone; whether AWS takes them as the template has them, only cfn-lint and a real account show.
"""

import json

from ministack import app
from ministack.core import iam_actions, iam_evaluator
from ministack.services.cloudformation import provisioners

KEYS = "dynamodb:LeadingKeys"
service_context = iam_actions.dynamodb_service_context
transaction_checks = iam_actions.dynamodb_transaction_checks
tag_context = iam_actions.request_tag_context
enforce = iam_evaluator.enforce


class Table(str):
    """The ARN of the table of one member of a transaction, with the member's partition keys."""

    keys = ()


def text(attributes):
    value = (attributes or {}).get("pk", {})
    return [value["S"]] if "S" in value else []


def keys_of(call):
    """The partition keys of a call, or of a member of a transaction."""
    found = text(call.get("Key")) or text(call.get("Item"))
    condition = call.get("KeyConditionExpression", "")
    if "=" in condition:
        name = condition.split("=", 1)[1].split()[0].rstrip(")")
        value = call.get("ExpressionAttributeValues", {}).get(name, {})
        found += [value["S"]] if "S" in value else []
    for wanted in call.get("RequestItems", {}).values():
        for one in wanted.get("Keys", []) if isinstance(wanted, dict) else wanted:
            put, delete = one.get("PutRequest", {}), one.get("DeleteRequest", {})
            found += text(one) or text(put.get("Item")) or text(delete.get("Key"))
    return sorted(set(found))


def context_with_keys(body):
    keys = keys_of(json.loads(body or b"{}"))
    return {**service_context(body), **({KEYS: keys} if keys else {})}


def checks_with_keys(action, body, region, account):
    checks = transaction_checks(action, body, region, account)
    members = json.loads(body or b"{}").get("TransactItems", []) if checks else []
    details = [detail for member in members for detail in member.values()]
    assert len(details) == len(checks)
    judged = []
    for (item_action, arn), detail in zip(checks, details):
        table = Table(arn)
        table.keys = keys_of(detail)
        judged.append((item_action, table))
    return judged


def enforce_with_keys(*arguments, resource_arn="*", service_context=None, **others):
    if isinstance(resource_arn, Table) and resource_arn.keys:
        service_context = {**(service_context or {}), KEYS: resource_arn.keys}
    return enforce(*arguments, resource_arn=resource_arn, service_context=service_context, **others)


def context_of_secrets(service, action, body, parameters):
    call = json.loads(body or b"{}") if service == "kms" else {}
    named = {f"kms:EncryptionContext:{name}": value for name, value in call.get("EncryptionContext", {}).items()}
    return {**tag_context(service, action, body, parameters), **named}


def make(logical_id, properties, stack):
    return f"{stack}-{logical_id}", {}


def change(physical_id, before, properties, stack):
    return physical_id, {}


def delete(physical_id, properties):
    pass


for kind in ["AWS::Budgets::Budget", "AWS::Logs::QueryDefinition"]:
    assert kind not in provisioners._RESOURCE_HANDLERS, f"it has {kind} by now"
    provisioners._RESOURCE_HANDLERS[kind] = {"create": make, "update": change, "delete": delete}
iam_actions.request_tag_context = context_of_secrets
iam_actions.dynamodb_service_context = context_with_keys
iam_actions.dynamodb_transaction_checks = checks_with_keys
iam_evaluator.enforce = enforce_with_keys
app.main()
