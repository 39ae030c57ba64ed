/*
 * Asking an opened file, with SQLite's part played by a list of statements and their rows.
 *
 * What must stay true: this tests what is made of rows; that a file's own statements give what the server answers is
 * tested in a browser, over a real file.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FileApi } from '../assets/file/api.js';
import { answer } from '../assets/file/questions.js';

const question = (name, more) => ({
  name,
  answer: 'row',
  booleans: '',
  parameters: '{}',
  refusal: 'refuse',
  sql: name,
  ...more,
});

/** A file that has these questions, and answers these rows. */
const fileOf = (questions, rows) => ({
  isSummary: false,
  asked: [],
  question: async (name) => questions.filter((one) => one.name === name || one.name.startsWith(`${name}.`)),
  async rows(sql, values) {
    this.asked.push([sql, values]);
    return rows[sql] ?? [];
  },
});

test('empty parameters are left out, and a parameter may be given once', async () => {
  const file = fileOf([question('attempts', { parameters: '{"from": "…", "os": "…", "to": "…"}' })], {
    attempts: [{}],
  });
  await answer(file, 'attempts', { from: ' 2026-11-01 ', to: '', os: null }, {});
  assert.deepEqual(file.asked[0], ['refuse', { ':from': '2026-11-01' }]);
  const twice = answer(file, 'attempts', new URLSearchParams('os=ios&os=android'), {});
  await assert.rejects(twice, { status: 400, detail: 'os: is given twice' });
});

test('an answer has the members of its question, by their kinds', async () => {
  const file = fileOf(
    [
      question('attempts', { parameters: '{"os": "…"}', booleans: 'isOpen' }),
      question('attempts.attempts', { answer: 'page', booleans: 'resolved' }),
      question('attempts.sums', { answer: 'merged' }),
      question('attempts.slowest', { answer: 'slow rows' }),
    ],
    {
      attempts: [{ as_of: 'now', is_open: 1, slowest: null }],
      'attempts.attempts': [
        { attempt_id: 'a', resolved: 0, next_cursor: 'x' },
        { attempt_id: 'b', resolved: null, events_json: '[1]', next_cursor: 'y' },
      ],
      'attempts.sums': [{ abandoned: 3 }],
      'attempts.slowest': [{ app: 'Office' }],
    },
  );
  const parts = [];
  const whole = await answer(file, 'attempts', { os: 'ios' }, { onPart: (part) => parts.push(part) });
  assert.deepEqual(whole, {
    asOf: 'now',
    isOpen: true,
    abandoned: 3,
    next: 'y',
    attempts: [
      { attemptId: 'a', resolved: false },
      { attemptId: 'b', resolved: null, events: [1] },
    ],
    slowest: [{ app: 'Office' }],
  });
  assert.equal(parts.length, 1);
  assert.equal(parts[0].slowest, null);
  assert.deepEqual(file.asked[0], ['refuse', { ':os': 'ios' }]);
});

test('a parameter that the question does not know, or refuses, gives no answer', async () => {
  const file = fileOf([question('attempts', { parameters: '{"from": "…"}' })], {
    refuse: [{ field: 'from', problem: 'must be a date' }],
  });
  await assert.rejects(answer(file, 'attempts', { colour: 'red' }, {}), { status: 400 });
  await assert.rejects(answer(file, 'attempts', { from: 'x' }, {}), { status: 400, detail: 'from: must be a date' });
});

test('what a file or a summary does not have is said', async () => {
  const file = fileOf([], {});
  await assert.rejects(answer(file, 'limbo', null, {}), { status: 404, title: 'Not in a file' });
  await assert.rejects(answer({ ...file, isSummary: true }, 'limbo', null, {}), {
    status: 404,
    title: 'Not in a summary',
  });
  assert.equal(await answer(fileOf([question('attempt')], {}), 'attempt', null, {}), null);
});

test('a file says which parameters an operation takes, and none of an operation that it does not answer', async () => {
  const file = fileOf(
    [
      question('overview', { parameters: '{"from": "…", "model": "…"}' }),
      question('overview.steps'),
      question('esp-profiles.value'),
    ],
    {},
  );
  const api = new FileApi(/** @type {any} */ (file), {});
  assert.deepEqual(await api.parametersOf('getOverview'), ['from', 'model']);
  assert.deepEqual(await api.parametersOf('listEspProfiles'), []);
  assert.deepEqual(await api.parametersOf('getIncompleteEnrollments'), []);
  assert.deepEqual(await api.parametersOf('requestFile'), []);
});
