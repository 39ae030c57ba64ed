/*
 * The senders: what came in of each, what became of it, and who has fallen silent.
 *
 * What must stay true: counts are at least what came in, and the page says so; a delivery is shown by its digest alone.
 */

import { h, patch } from '../kit/dom.js';
import { bytes, count, dateTime, dateTimeSeconds, day, plural } from '../kit/format.js';
import { asOf, badge, notice } from '../kit/parts.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';

/** Counts by name, the largest first. */
const byName = (counts, name = (one) => one) =>
  Object.entries(counts)
    .sort(([, one], [, other]) => other - one)
    .map(([key, n]) => `${name(key)}: ${count(n)}`)
    .join(', ');

const sum = (counts) => Object.values(counts).reduce((all, n) => all + n, 0);

/** A count, and under it what it is made of. */
const withNames = (counts, name) => {
  const total = sum(counts);
  return total ? h('div', null, count(total), h('div', { class: 'quiet' }, byName(counts, name))) : '0';
};

function became(delivery) {
  const parts = [
    [delivery.accepted, 'stored'],
    [delivery.known, 'known already'],
    [delivery.passedOver, 'passed over'],
    [delivery.refused, 'refused'],
  ];
  const said = parts.filter(([n]) => n > 0).map(([n, word]) => `${count(n)} ${word}`);
  return said.length ? said.join(', ') : 'nothing in it';
}

function state(source) {
  if (source.silent) return badge('warn', 'Silent');
  if (!source.lastHeardAt) return badge('quiet', 'Never heard');
  if (!source.lastAcceptedAt) return badge('warn', 'Nothing stored');
  return badge('good', 'Heard');
}

function refusal(source, zone) {
  const last = source.lastRefusal;
  if (!last) return null;
  const what = [last.field, last.problem].filter(Boolean).join(' ');
  return h(
    'div',
    null,
    dateTime(last.at, zone),
    h('div', { class: 'quiet' }, what ? `${words.refusal(last.reason)}: ${what}` : words.refusal(last.reason)),
  );
}

function details(source, zone) {
  return h(
    'section',
    { class: 'card', 'data-key': source.source },
    h('h2', null, source.title),
    dataTable({
      caption: `${source.title}: by day (UTC), at least`,
      key: (one) => one.day,
      columns: [
        { key: 'day', label: 'Day', class: 'nowrap', render: (one) => day(one.day) },
        { key: 'accepted', label: 'Stored', numeric: true, render: (one) => count(one.accepted) },
        { key: 'known', label: 'Known already', numeric: true, render: (one) => count(one.known) },
        { key: 'passedOver', label: 'Passed over, by kind', render: (one) => withNames(one.passedOver) },
        { key: 'refused', label: 'Refused, by reason', render: (one) => withNames(one.refused, words.refusal) },
      ],
      rows: source.days,
      empty: 'Nothing came in.',
    }),
    h(
      'details',
      { 'data-key': `${source.source}-newest` },
      h('summary', null, `The newest ${plural(source.newest.length, 'delivery', 'deliveries')}`),
      dataTable({
        caption: `${source.title}: newest deliveries`,
        key: (one) => `${one.at}-${one.sha256}`,
        columns: [
          { key: 'at', label: 'Received', class: 'nowrap', render: (one) => dateTimeSeconds(one.at, zone) },
          { key: 'bytes', label: 'Size', numeric: true, render: (one) => bytes(one.bytes) },
          { key: 'became', label: 'What became of it', render: became },
          { key: 'sha256', label: 'Beginning of its SHA-256', render: (one) => h('code', null, one.sha256) },
        ],
        rows: source.newest,
        empty: 'No delivery is known.',
      }),
    ),
  );
}

export default {
  async show({ root, api, signal }) {
    const answer = await api.get('/api/sources', null, { signal });
    const { sources, timeZone: zone } = answer;
    const silent = sources.filter((source) => source.silent);
    patch(
      root,
      h(
        'div',
        { class: 'page-head', 'data-key': 'head' },
        h('h1', { tabindex: '-1' }, 'Senders'),
        h('p', { class: 'quiet' }, `${plural(sources.length, 'sender')} set up. `, asOf(answer.asOf, zone)),
      ),
      h(
        'p',
        { 'data-key': 'about' },
        'What came in in the last five weeks, and what became of it. Counts are at least what came in: they are ',
        'written once a minute, and a function that ends before takes its counts with it. Requests without a valid ',
        'credential are not counted.',
      ),
      h(
        'div',
        { 'data-key': 'silent' },
        silent.map((source) =>
          notice(
            'warning',
            h('strong', null, `${source.title} has fallen silent. `),
            `It was last heard ${dateTime(source.silent.since, zone)}, and is usually silent for at most `,
            `${plural(source.silent.usualLongestHours, 'hour')}. What happens on its devices is missing since then.`,
          ),
        ),
      ),
      h(
        'section',
        { class: 'card', 'data-key': 'list' },
        h('h2', null, 'All senders'),
        dataTable({
          caption: 'Senders',
          hideCaption: true,
          key: (source) => source.source,
          columns: [
            { key: 'title', label: 'Sender' },
            { key: 'state', label: 'State', class: 'nowrap', render: state },
            {
              key: 'lastHeardAt',
              label: 'Last heard',
              class: 'nowrap',
              render: (source) => (source.lastHeardAt ? dateTime(source.lastHeardAt, zone) : null),
            },
            {
              key: 'lastAcceptedAt',
              label: 'Last stored',
              class: 'nowrap',
              render: (source) => (source.lastAcceptedAt ? dateTime(source.lastAcceptedAt, zone) : null),
            },
            { key: 'lastRefusal', label: 'Last refusal', render: (source) => refusal(source, zone) },
          ],
          rows: sources,
        }),
      ),
      sources.filter((source) => source.days.length).map((source) => details(source, zone)),
    );
  },
};
