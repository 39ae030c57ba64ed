/*
 * What got worse: the last seven days that are over against the four weeks before.
 *
 * What must stay true: only what the API lists as certain is shown; nothing is ranked or judged here. Where nothing is
 * certain, the card says how much was compared.
 */

import { h } from '../kit/dom.js';
import { count, day, decimal, addDays, plural, rate } from '../kit/format.js';
import { dataTable } from '../kit/table.js';
import { addressOf } from '../kit/address.js';
import * as words from '../kit/words.js';
import { appAddress } from './app-parts.js';
import { filterOf } from './one-value.js';

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
  if (one.kind === 'appModel') return `${one.name} on ${one.model}`;
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

/** A list of what got worse, or how much was compared. */
function worseList(answer, caption, compared) {
  if (!answer.worse.length) {
    return h(
      'p',
      null,
      answer.compared
        ? `Nothing got worse beyond chance: ${compared(answer.compared)} compared.`
        : `Too few to judge: a comparison needs ${count(answer.least)} on both sides.`,
    );
  }
  return dataTable({
    caption,
    hideCaption: true,
    key: (one) => `${one.kind} ${one.name} ${one.model ?? ''}`,
    columns: [
      {
        key: 'name',
        label: 'What',
        class: 'wrap',
        render: (one) => [h('a', { href: address(one, answer) }, worseName(one)), h('small', null, kindOf(one))],
      },
      { key: 'excess', label: 'More than before', numeric: true, render: (one) => decimal(one.excess) },
      {
        key: 'rate',
        label: 'Rate',
        numeric: true,
        render: (one) => [rate(one.rate), h('small', null, `${count(one.affected)} of ${count(one.n)}`)],
      },
      {
        key: 'before',
        label: 'Before',
        numeric: true,
        render: (one) => [
          rate(one.rateBefore),
          h('small', null, `${count(one.affectedBefore)} of ${count(one.nBefore)}`),
        ],
      },
      { key: 'since', label: 'Since', render: (one) => day(one.since) },
    ],
    rows: answer.worse,
  });
}

/** The days that are compared. */
const daysOf = (answer) =>
  `${day(answer.from)} to ${day(addDays(answer.to, -1))}, against ${day(answer.compareFrom)} to ${day(addDays(answer.compareTo, -1))}`;

const worseApps = (answer) =>
  worseList(answer, 'Apps that got worse, most people affected first', (found) =>
    plural(found, 'app, alone or on a model', 'apps, alone and on models'),
  );

/** What got worse among apps alone. @param {Answer|null} answer @returns {HTMLElement|null} */
export function worseAppsCard(answer) {
  if (!answer) return null;
  return h(
    'section',
    { class: 'card', 'data-key': 'worse' },
    h('div', { class: 'card-head' }, h('h2', null, 'What got worse'), h('p', { class: 'quiet' }, `${daysOf(answer)}.`)),
    worseApps(answer),
  );
}

/** @param {{of: Answer|null, slices: Answer|null, apps: Answer|null}|null} answers @returns {HTMLElement|null} */
export function worseCard(answers) {
  const answer = answers?.of;
  if (!answer) return null;
  const span = `${daysOf(answer)}. All platforms.`;
  return h(
    'section',
    { class: 'card', 'data-key': 'worse' },
    h('div', { class: 'card-head' }, h('h2', null, 'What got worse'), h('p', { class: 'quiet' }, span)),
    worseList(answer, 'What got worse, most people affected first', (found) =>
      answer.slice
        ? plural(found, 'step or platform', 'steps and platforms')
        : plural(found, 'step, platform, failure or profile', 'steps, platforms, failures and profiles'),
    ),
    answer.slice
      ? h(
          'p',
          { class: 'quiet' },
          'Failures, profiles, apps and other models, versions, types, senders and tags are not kept for a part of the attempts.',
        )
      : null,
    answers.slices
      ? [
          h('h3', null, 'On which devices, from which senders'),
          worseList(answers.slices, 'Models, versions, types, senders and tags that got worse', (found) =>
            plural(found, 'model, version, type, sender or tag', 'models, versions, types, senders and tags'),
          ),
        ]
      : null,
    answers.apps ? [h('h3', null, 'Which apps, on which model'), worseApps(answers.apps)] : null,
  );
}
