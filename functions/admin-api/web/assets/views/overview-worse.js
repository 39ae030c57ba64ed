/*
 * What got worse: the last seven days that are over against the four weeks before.
 *
 * What must stay true: only what the API lists as certain is shown; nothing is ranked or judged here. Where nothing is
 * certain, the card says how much was compared.
 */

import { h } from '../kit/dom.js';
import { count, day, decimal, addDays, rate } from '../kit/format.js';
import { dataTable } from '../kit/table.js';
import { addressOf } from '../kit/address.js';
import * as words from '../kit/words.js';
import { appAddress } from './app-parts.js';
import { filterOf } from './one-value.js';
import { say } from '../kit/say.js';

/** Null where it can't be had: in a file of an earlier version, or in a summary. */
const orNull = (asked) =>
  asked.catch((error) => {
    if (error.name === 'AbortError' || error.status === 401) throw error;
    return null;
  });

/**
 * @param {{api: Source, signal: AbortSignal}} context
 * @param {Record<string, any>} ofOne the model, version, type, sender or tag that it is of alone
 * @returns {Promise<{of: Answer|null, slices: Answer|null, apps: Answer|null}>} by step and others, by model and others, by app
 */
export async function askGotWorse({ api, signal }, ofOne) {
  const { model, osVersion, enrollmentType, source, tag, without } = ofOne;
  const asked = { model, osVersion, enrollmentType, source, tag, without };
  if (Object.values(asked).some(Boolean)) {
    return { of: await orNull(api.get('getGotWorse', asked, { signal })), slices: null, apps: null };
  }
  const [of, slices, apps] = await Promise.all([
    orNull(api.get('getGotWorse', null, { signal })),
    orNull(api.get('getGotWorseSlices', null, { signal })),
    askGotWorseApps({ api, signal }),
  ]);
  return { of, slices, apps };
}

/** @param {{api: Source, signal: AbortSignal}} context @returns {Promise<Answer|null>} by app, and by app and model */
export const askGotWorseApps = ({ api, signal }) => orNull(api.get('getGotWorseApps', null, { signal }));

/** By what attempts are told apart. */
const SLICES = words.choices('slice').map(([name]) => name);

/** The key and the value of a tag. @param {Answer} one a line of the answer @returns {[string, string]} */
function tagOf(one) {
  const at = one.name.indexOf('=');
  return [one.name.slice(0, at), one.name.slice(at + 1)];
}

/** @param {Answer} one a line of the answer @returns {string} */
function worseName(one) {
  if (one.kind === 'step') return words.action(one.name);
  if (one.kind === 'platform') return words.platform(one.name);
  if (one.kind === 'espProfile') return one.displayName ?? one.name;
  if (SLICES.includes(one.kind) || one.kind === 'app') return one.name;
  if (one.kind === 'tag') return tagOf(one)[1];
  if (one.kind === 'appModel') return say('overview.appOnModel', { app: one.name, model: one.model });
  return one.name.startsWith('0x') ? one.name : words.failureCategory(one.name);
}

function address(one, { from, to, slice }) {
  const span = { from, to, ...(slice ? filterOf(slice.by, slice.value) : {}) };
  if (one.kind === 'step') return addressOf('attempts', { ...span, os: 'all', action: one.name, outcome: 'abandoned' });
  if (one.kind === 'platform') return addressOf('incomplete', { ...span, os: one.name });
  if (one.kind === 'espProfile') return addressOf('sessions', { ...span, profileId: one.name });
  if (SLICES.includes(one.kind) || one.kind === 'tag')
    return addressOf('attempts', { ...span, os: 'all', [one.kind]: one.name, outcome: 'abandoned' });
  if (one.kind === 'app' || one.kind === 'appModel') return appAddress(one.name);
  return addressOf('status', {});
}

function kindOf(one) {
  if (one.kind === 'tag') return words.slice(tagOf(one)[0]);
  return SLICES.includes(one.kind) ? words.slice(one.kind) : words.changeKind(one.kind);
}

/**
 * A list of what got worse, or how much was compared.
 * @param {Answer} answer
 * @param {string} caption
 * @param {(n: number) => string} compared says that nothing got worse, of so many
 */
function worseList(answer, caption, compared) {
  if (!answer.worse.length) {
    return h(
      'p',
      null,
      answer.compared ? compared(answer.compared) : say('overview.tooFew', { least: count(answer.least) }),
    );
  }
  return dataTable({
    caption,
    hideCaption: true,
    key: (one) => `${one.kind} ${one.name} ${one.model ?? ''}`,
    columns: [
      {
        key: 'name',
        label: say('common.what'),
        class: 'wrap',
        render: (one) => [h('a', { href: address(one, answer) }, worseName(one)), h('small', null, kindOf(one))],
      },
      { key: 'excess', label: say('overview.moreThanBefore'), numeric: true, render: (one) => decimal(one.excess) },
      {
        key: 'rate',
        label: say('overview.rate'),
        numeric: true,
        render: (one) => [
          rate(one.rate),
          h('small', null, say('overview.affectedOf', { affected: count(one.affected), all: count(one.n) })),
        ],
      },
      {
        key: 'before',
        label: say('overview.before'),
        numeric: true,
        render: (one) => [
          rate(one.rateBefore),
          h(
            'small',
            null,
            say('overview.affectedOf', { affected: count(one.affectedBefore), all: count(one.nBefore) }),
          ),
        ],
      },
      { key: 'since', label: say('common.since'), render: (one) => day(one.since) },
    ],
    rows: answer.worse,
  });
}

/** The days that are compared. */
const daysOf = (answer) => ({
  from: day(answer.from),
  last: day(addDays(answer.to, -1)),
  compareFrom: day(answer.compareFrom),
  compareLast: day(addDays(answer.compareTo, -1)),
});

const worseApps = (answer) => worseList(answer, say('overview.worseApps'), (n) => say('overview.noAppWorse', { n }));

/** What got worse among apps alone. @param {Answer|null} answer @returns {HTMLElement|null} */
export function worseAppsCard(answer) {
  if (!answer) return null;
  return h(
    'section',
    { class: 'card', 'data-key': 'worse' },
    h(
      'div',
      { class: 'card-head' },
      h('h2', null, say('overview.whatGotWorse')),
      h('p', { class: 'quiet' }, say('overview.against', daysOf(answer))),
    ),
    worseApps(answer),
  );
}

/** @param {{of: Answer|null, slices: Answer|null, apps: Answer|null}|null} answers @returns {HTMLElement|null} */
export function worseCard(answers) {
  const answer = answers?.of;
  if (!answer) return null;
  const span = say('overview.againstAll', daysOf(answer));
  return h(
    'section',
    { class: 'card', 'data-key': 'worse' },
    h('div', { class: 'card-head' }, h('h2', null, say('overview.whatGotWorse')), h('p', { class: 'quiet' }, span)),
    worseList(answer, say('overview.worse'), (n) =>
      answer.slice ? say('overview.noStepWorse', { n }) : say('overview.noFailureWorse', { n }),
    ),
    answer.slice ? h('p', { class: 'quiet' }, say('overview.notKeptForPart')) : null,
    answers.slices
      ? [
          h('h3', null, say('overview.onWhichDevices')),
          worseList(answers.slices, say('overview.worseSlices'), (n) => say('overview.noSliceWorse', { n })),
        ]
      : null,
    answers.apps ? [h('h3', null, say('overview.whichApps')), worseApps(answers.apps)] : null,
  );
}
