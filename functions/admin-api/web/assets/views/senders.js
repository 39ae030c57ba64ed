/*
 * The senders: the deliveries of each and their results, who has fallen silent, and the lists read from Microsoft
 * Graph.
 *
 * What must stay true: counts are lower bounds, and the page says so; a delivery is shown only by its digest. The
 * secret of the application that reads from Graph is never shown.
 */

import { h, patch } from '../kit/dom.js';
import { bytes, count, dateTime, dateTimeSeconds, day, plural } from '../kit/format.js';
import { asOf, badge, notice } from '../kit/parts.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';
import { senderSecrets } from './sender-setup.js';

/** Counts by name, the largest first. */
const byName = (counts, name = (one) => one) =>
  Object.entries(counts)
    .sort(([, one], [, other]) => other - one)
    .map(([key, n]) => `${name(key)}: ${count(n)}`)
    .join(', ');

const sum = (counts) => Object.values(counts).reduce((all, n) => all + n, 0);

/** A count, with its parts below it. */
const withNames = (counts, name) => {
  const total = sum(counts);
  return total ? h('div', null, count(total), h('div', { class: 'quiet' }, byName(counts, name))) : '0';
};

function became(delivery) {
  const parts = [
    [delivery.accepted, 'stored'],
    [delivery.known, 'known already'],
    [delivery.passedOver, 'ignored'],
    [delivery.refused, 'refused'],
  ];
  const said = parts.filter(([n]) => n > 0).map(([n, word]) => `${count(n)} ${word}`);
  return said.length ? said.join(', ') : 'empty';
}

function state(source) {
  if (source.silent) return badge('warn', 'Silent');
  if (!source.lastHeardAt) return badge('quiet', 'Nothing received');
  if (!source.lastAcceptedAt) return badge('warn', 'Nothing stored');
  return badge('good', 'Active');
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
        { key: 'passedOver', label: 'Ignored, by kind', render: (one) => withNames(one.passedOver) },
        { key: 'refused', label: 'Refused, by reason', render: (one) => withNames(one.refused, words.refusal) },
      ],
      rows: source.days,
      empty: 'Nothing was received.',
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
          { key: 'became', label: 'Result', render: became },
          { key: 'sha256', label: 'Start of SHA-256', render: (one) => h('code', null, one.sha256) },
        ],
        rows: source.newest,
        empty: 'No delivery was received.',
      }),
    ),
  );
}

/** The state of a list; the last problem comes first. */
function listState(list) {
  if (list.problem && list.problem.failures > 0) return badge('bad', 'Not read');
  if (list.unfinished) return badge('busy', 'Being read');
  if (!list.lastReadAt) return badge('quiet', 'Not read yet');
  return badge('good', 'Read');
}

function listProblem({ problem }, zone) {
  if (!problem) return null;
  const since = problem.failures
    ? `${plural(problem.failures, 'failure')} since the last success`
    : 'read without a failure since';
  return h(
    'div',
    null,
    problem.at ? dateTime(problem.at, zone) : null,
    h('div', { class: 'quiet' }, `${problem.text}${problem.status ? ` (status ${problem.status})` : ''}; ${since}`),
  );
}

/**
 * The lists read from Microsoft Graph, if any.
 * @param {Answer|null} pull
 * @param {string} zone
 */
function pulled(pull, zone) {
  if (!pull) return null;
  const expires = pull.secretExpiresAt;
  return h(
    'section',
    { class: 'card', 'data-key': 'graph-pull' },
    h(
      'div',
      { class: 'card-head' },
      h('h2', null, 'Read from Microsoft Graph'),
      h(
        'p',
        { class: 'quiet' },
        `Lists of ${pull.directory}, ${words.cloud(pull.cloud)}, read since ${dateTime(pull.addedAt, zone)} `,
        `by the application ${pull.client}. `,
        pull.reading ? 'A run is under way. ' : null,
        expires ? `Its client secret is valid until ${day(expires)}.` : 'When its client secret expires is unknown.',
      ),
    ),
    pull.secretExpiresSoon
      ? notice(
          'warning',
          h('strong', null, `The client secret expires on ${day(expires)}. `),
          'After that nothing is read. Create a new one in Entra, and replace it with ',
          h('code', null, 'vestibule graph rotate'),
          '.',
        )
      : null,
    dataTable({
      caption: 'Lists that are read from Microsoft Graph',
      hideCaption: true,
      key: (list) => list.list,
      columns: [
        { key: 'list', label: 'List', class: 'nowrap', render: (list) => words.pulledList(list.list) },
        { key: 'state', label: 'State', class: 'nowrap', render: listState },
        {
          key: 'lastReadAt',
          label: 'Last success',
          class: 'nowrap',
          render: (list) => (list.lastReadAt ? dateTime(list.lastReadAt, zone) : null),
        },
        {
          key: 'rows',
          label: 'Records',
          numeric: true,
          render: (list) => (list.lastReadAt ? count(list.rows) : null),
        },
        { key: 'nextDueAt', label: 'Next', class: 'nowrap', render: (list) => dateTime(list.nextDueAt, zone) },
        { key: 'problem', label: 'Last problem', class: 'wrap', render: (list) => listProblem(list, zone) },
      ],
      rows: pull.lists,
      empty: 'No list was read yet.',
    }),
  );
}

export default {
  async show(context) {
    const { root, api, signal } = context;
    /** @type {Answer} */
    let answer = null;
    const reload = async () => {
      answer = await api.get('getSources', null, { signal });
    };
    const secrets = senderSecrets(context, { reload, redraw: () => draw() });
    const draw = () => {
      if (signal.aborted) return;
      const { sources, timeZone: zone, graphPull } = answer;
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
          'What was received in the last five weeks, and what became of it. Counts are minimums: they are written once a ',
          'minute, and a function that ends before loses its counts. Requests without a valid credential are not counted.',
        ),
        h(
          'div',
          { 'data-key': 'silent' },
          silent.map((source) =>
            notice(
              'warning',
              h('strong', null, `${source.title} has fallen silent. `),
              `It last sent something ${dateTime(source.silent.since, zone)}, and is usually silent for at most `,
              `${plural(source.silent.usualLongestHours, 'hour')}. Events of its devices since then are missing.`,
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
                label: 'Last received',
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
        secrets(answer.offered),
        pulled(graphPull, zone),
        sources.filter((source) => source.days.length).map((source) => details(source, zone)),
      );
    };
    await reload();
    draw();
  },
};
