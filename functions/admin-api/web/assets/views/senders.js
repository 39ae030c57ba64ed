/*
 * The senders: the deliveries of each and their results, who has fallen silent, and the lists read from Microsoft
 * Graph.
 *
 * What must stay true: counts are lower bounds, and the page says so; a delivery is shown only by its digest. The
 * secret of the application that reads from Graph is never shown.
 */

import { h, patch } from '../kit/dom.js';
import { bytes, count, dateTime, dateTimeSeconds, day } from '../kit/format.js';
import { asOf, badge, notice } from '../kit/parts.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';
import { senderSecrets } from './sender-setup.js';
import { say, sayNodes } from '../kit/say.js';

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
  const { accepted, known, passedOver, refused } = delivery;
  const said = [
    accepted > 0 ? say('senders.soManyStored', { count: count(accepted) }) : null,
    known > 0 ? say('senders.soManyKnown', { count: count(known) }) : null,
    passedOver > 0 ? say('senders.soManyIgnored', { count: count(passedOver) }) : null,
    refused > 0 ? say('senders.soManyRefused', { count: count(refused) }) : null,
  ].filter(Boolean);
  return said.length ? said.join(', ') : say('common.empty');
}

function state(source) {
  if (source.silent) return badge('warn', say('senders.silent'));
  if (!source.lastHeardAt) return badge('quiet', say('senders.nothingReceived'));
  if (!source.lastAcceptedAt) return badge('warn', say('senders.nothingStored'));
  return badge('good', say('senders.active'));
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
      caption: say('senders.byDayOf', { sender: source.title }),
      key: (one) => one.day,
      columns: [
        { key: 'day', label: say('common.day'), class: 'nowrap', render: (one) => day(one.day) },
        { key: 'accepted', label: say('senders.stored'), numeric: true, render: (one) => count(one.accepted) },
        { key: 'known', label: say('senders.knownAlready'), numeric: true, render: (one) => count(one.known) },
        { key: 'passedOver', label: say('senders.ignoredByKind'), render: (one) => withNames(one.passedOver) },
        {
          key: 'refused',
          label: say('senders.refusedByReason'),
          render: (one) => withNames(one.refused, words.refusal),
        },
      ],
      rows: source.days,
      empty: say('senders.nothingReceivedYet'),
    }),
    h(
      'details',
      { 'data-key': `${source.source}-newest` },
      h('summary', null, say('senders.newestDeliveries', { n: source.newest.length })),
      dataTable({
        caption: say('senders.newestOf', { sender: source.title }),
        key: (one) => `${one.at}-${one.sha256}`,
        columns: [
          { key: 'at', label: say('common.received'), class: 'nowrap', render: (one) => dateTimeSeconds(one.at, zone) },
          { key: 'bytes', label: say('common.size'), numeric: true, render: (one) => bytes(one.bytes) },
          { key: 'became', label: say('common.result'), render: became },
          { key: 'sha256', label: say('senders.digest'), render: (one) => h('code', null, one.sha256) },
        ],
        rows: source.newest,
        empty: say('senders.noDeliveryReceived'),
      }),
    ),
  );
}

/** The state of a list; the last problem comes first. */
function listState(list) {
  if (list.problem && list.problem.failures > 0) return badge('bad', say('senders.notRead'));
  if (list.unfinished) return badge('busy', say('senders.beingRead'));
  if (!list.lastReadAt) return badge('quiet', say('senders.notReadYet'));
  return badge('good', say('senders.read'));
}

function listProblem({ problem }, zone) {
  if (!problem) return null;
  const since = problem.failures
    ? say('senders.failuresSince', { n: problem.failures })
    : say('senders.readWithoutFailureSince');
  return h(
    'div',
    null,
    problem.at ? dateTime(problem.at, zone) : null,
    h(
      'div',
      { class: 'quiet' },
      problem.status
        ? say('senders.problemStatus', { problem: problem.text, status: problem.status, since })
        : say('senders.problemSince', { problem: problem.text, since }),
    ),
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
      h('h2', null, say('senders.readFromMicrosoftGraph')),
      h(
        'p',
        { class: 'quiet' },
        say('senders.listsOf', {
          directory: pull.directory,
          cloud: words.cloud(pull.cloud),
          since: dateTime(pull.addedAt, zone),
          client: pull.client,
        }),
        ' ',
        pull.reading ? [say('senders.underWay'), ' '] : null,
        expires ? say('senders.secretUntil', { day: day(expires) }) : say('senders.secretUnknown'),
      ),
    ),
    pull.secretExpiresSoon
      ? notice(
          'warning',
          h('strong', null, say('senders.secretExpires', { day: day(expires) })),
          ' ',
          sayNodes('senders.rotate', {
            command: h('code', null, 'vestibule graph rotate'),
          }),
        )
      : null,
    dataTable({
      caption: say('senders.listsTitle'),
      hideCaption: true,
      key: (list) => list.list,
      columns: [
        { key: 'list', label: say('common.list'), class: 'nowrap', render: (list) => words.pulledList(list.list) },
        { key: 'state', label: say('common.state'), class: 'nowrap', render: listState },
        {
          key: 'lastReadAt',
          label: say('senders.lastSuccess'),
          class: 'nowrap',
          render: (list) => (list.lastReadAt ? dateTime(list.lastReadAt, zone) : null),
        },
        {
          key: 'rows',
          label: say('senders.records'),
          numeric: true,
          render: (list) => (list.lastReadAt ? count(list.rows) : null),
        },
        {
          key: 'nextDueAt',
          label: say('senders.next'),
          class: 'nowrap',
          render: (list) => dateTime(list.nextDueAt, zone),
        },
        { key: 'problem', label: say('senders.lastProblem'), class: 'wrap', render: (list) => listProblem(list, zone) },
      ],
      rows: pull.lists,
      empty: say('senders.noListReadYet'),
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
          h('h1', { tabindex: '-1' }, say('view.senders')),
          h('p', { class: 'quiet' }, say('senders.setUp', { n: sources.length }), ' ', asOf(answer.asOf, zone)),
        ),
        h('p', { 'data-key': 'about' }, say('senders.about')),
        h(
          'div',
          { 'data-key': 'silent' },
          silent.map((source) =>
            notice(
              'warning',
              h('strong', null, say('senders.fallenSilent', { sender: source.title })),
              ' ',
              say('senders.lastSent', {
                n: source.silent.usualLongestHours,
                instant: dateTime(source.silent.since, zone),
              }),
            ),
          ),
        ),
        h(
          'section',
          { class: 'card', 'data-key': 'list' },
          h('h2', null, say('senders.allSenders')),
          dataTable({
            caption: say('view.senders'),
            hideCaption: true,
            key: (source) => source.source,
            columns: [
              { key: 'title', label: say('common.sender') },
              { key: 'state', label: say('common.state'), class: 'nowrap', render: state },
              {
                key: 'lastHeardAt',
                label: say('senders.lastReceived'),
                class: 'nowrap',
                render: (source) => (source.lastHeardAt ? dateTime(source.lastHeardAt, zone) : null),
              },
              {
                key: 'lastAcceptedAt',
                label: say('senders.lastStored'),
                class: 'nowrap',
                render: (source) => (source.lastAcceptedAt ? dateTime(source.lastAcceptedAt, zone) : null),
              },
              { key: 'lastRefusal', label: say('senders.lastRefusal'), render: (source) => refusal(source, zone) },
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
