/*
 * The kit's pure modules: forms, words, addresses, days of filters.
 *
 * What must stay true: the forms are those of `forms.json`, which the server's words are tested with too.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { addressOf, readAddress, segment } from '../assets/kit/address.js';
import { called } from '../assets/kit/called.js';
import { csvOf } from '../assets/kit/csv.js';
import { calendar, keptRange, lastDays, rangeIn } from '../assets/kit/filters.js';
import * as format from '../assets/kit/format.js';
import lexicon from '../assets/kit/lexicon.js';
import { markedNotes, markedSpans, noteDays, notedOn } from '../assets/kit/notes.js';
import { ApiProblem } from '../assets/kit/problem.js';
import { fileName } from '../assets/kit/save.js';
import * as words from '../assets/kit/words.js';

test('numbers, times and days have the form that all surfaces have', () => {
  const examples = JSON.parse(readFileSync(new URL('forms.json', import.meta.url), 'utf8'));
  for (const [form, list] of Object.entries(examples)) {
    for (const [value, expected] of list) assert.equal(format[form](value), expected, `${form} of ${value}`);
  }
});

test('an instant is shown in the zone it is asked in, an unknown zone as UTC and said so', () => {
  assert.equal(format.dateTime('2026-11-21T23:30:00Z', 'Europe/Berlin'), '22 Nov 2026, 00:30');
  assert.equal(format.dateTimeSeconds('2026-11-21T23:30:07Z'), '21 Nov 2026, 23:30:07');
  assert.equal(format.dateTime('2026-11-21T23:30:00Z', 'Nowhere/At'), '21 Nov 2026, 23:30 UTC');
  assert.equal(format.dateTime('soon'), format.NONE);
  assert.equal(format.dateIn('2026-11-21T23:30:00Z', 'Europe/Berlin'), '2026-11-22');
});

test('days are counted over the change of the clock and of the year', () => {
  assert.equal(format.addDays('2026-12-31', 1), '2027-01-01');
  assert.equal(format.addDays('2026-03-01', -1), '2026-02-28');
  assert.equal(format.daysBetween('2026-03-28', '2026-03-30'), 2);
  assert.equal(format.weekday('2026-11-21'), 'Sat, 21 Nov 2026');
});

test('what nobody reported is said, and is no zero', () => {
  assert.equal(format.orNotReported(null, format.count), format.NOT_REPORTED);
  assert.equal(format.orNotReported(null, format.count, 0), format.NONE);
  assert.equal(format.orNotReported(0, format.count), '0');
  assert.equal(format.rateWithN(null, 0), '— (n = 0)');
});

test('what is past is said in the largest unit', () => {
  assert.deepEqual([0, 59, 60, 3599, 3600, 86_399, 86_400, 200_000, null].map(format.ago), [
    'just now',
    'just now',
    '1 min ago',
    '59 min ago',
    '1 h ago',
    '23 h ago',
    '1 day ago',
    '2 days ago',
    '—',
  ]);
});

test('a name has its words, one that is not listed its own', () => {
  assert.equal(words.section('enrollmentStatusPage'), lexicon.section.enrollmentStatusPage);
  assert.equal(words.action('deviceSetup'), lexicon.phase.deviceSetup);
  assert.equal(words.action('AwaitConfiguration'), lexicon.otherAction.AwaitConfiguration);
  assert.equal(words.platform('all'), lexicon.platformGroup.all);
  assert.equal(words.outcome('somethingNew'), 'Something new');
  assert.equal(words.outcome('constructor'), 'Constructor');
  for (const missing of [null, undefined, '']) assert.equal(words.outcome(missing), format.NONE);
  assert.deepEqual(
    words.choices('phase').map(([name]) => name),
    ['devicePreparation', 'deviceSetup', 'accountSetup'],
  );
});

test('a place that ran out of time says the limits that ran out', () => {
  assert.equal(words.how('cancel'), lexicon.cause.cancel);
  assert.equal(words.how('timedOut'), 'Over 30 min');
  assert.equal(words.how('timedOut', 45, 45), 'Over 45 min');
  assert.equal(words.how('timedOut', 30, 90), 'Over 30 min to 1 h 30 min');
});

test('every word of the lexicon can be had', () => {
  const say = Object.values(words).filter((one) => typeof one === 'function');
  // The short names of sections are for the mailed page's chart, and a step on the web comes with its words.
  const lists = Object.entries(lexicon).filter(([list]) => !['sectionShort', 'webStep'].includes(list));
  for (const [list, names] of lists) {
    const [name, text] = Object.entries(names)[0];
    assert.ok(
      say.some((one) => one !== words.choices && one(name) === text),
      `${list} ${name}`,
    );
  }
});

test('an address is read as it was written', () => {
  const address = addressOf(`attempt/${segment('a/b?c')}`, {
    from: '2026-11-01',
    os: '',
    to: null,
    user: 'a&b@c.example',
  });
  assert.equal(address, '#/attempt/a%2Fb%3Fc?from=2026-11-01&user=a%26b%40c.example');
  const { path, rest, parameters } = readAddress(address);
  assert.deepEqual([path, rest, parameters.get('user')], ['attempt', ['a/b?c'], 'a&b@c.example']);
  assert.deepEqual(readAddress('#/%E0%A4%A/x').path, '%E0%A4%A');
  assert.deepEqual(readAddress(''), { path: '', rest: [], parameters: new URLSearchParams() });
});

test('an operation has its path filled in and its question named', () => {
  assert.deepEqual(called('getFileLink', { id: 'a/b', part: 'summary', other: '' }), {
    method: 'GET',
    path: '/api/reports/files/a%2Fb/link',
    query: [['part', 'summary']],
    question: null,
    inPath: [['id', 'a/b']],
  });
  const { path, query, question } = called('getAttempts', new URLSearchParams('os=ios&user=&limit=50'));
  assert.deepEqual([path, question], ['/api/reports/incomplete-enrollments/attempts', 'attempts']);
  assert.deepEqual(query, [
    ['os', 'ios'],
    ['limit', '50'],
  ]);
});

test('days of a filter end with the day that is not among them', () => {
  const tenant = { today: '2026-11-21', settings: { timeZone: 'Europe/Berlin', retentionDays: 90 } };
  assert.deepEqual(calendar(tenant), { zone: 'Europe/Berlin', today: '2026-11-21' });
  assert.deepEqual(lastDays('2026-11-21', 14), { from: '2026-11-08', to: '2026-11-22' });
  assert.deepEqual(keptRange(tenant), { from: '2026-08-23', to: '2026-11-22' });
  assert.deepEqual(keptRange(tenant, { from: '2026-11-01' }), { from: '2026-11-01', to: '2026-11-22' });
  assert.deepEqual(rangeIn(new URLSearchParams('from=2026-02-30x&to=2026-11-22')), { from: null, to: '2026-11-22' });
});

test('a problem has words whatever the server sent', () => {
  assert.equal(new ApiProblem(0).title, 'No answer');
  assert.equal(new ApiProblem(503, {}).message, 'The server answered 503.');
  const { title, detail, members } = new ApiProblem(400, {
    title: 'Malformed',
    detail: 'from: is no day',
    errors: [1],
  });
  assert.deepEqual([title, detail, members.errors], ['Malformed', 'from: is no day', [1]]);
});

test('a table as CSV: numbers as they are, quotation marks doubled, no text a formula', () => {
  assert.equal(
    csvOf([
      ['Model', 'Initiated', 'Rate'],
      ['iPad, 9th "gen"', 1094, 0.25],
      ['=HYPERLINK("x")', -3, null],
      ['  +1', 0, format.NONE],
      ['a; =1', 1, 'b\t@c'],
      ['＝1', 1, 'line\nbreak'],
    ]),
    [
      'Model,Initiated,Rate',
      '"iPad, 9th ""gen""",1094,0.25',
      '"\'=HYPERLINK(""x"")",-3,',
      "'  +1,0,",
      "a; '=1,1,b\t'@c",
      '\'＝1,1,"line\nbreak"',
      '',
    ].join('\r\n'),
  );
  assert.equal(fileName('Attempts by OS version', 'csv'), 'attempts-by-os-version.csv');
  assert.equal(fileName('…', 'png'), 'table.png');
});

test('annotations are marked on the days of a chart that they are of, and numbered in their order', () => {
  const note = (from, to, text) => ({ id: text, from, to, text });
  const notes = [
    note('2026-11-01', '2026-11-03', 'before'),
    note('2026-11-02', '2026-11-12', 'a long one'),
    note('2026-11-15', '2026-11-16', 'terms changed'),
    note('2026-11-15', '2026-11-16', 'a letter'),
    note('2026-12-01', '2026-12-02', 'after'),
  ];
  const days = Array.from({ length: 10 }, (_, at) => format.addDays('2026-11-10', at));
  assert.deepEqual(
    markedNotes(notes, days).map(({ note, number, first, last }) => [note.text, number, first, last]),
    [
      ['a long one', 1, 0, 1],
      ['terms changed', 2, 5, 5],
      ['a letter', 3, 5, 5],
    ],
  );
  const weeks = ['2026-11-02', '2026-11-09', '2026-11-16'].map((from) => ({ from, to: format.addDays(from, 7) }));
  assert.deepEqual(
    markedSpans(notes, weeks).map(({ note, first, last }) => [note.text, first, last]),
    [
      ['before', 0, 0],
      ['a long one', 0, 1],
      ['terms changed', 1, 1],
      ['a letter', 1, 1],
    ],
  );
  assert.equal(notedOn(notes, '2026-11-15'), 'terms changed; a letter');
  assert.equal(notedOn(notes, '2026-11-16'), '');
  assert.equal(noteDays(notes[2]), '15 Nov 2026');
  assert.equal(noteDays(notes[1]), '2 Nov 2026 to 11 Nov 2026');
});
