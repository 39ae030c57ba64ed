// The usual handler in Node: its own HTTP server and the AWS SDK v3.
//
// It receives a signed CloudEvent (https://www.standardwebhooks.com) and writes it twice, as textbooks do: the event
// itself, once, and the device's current state, unless that is newer already. It answers 202 when both are stored.
//
// Its environment: WEBHOOK_SECRET, TABLE, and what the SDK reads itself (AWS_ENDPOINT_URL_DYNAMODB, keys, region).

import { createServer } from 'node:http';
import { createHmac, timingSafeEqual } from 'node:crypto';
import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';

const TOLERANCE_SECONDS = 300;
const RETENTION_SECONDS = 90 * 86_400;
const DUE_MILLIS = 3_600_000;
const MOST_BYTES = 1 << 20;

const SECRET = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ''), 'base64');
const TABLE = process.env.TABLE;
const dynamodb = new DynamoDBClient({});

/** An answer other than 202. */
class Refused extends Error {
  constructor(status) {
    super(`${status}`);
    this.status = status;
  }
}

async function read(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > MOST_BYTES) throw new Refused(413);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Refuses with 401 unless the sender signed the body within five minutes of now. */
function verify(headers, body) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  if (!id || !timestamp || !signatures) throw new Refused(401);
  const mac = createHmac('sha256', SECRET).update(`${id}.${timestamp}.`).update(body).digest('base64');
  const expected = Buffer.from(`v1,${mac}`);
  // One of them, while a secret is being replaced.
  const matches = signatures.split(' ').some((one) => {
    const offered = Buffer.from(one);
    return offered.length === expected.length && timingSafeEqual(offered, expected);
  });
  if (!matches || !(Math.abs(Date.now() / 1000 - Number(timestamp)) <= TOLERANCE_SECONDS)) throw new Refused(401);
}

/** The event, and what is stored of it; refuses with 400 if it has not the form of one. */
function parse(body) {
  let event;
  try {
    event = JSON.parse(body);
  } catch {
    throw new Refused(400);
  }
  const found = {
    id: event?.id,
    source: event?.source,
    type: event?.type,
    serial: event?.data?.device?.serialNumber,
  };
  const at = Date.parse(event?.time);
  const areTexts = Object.values(found).every((text) => typeof text === 'string' && text !== '');
  if (!areTexts || event.specversion !== '1.0' || Number.isNaN(at)) throw new Refused(400);
  return { ...found, at };
}

/** Sends a conditional write; that its condition fails is no error. */
async function write(command) {
  try {
    await dynamodb.send(command);
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
  }
}

/** Stores both. An event that is sent again changes nothing. */
async function store(tenant, event, body) {
  const device = `device#${tenant}#${event.serial}`;
  const now = Math.floor(Date.now() / 1000);
  const expires = { N: `${now + RETENTION_SECONDS}` };
  await write(
    new PutItemCommand({
      TableName: TABLE,
      Item: {
        pk: { S: device },
        sk: { S: `event#${event.source}#${event.id}` },
        type: { S: event.type },
        at: { N: `${event.at}` },
        body: { S: body.toString() },
        x: expires,
      },
      ConditionExpression: 'attribute_not_exists(pk)',
    }),
  );
  // Also after an event that is there: its state may be missing, if this process died in between.
  await write(
    new UpdateItemCommand({
      TableName: TABLE,
      Key: { pk: { S: device }, sk: { S: 'state' } },
      UpdateExpression: 'SET #state = :state, #at = :at, cp = :tenant, cb = :hour, ds = :tenant, da = :due, x = :x',
      ConditionExpression: 'attribute_not_exists(pk) OR #at <= :at',
      ExpressionAttributeNames: { '#state': 'state', '#at': 'at' },
      ExpressionAttributeValues: {
        ':state': { S: event.type },
        ':at': { N: `${event.at}` },
        ':tenant': { S: tenant },
        ':hour': { N: `${Math.floor(now / 3_600)}` },
        ':due': { N: `${event.at + DUE_MILLIS}` },
        ':x': expires,
      },
    }),
  );
}

async function receive(request) {
  const [, tenant] = /^\/hooks\/([^/]+)\/enrollment-events$/.exec(request.url) ?? [];
  if (!tenant || request.method !== 'POST') throw new Refused(404);
  const body = await read(request);
  verify(request.headers, body);
  await store(decodeURIComponent(tenant), parse(body), body);
}

const server = createServer((request, response) => {
  receive(request).then(
    () => response.writeHead(202).end(),
    (error) => response.writeHead(error instanceof Refused ? error.status : 503).end(),
  );
});
server.listen(0, '127.0.0.1', () => console.error(`Listening on http://127.0.0.1:${server.address().port}`));
