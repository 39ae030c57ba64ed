/*
 * The views' pure modules: the fields of a profile, what somebody else changed meanwhile, a diagnosis as text.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asText, othersWords, subjectOf } from '../assets/views/diagnostics-words.js';
import { cardsOfDiagnosis, cardsOfFile, ticketText } from '../assets/views/device-cards-words.js';
import { suggestions } from '../assets/shell/suggestions.js';
import { topPlace } from '../assets/views/incomplete-places.js';
import { byNearness, spanOf, usualSpan } from '../assets/views/time-parts.js';
import {
  channelOf,
  policyOf,
  ruleOf,
  valuesOfChannel,
  valuesOfPolicy,
  valuesOfRule,
  watched,
} from '../assets/views/messages-words.js';
import { askedValue, filterOf, isOfOne, valueWords } from '../assets/views/one-value.js';
import { differs, merge } from '../assets/views/profile-changes.js';
import {
  FIELDS,
  bodyOf,
  entries,
  idOf,
  newValues,
  offReason,
  problemsOf,
  sentence,
  valuesOf,
  willDrop,
} from '../assets/views/profile-fields.js';

const named = (more) => ({ ...newValues(), displayName: 'Sales', ...more });
const field = (name) => FIELDS.find((one) => one.name === name);

test('a new profile with a name is sound, and is posted whole', () => {
  assert.deepEqual(problemsOf(named(), false), []);
  assert.deepEqual(problemsOf(newValues(), false), [{ field: 'displayName', problem: 'is required' }]);
  const body = bodyOf(named(), false);
  assert.equal(body.installProgressTimeoutInMinutes, 60);
  assert.deepEqual(body.roleScopeTagIds, ['0']);
  assert.equal(body.description, null);
});

test('what another field switches off is sent as off, and kept where it says so', () => {
  const values = named({ blockDeviceUse: false, allowDeviceResetOnInstallFailure: true, selectedMobileAppIds: 'a\nb' });
  const body = bodyOf(values, false);
  assert.equal(body.allowDeviceResetOnInstallFailure, false);
  assert.deepEqual(body.selectedMobileAppIds, []);
  assert.ok(willDrop(field('selectedMobileAppIds'), values));
  assert.match(offReason(field('selectedMobileAppIds'), values, false), /People must wait/);
  const hidden = named({ showInstallationProgress: false, installProgressTimeoutInMinutes: '9000' });
  assert.equal(bodyOf(hidden, false).installProgressTimeoutInMinutes, 60);
  assert.deepEqual(problemsOf(hidden, false), []);
});

test('limits are those of the server, in its words', () => {
  const problems = problemsOf(
    named({ installProgressTimeoutInMinutes: '0', selectedMobileAppIds: 'x\n'.repeat(1) }),
    false,
  );
  assert.deepEqual(problems, [{ field: 'installProgressTimeoutInMinutes', problem: 'must be between 1 and 1440' }]);
  assert.equal(sentence(problems[0]), 'Time limit in minutes must be between 1 and 1440.');
  const apps = Array.from({ length: 101 }, (_, at) => `app ${at}`).join('\n');
  assert.deepEqual(problemsOf(named({ selectedMobileAppIds: apps }), false), [
    { field: 'selectedMobileAppIds', problem: 'must have at most 100 entries' },
  ]);
  assert.deepEqual(problemsOf(named({ displayName: '😀'.repeat(256) }), false), []);
});

test('values are read as they are posted', () => {
  const profile = { ...bodyOf(named({ selectedMobileAppIds: 'a\nb', description: 'Two\nlines' }), false), priority: 2 };
  assert.deepEqual(bodyOf(valuesOf(profile), false), profile);
});

test('what somebody else changed is taken where the person left it alone', () => {
  const base = named();
  const theirs = { ...base, displayName: 'Theirs', description: 'New' };
  const mine = { ...base, displayName: 'Mine' };
  const { rows, values } = merge(base, theirs, mine);
  assert.deepEqual(
    rows.map((row) => [row.field.name, row.isMine]),
    [
      ['displayName', true],
      ['description', false],
    ],
  );
  assert.deepEqual([values.displayName, values.description], ['Mine', 'New']);
  assert.deepEqual(differs(base, base), []);
});

const DIAGNOSIS = {
  timeZone: 'UTC',
  asOf: '2026-11-21T10:03:00Z',
  verdict: 'gaveUp',
  summary: 'The last attempt was given up.',
  choices: [],
  devices: [
    {
      enrollmentKey: 'k',
      deviceName: 'WIN-1',
      platform: 'windows',
      verdict: 'gaveUp',
      summary: 'Given up.',
      enrolled: false,
    },
  ],
  everWorked: { completedAttempts: 0, enrolledDevices: 0 },
  findings: [
    {
      rank: 1,
      severity: 'warning',
      title: 'Given up',
      evidence: ['It was cancelled.'],
      cause: 'The prompt looks like a warning.',
      steps: ['Say so before.'],
      who: ['user', 'admin'],
      others: { devices: 2, users: 1, platforms: ['ios'], since: '2026-11-01T00:00:00Z', until: null },
    },
  ],
  attempts: [{ startedAt: '2026-11-21T09:00:00Z', outcome: 'abandoned', cause: 'cancel', action: 'TermsofUse' }],
  collect: [{ what: 'The log', platform: 'ios', how: 'Ask for it.' }],
};

test('a diagnosis as text says what the view says', () => {
  const text = asText(DIAGNOSIS, 'win-1');
  for (const part of [
    'Enrollment diagnostics: win-1\nAs of 21 Nov 2026, 10:03 (UTC)',
    'Gave up: The last attempt was given up.',
    '1. Given up (warning)',
    'Who can do it: User, Administrator',
    'Others: 1 other person on 2 devices (iOS/iPadOS), since 1 Nov 2026, 00:00.',
    '- 21 Nov 2026, 09:00, Abandoned, Cancelled, Terms of use',
    '- The log (iOS/iPadOS): Ask for it.',
  ]) {
    assert.ok(text.includes(part), `${part}\n${text}`);
  }
});

test('an address is a person, anything else a device', () => {
  assert.deepEqual(subjectOf('a@b.example'), { user: 'a@b.example' });
  assert.deepEqual(subjectOf('C02X'), { device: 'C02X' });
  assert.equal(othersWords(null, 'UTC'), 'No other device or person is known to be affected.');
});

test('devices come by the time they have left, those without a limit last', () => {
  const asOf = '2026-03-20T12:00:00.000Z';
  const device = (deadline, startedAt) => ({ enrollmentKey: `${deadline} ${startedAt}`, deadline, startedAt });
  const found = byNearness(
    [
      device(null, '1'),
      device('2026-03-20T12:30:00.000Z', '2'),
      device('2026-03-20T11:59:00.000Z', '3'),
      device(null, '0'),
    ],
    asOf,
  );
  assert.deepEqual(
    found.map((one) => [one.left, one.startedAt]),
    [
      [-1, '3'],
      [30, '2'],
      [null, '0'],
      [null, '1'],
    ],
  );
});

/** A session of an hour. */
const session = {
  startedAt: '2026-03-20T12:00:00.000Z',
  endedAt: '2026-03-20T13:00:00.000Z',
  lastEventAt: '2026-03-20T13:00:00.000Z',
  deadline: '2026-03-20T13:00:00.000Z',
  timedOut: false,
};

test('an item has its part of the session’s time, and none where its begin was not reported', () => {
  const item = (beganAt, settledAt) => ({ beganAt, settledAt });
  const at = (minute) => `2026-03-20T12:${minute}:00.000Z`;
  assert.deepEqual(spanOf(session, item(at(15), at(30))), { from: 0.25, to: 0.5, isOpen: false });
  assert.deepEqual(spanOf(session, item(at(15), null)), { from: 0.25, to: 1, isOpen: true });
  assert.equal(spanOf(session, item(null, at(30))), null);
  assert.equal(spanOf({ ...session, endedAt: session.startedAt }, item(at(15), at(30))), null);
  // What went on until after the limit is drawn up to the limit at least.
  const late = { ...session, endedAt: null, lastEventAt: at(30), deadline: '2026-03-20T13:00:00.000Z', timedOut: true };
  assert.deepEqual(spanOf(late, item(at(15), at(30))), { from: 0.25, to: 0.5, isOpen: false });
});

test('what a phase or item usually takes begins with it, is a part of the session’s time, and is nothing where it is unknown', () => {
  const begun = '2026-03-20T12:15:00.000Z';
  assert.deepEqual(usualSpan(session, begun, 30), { from: 0.25, to: 0.75 });
  assert.deepEqual(usualSpan(session, begun, 300), { from: 0.25, to: 1 });
  assert.equal(usualSpan(session, begun, null), null);
  assert.equal(usualSpan(session, null, 30), null);
});

const VIEWS = [
  { path: 'status', title: 'Enrollment status', nav: true },
  { path: 'senders', title: 'Senders', nav: true, needsServer: true },
  { path: 'attempt', title: 'Sender of none' },
];

test('the search leads to a diagnosis, in a file to a person and attempts, and to views by their titles', () => {
  const found = {
    people: [{ userPrincipalName: 'ada@contoso.example', devices: 1 }],
    devices: [
      {
        enrollmentKey: 'k',
        deviceName: null,
        serialNumber: 'sn',
        platform: 'ios',
        userPrincipalName: null,
        state: null,
      },
    ],
    steps: [],
  };
  const of = (isFile, text = 'sender') =>
    suggestions(text, found, isFile, VIEWS).map((group) => [
      group.title,
      group.entries.map((one) => [one.label, one.href]),
    ]);
  assert.deepEqual(of(false), [
    ['People', [['ada@contoso.example', '#/diagnostics?user=ada%40contoso.example']]],
    ['Devices', [['sn', '#/diagnostics?device=k']]],
    ['Views', [['Senders', '#/senders']]],
  ]);
  assert.deepEqual(of(true), [
    ['People', [['ada@contoso.example', '#/person?user=ada%40contoso.example']]],
    ['Devices', [['sn', '#/attempts?enrollmentKey=k&os=all']]],
  ]);
  assert.deepEqual(suggestions('', null, false, VIEWS), []);
});

test('a rule is said as a sentence, with names for ids', () => {
  const names = { profile: (id) => ({ kiosk: 'Kiosks' })[id] ?? id, sender: () => 'Fleet' };
  const ends = { kind: 'outcomes', of: ['sessionFailed'], profiles: ['kiosk'], groups: ['Sales', 'Field'] };
  assert.equal(
    watched(ends, names),
    'The Enrollment Status Page failed: only of the profile Kiosks, through the group Sales or Field',
  );
  assert.match(watched({ kind: 'stepRate', step: 'TermsofUse' }), /give up at Terms of use$/);
  assert.match(watched({ kind: 'stepRate' }), /give up at any step$/);
  assert.equal(watched({ kind: 'stuck', minutes: 20 }), 'A device is on one screen for more than 20 minutes');
  assert.match(watched({ kind: 'silent', source: 'fleet' }, names), /^Fleet is silent/);
});

test('what a form of messages leaves empty is not sent, and what it shows again is what was sent', () => {
  const typed = valuesOfChannel({ name: 'mail', kind: 'email' });
  assert.deepEqual(channelOf({ ...typed, kind: 'slack', url: ' https://hooks.example/1 ' }), {
    kind: 'slack',
    url: 'https://hooks.example/1',
  });
  const mail = channelOf({ ...typed, server: 'smtp.example', from: 'a@b.example', to: 'c@d.example,\ne@f.example' });
  assert.deepEqual(JSON.parse(JSON.stringify(mail)), {
    kind: 'email',
    server: 'smtp.example',
    port: 465,
    tls: true,
    from: 'a@b.example',
    to: ['c@d.example', 'e@f.example'],
  });
  for (const watch of [
    { kind: 'stepRate', step: 'TermsofUse' },
    { kind: 'appRate' },
    { kind: 'outcomes', of: ['sessionFailed'], profiles: ['kiosk'], groups: ['Sales'] },
    { kind: 'silent', source: 'fleet' },
    { kind: 'stuck', minutes: 20 },
    { kind: 'weekly' },
  ]) {
    const rule = { name: 'one', watch, channels: ['mail'] };
    assert.deepEqual(JSON.parse(JSON.stringify(ruleOf(valuesOfRule(rule)))), { watch, channels: ['mail'] });
  }
  // Only sessions have a profile, so what was chosen before is left out when an enrollment's end is chosen too.
  const both = valuesOfRule({
    name: 'one',
    watch: { kind: 'outcomes', of: ['failed'], profiles: ['kiosk'] },
    channels: [],
  });
  assert.equal(ruleOf(both).watch.profiles, undefined);
  const policy = { digestMinutes: 5, limitAnHour: 6, quiet: '22:00-07:00', names: false, address: null };
  assert.deepEqual(policyOf(valuesOfPolicy(policy)), policy);
  assert.equal(policyOf(valuesOfPolicy({ ...policy, quiet: null })).quiet, null);
});

test('a card says what was reported, and of the rest that it was not', () => {
  const device = {
    enrollmentKey: 'a',
    deviceName: 'Phone 1',
    serialNumber: null,
    platform: 'ios',
    osVersion: null,
    model: null,
    state: 'gaveUp',
    userPrincipalName: 'ada@contoso.example',
    lastAttemptId: '01',
  };
  const attempt = {
    attemptId: '01',
    enrollmentKey: 'a',
    outcome: 'abandoned',
    cause: 'declineAll',
    action: 'TermsofUse',
    screen: 'termsOfUse',
    lastActivityAt: '2026-11-27T10:03:00.000Z',
  };
  const details = new Map([['01', { advice: [{ steps: ['Ask why.'], who: ['admin'] }] }]]);
  const [card] = cardsOfFile({ devices: [device], attempts: [attempt], failures: [] }, details);
  assert.deepEqual(
    [card.state, card.kind, card.screen, card.ended, card.code, card.next, card.user],
    ['Gave up', 'warn', 'Terms of use', 'Abandoned: Declined all', null, 'Ask why.', 'ada@contoso.example'],
  );
  const text = ticketText(card, '2026-11-28T00:00:00.000Z', 'UTC');
  assert.match(text, /^Device: Phone 1\nUser: ada@contoso.example\nSerial number: not reported\n/);
  assert.match(text, /\nPlatform and model: iOS\/iPadOS\n/);
  assert.match(text, /\nError: not reported\n/);
  assert.match(text, /\nNext: Ask why\. \(.+\)\n/);
  // Nothing at all is known of an attempt.
  const [bare] = cardsOfFile({ devices: [{ ...device, lastAttemptId: null }], attempts: [], failures: [] }, new Map());
  assert.deepEqual([bare.screen, bare.ended, bare.next], ['not reported', 'not reported', null]);
});

test('the cards of a file are the worst first, and no state is another person’s', () => {
  const of = (key, state, lastAttemptId) => ({ enrollmentKey: key, state, lastAttemptId, serialNumber: null });
  const devices = [
    of('a', 'enrolled', '01'),
    of('b', 'failed', '02'),
    of('c', 'gaveUp', '03'),
    of('d', 'enrolled', '99'),
  ];
  const attempts = ['completed', 'failed', 'abandoned', 'failed'].map((outcome, at) => ({
    attemptId: at === 3 ? '04' : `0${at + 1}`,
    enrollmentKey: 'abcd'[at],
    outcome,
  }));
  const cards = cardsOfFile({ devices, attempts, failures: [] }, new Map());
  assert.deepEqual(
    cards.map((one) => one.key),
    ['b', 'd', 'c', 'a'],
  );
  assert.equal(cards[1].state, 'Failed; somebody else has used it since');
  assert.equal(cards[1].kind, 'bad');
});

test('the next action of a card is the first step of the first finding about its device', () => {
  const devices = ['a', 'b'].map((key) => ({ enrollmentKey: key, verdict: 'failing', summary: 'It fails.' }));
  const findings = [
    { enrollmentKey: 'b', steps: ['Do this.', 'Then that.'], who: ['admin'] },
    { enrollmentKey: 'a', steps: [], who: [] },
  ];
  const cards = cardsOfDiagnosis({ devices, findings, attempts: [] });
  assert.deepEqual(
    cards.map((one) => one.next),
    [null, 'Do this.'],
  );
});

test('an app is meant by its name if only one has it, and any other text is an id', () => {
  const apps = [
    { id: 'a', name: 'Microsoft 365' },
    { id: 'b', name: 'VPN' },
    { id: 'c', name: 'vpn' },
    { id: 'd', name: null },
  ];
  assert.deepEqual(idOf(' microsoft 365 ', apps), { id: 'a', problem: null });
  assert.deepEqual(idOf('winget-7', apps), { id: 'winget-7', problem: null });
  assert.match(idOf('VPN', apps).problem, /^2 apps have this name/);
  assert.equal(idOf(' ', apps).id, null);
  assert.deepEqual(entries('a\n\n b \na'), ['a', 'b']);
});

test('a value is filtered by under its own name, a tag with its key, and what was not reported by its kind', () => {
  assert.deepEqual(filterOf('model', 'iPhone 15'), { model: 'iPhone 15' });
  assert.deepEqual(filterOf('department', 'R=D'), { tag: 'department=R=D' });
  assert.deepEqual(filterOf('osVersion', null), { without: 'osVersion' });
  const of = (filter) => new URLSearchParams(filter);
  assert.equal(valueWords(of({ os: 'ios' })), '');
  assert.equal(isOfOne(of({ os: 'ios' })), false);
  assert.equal(valueWords(of({ model: 'iPhone 15' })), 'Model: iPhone 15');
  assert.equal(valueWords(of({ tag: 'department=R=D' })), 'Department: R=D');
  assert.equal(valueWords(of({ without: 'osVersion' })), 'OS version: not reported');
  assert.deepEqual(askedValue(of({ os: 'ios', source: 'mdm' })), {
    model: null,
    osVersion: null,
    enrollmentType: null,
    source: 'mdm',
    tag: null,
    without: null,
  });
});

test('a place is named only if no other has as many', () => {
  const place = (action, abandoned) => ({ cause: 'ignored', section: 'compliance', action, abandoned });
  const report = (...abandoned) => ({
    actions: [],
    otherCauses: [],
    otherPlaces: abandoned.map((number, at) => place(`Place ${at}`, number)),
    placeNotReported: 9,
  });
  const top = (...abandoned) => topPlace(report(...abandoned), () => '#/attempts');
  assert.equal(top(1, 3, 2).equals, 1);
  assert.equal(top(1, 3, 2).abandoned, 3);
  assert.equal(top(2, 1, 2).equals, 2);
  assert.equal(top(0, 0), null);
  assert.equal(top(), null);
});
