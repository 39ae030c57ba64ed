"""Posts the events on standard input to a URL as CloudEvents' SDK writes them: argv is the URL and the mode."""

import http.client
import json
import sys
from datetime import datetime
from urllib.parse import urlsplit

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.conversion import to_binary, to_structured
from cloudevents.v1.http import CloudEvent as OlderEvent


def newer(attributes, data):
    attributes = {"specversion": "1.0", **attributes}
    attributes["time"] = datetime.fromisoformat(attributes["time"].replace("Z", "+00:00"))
    return CloudEvent(attributes, data)


def written(mode, attributes, data):
    """The headers and the body of one event."""
    if mode == "binary":
        message = to_binary_event(newer({**attributes, "datacontenttype": "application/json"}, data))
        return message.headers, message.body
    if mode == "structured":
        message = to_structured_event(newer(attributes, data))
        return message.headers, message.body
    if mode == "older binary":
        return to_binary(OlderEvent(attributes, data))
    if mode == "older structured":
        return to_structured(OlderEvent(attributes, data))
    # Data given as bytes is written in base64.
    return to_structured(OlderEvent({**attributes, "datacontenttype": "application/json"}, json.dumps(data).encode()))


def requests(mode, events):
    if mode != "batch":
        return [written(mode, attributes, data) for attributes, data in events]
    bodies = [written("structured", attributes, data)[1] for attributes, data in events]
    # The content type that Azure Event Grid uses.
    return [({"content-type": "application/cloudevents-batch+json; charset=utf-8"}, b"[" + b",".join(bodies) + b"]")]


url, mode = urlsplit(sys.argv[1]), sys.argv[2]
events = [(event, event.pop("data")) for event in json.load(sys.stdin)]
for headers, body in requests(mode, events):
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    connection.request("POST", url.path, body, headers)
    answer = connection.getresponse()
    print(answer.status, len(answer.read()))
