/*
 * One session of the Enrollment Status Page, whether it is the device's newest or not: its state, its phases and
 * their items, what went wrong, and the device's other sessions.
 *
 * What must stay true: all of it is the report's own answer, so an opened file shows the same. What no sender reported
 * is shown as not reported.
 */

import { progressBar } from '../kit/chart.js';
import { h, patch, svg } from '../kit/dom.js';
import { count, dateTime, minutes, NOT_REPORTED, orNotReported } from '../kit/format.js';
import { adviceList, asOf, badge, notice, pageHead } from '../kit/parts.js';
import { addressOf, segment } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import {
  deploymentMode,
  choices,
  espCategory,
  espPhase,
  espRule,
  espState,
  progressState,
  tracking,
} from '../kit/words.js';
import {
  deviceAddress,
  espNavigation,
  factList,
  profileLink,
  PROGRESS_KINDS,
  sessionAddress,
  stateBadge,
} from './esp-parts.js';
import { spanOf, usualSpan } from './time-parts.js';
import { say } from '../kit/say.js';

/** Its end, or the words for a missing one. */
function ended(session, zone) {
  if (session.endedAt) return dateTime(session.endedAt, zone);
  return session.endNotReported ? NOT_REPORTED : null;
}

const minutesBetween = (from, to) => (Date.parse(to) - Date.parse(from)) / 60_000;

/** An item's duration; not reported if the item settled without having been in progress. */
const took = (one) =>
  one.settledAt && one.settledAt !== one.beganAt ? minutesBetween(one.beganAt, one.settledAt) : null;

/**
 * The picture of it, of the whole session's time, before what is usual; null where it is unknown.
 * @param {Answer} session
 * @param {Answer} one
 * @param {{from: number, to: number}|null} [usual]
 */
function bar(session, one, usual = null) {
  const span = spanOf(session, one);
  if (!span) return null;
  const kind = ['error', 'failed'].includes(one.state) ? 'bar-lost' : 'bar-fill';
  return svg(
    'svg',
    { class: 'bar-picture', height: '12', 'aria-hidden': 'true', focusable: 'false' },
    svg('rect', { class: 'bar-track', height: '12', width: '100%' }),
    usual
      ? svg('rect', {
          class: 'bar-usual',
          height: '12',
          x: `${usual.from * 100}%`,
          width: `${(usual.to - usual.from) * 100}%`,
        })
      : null,
    svg('rect', {
      class: span.isOpen ? `${kind} bar-open` : kind,
      // What is usual is seen behind it.
      height: usual ? '6' : '12',
      y: usual ? '3' : '0',
      x: `${span.from * 100}%`,
      // What took no time is seen too.
      width: `${Math.max(span.to - span.from, 0.005) * 100}%`,
    }),
  );
}

/** What sessions like this one say of an item; nothing before they are known, and in a file of an earlier version. */
const usualItem = (usual, one) =>
  usual?.items?.find(
    ({ phase, category, itemId }) => phase === one.phase && category === one.category && itemId === one.itemId,
  );

/** How long it usually takes, and in how many sessions; or that too few reported it, or none. */
function usualTime(usual, one) {
  if (!usual?.items) return null;
  const { n, medianMinutes } = usualItem(usual, one) ?? { n: 0, medianMinutes: null };
  if (!n) return h('small', null, say('session.itemUsuallyNotReported'));
  const of = count(n);
  return h(
    'small',
    null,
    medianMinutes === null
      ? say('session.itemUsuallyTooFew', { of })
      : say('session.itemUsually', { median: minutes(medianMinutes), of }),
  );
}

function items(session, phase, zone, usual) {
  const list = session.items.filter((one) => one.phase === phase.phase);
  if (!list.length) return h('p', { class: 'quiet' }, say('session.noItem'));
  return h(
    'details',
    { open: list.some((one) => one.state === 'error') },
    h(
      'summary',
      null,
      say('count.items', { n: list.length }),
      h('span', { class: 'visually-hidden' }, ' ', say('device.itemsOf', { title: phase.title })),
    ),
    dataTable({
      caption: say('session.itemsOfPhase', { phase: phase.title }),
      hideCaption: true,
      columns: [
        {
          key: 'name',
          label: say('common.item'),
          class: 'wrap',
          render: (one) => [one.name ?? one.itemId, h('small', null, espCategory(one.category))],
        },
        {
          key: 'took',
          label: say('common.took'),
          numeric: true,
          class: 'took',
          render: (one) => [
            orNotReported(took(one), minutes, one.settledAt ? 1 : 0),
            bar(session, one, usualSpan(session, one.beganAt, usualItem(usual, one)?.medianMinutes)),
            usualTime(usual, one),
          ],
        },
        {
          key: 'state',
          label: say('common.state'),
          render: (one) => [
            one.state ? badge(PROGRESS_KINDS[one.state] ?? 'quiet', progressState(one.state)) : NOT_REPORTED,
            one.errorCode ? h('div', null, h('code', null, one.errorCode)) : null,
            one.errors > 1 ? h('small', null, say('session.inError', { n: one.errors })) : null,
          ],
        },
        { key: 'tracking', label: say('common.partInSession'), class: 'wrap', render: (one) => tracking(one.tracking) },
        {
          key: 'updatedAt',
          label: say('common.reported'),
          class: 'nowrap',
          render: (one) => dateTime(one.updatedAt, zone),
        },
      ],
      rows: list,
      key: (one) => `${one.category} ${one.itemId}`,
    }),
  );
}

/** Its phases in order; a phase with only reported items just has its name. */
function allPhases(session) {
  const isKnown = (name) =>
    session.phases.some((one) => one.phase === name) || session.items.some((one) => one.phase === name);
  return choices('phase')
    .map(([name]) => name)
    .filter(isKnown)
    .map((name) => session.phases.find((one) => one.phase === name) ?? { phase: name, title: espPhase(name) });
}

function span(phase, zone) {
  if (!phase.startedAt) return say('session.spanNotReported');
  const from = dateTime(phase.startedAt, zone);
  if (phase.endedAt)
    return say('session.spanFromTo', { from, to: dateTime(phase.endedAt, zone), took: minutes(phase.minutes) });
  return phase.state === 'started' ? say('session.spanFrom', { from }) : say('session.spanWithoutEnd', { from });
}

/** How long a phase takes in sessions like this one. */
function usualWords(usual, phase) {
  const found = usual.phases.find((one) => one.phase === phase.phase);
  if (found?.medianMinutes === null || !found) return say('session.usuallyNotReported', { least: usual.least });
  return say('session.usually', { n: found.n, median: minutes(found.medianMinutes) });
}

/** A phase's time before the median of sessions like this one. */
function phaseBar(session, phase, usual) {
  const median = usual.phases.find((one) => one.phase === phase.phase)?.medianMinutes;
  const own = { beganAt: phase.startedAt, settledAt: phase.endedAt, state: phase.state };
  return bar(session, own, usualSpan(session, phase.startedAt, median));
}

function phases(session, zone, usual) {
  const all = allPhases(session);
  if (!all.length) return h('p', { class: 'quiet' }, say('session.noPhase'));
  return all.map((phase) =>
    h(
      'section',
      { class: 'esp-phase', 'data-key': phase.phase },
      h(
        'div',
        { class: 'esp-row' },
        h('h3', null, phase.title),
        phase.state ? badge(PROGRESS_KINDS[phase.state] ?? 'quiet', progressState(phase.state)) : null,
      ),
      h('p', { class: 'quiet' }, span(phase, zone), usual ? [' ', usualWords(usual, phase)] : null),
      usual ? phaseBar(session, phase, usual) : null,
      items(session, phase, zone, usual),
    ),
  );
}

function problems(session, zone) {
  const { failedPhase, failedItem, errorCode, errorMessage } = session;
  const parts = [
    failedItem ? say('session.byItem', { item: failedItem }) : null,
    failedPhase ? say('common.inPhase', { phase: espPhase(failedPhase).toLowerCase() }) : null,
    errorCode ? say('common.withCode', { code: errorCode }) : null,
  ].filter(Boolean);
  return [
    session.failed
      ? notice(
          'problem',
          h('strong', null, session.state === 'failed' ? say('common.sessionFailed') : say('session.failedBefore')),
          h('p', null, parts.length ? `${parts.join(' ')}.` : say('session.causeNotReported'), ' ', errorMessage),
        )
      : null,
    session.stuckSince
      ? notice(
          'warning',
          h(
            'strong',
            null,
            session.isStuck
              ? say('common.stuckSince', { since: dateTime(session.stuckSince, zone) })
              : say('session.wasStuckSince', { since: dateTime(session.stuckSince, zone) }),
          ),
          ' ',
          session.stuckMeans,
        )
      : null,
    session.endNotReported ? notice('information', say('session.endNotReported')) : null,
  ];
}

/** How long sessions like this one take. */
const usualWhole = (usual) =>
  usual.medianMinutes === null
    ? say('session.usualNotReported', { least: usual.least })
    : say('session.usualMedian', { n: usual.n, median: minutes(usual.medianMinutes) });

function facts(session, zone, usual) {
  return factList(
    [say('common.state'), stateBadge(session.state)],
    [say('common.started'), dateTime(session.startedAt, zone)],
    [say('common.ended'), ended(session, zone)],
    [say('common.took'), session.endedAt ? minutes(minutesBetween(session.startedAt, session.endedAt)) : null],
    [say('session.usuallyTakes'), usual ? usualWhole(usual) : null],
    [
      say('session.timeLimit'),
      say('session.limitUntil', { limit: minutes(session.limitMinutes), instant: dateTime(session.deadline, zone) }),
    ],
    [say('common.pastLimit'), session.timedOut ? say('common.yes') : say('common.no')],
    [say('common.lastActivity'), dateTime(session.lastEventAt, zone)],
    [say('common.retries'), String(session.retries)],
    [say('common.profile'), profileLink(session.profileId, session.profile)],
    [
      say('session.appliedBy'),
      session.ruleGroup ? `${espRule(session.rule)}: ${session.ruleGroup}` : espRule(session.rule),
    ],
    [
      say('common.deployment'),
      session.deploymentMode ? deploymentMode(session.deploymentMode) : NOT_REPORTED,
      session.hybridJoin ? [', ', say('common.hybridJoin')] : null,
    ],
    [say('common.windows'), session.osVersion ?? NOT_REPORTED],
    [say('common.user'), session.userPrincipalName ?? NOT_REPORTED],
    [say('common.device'), session.enrollmentKey],
    [say('session.sendersId'), session.senderSessionId],
  );
}

function others(session, zone) {
  if (!session.otherSessions.length) return h('p', { class: 'quiet' }, say('session.noOther'));
  const place = (one) => (one.startedAt < session.startedAt ? say('session.earlier') : say('session.later'));
  return dataTable({
    caption: say('session.otherSessionsTitle'),
    hideCaption: true,
    columns: [
      {
        key: 'startedAt',
        label: say('common.started'),
        render: (one) => [
          h('a', { href: sessionAddress(one.sessionId) }, dateTime(one.startedAt, zone)),
          h('small', null, place(one)),
        ],
      },
      { key: 'endedAt', label: say('common.ended'), render: (one) => dateTime(one.endedAt, zone) },
      { key: 'state', label: say('common.state'), render: (one) => stateBadge(one.state) },
      { key: 'deploymentMode', label: say('common.deployment'), render: (one) => deploymentMode(one.deploymentMode) },
      { key: 'userPrincipalName', label: say('common.user') },
    ],
    rows: session.otherSessions,
    key: (one) => one.sessionId,
  });
}

const card = (title, ...content) => h('section', { class: 'card', 'data-key': title }, h('h2', null, title), content);

function show(root, session, { zone, name, usual }) {
  patch(
    root,
    pageHead(
      say('session.sessionOf', { device: name }),
      `${dateTime(session.startedAt, zone)}. `,
      asOf(session.asOf, zone, session),
    ),
    espNavigation('sessions'),
    h(
      'p',
      { class: 'headline' },
      h('strong', null, espState(session.state)),
      session.endedAt || !session.stage ? null : `, ${session.stage}`,
      '.',
    ),
    problems(session, zone),
    h(
      'div',
      { class: 'columns', 'data-key': 'both' },
      card(
        say('session.phasesAndItems'),
        session.endedAt ? null : progressBar(session.progress, say('common.setupOfDevice')),
        phases(session, zone, usual),
      ),
      card(
        say('common.whatIsKnown'),
        facts(session, zone, usual),
        h(
          'p',
          { class: 'actions' },
          session.attemptId
            ? h('a', { href: addressOf(`attempt/${segment(session.attemptId)}`) }, say('session.itsAttempt'))
            : [say('session.noAttempt'), ' '],
          h('a', { class: 'server-only', href: deviceAddress(session.enrollmentKey) }, say('common.whatUserSeesNow')),
          h(
            'a',
            { class: 'server-only', href: addressOf('diagnostics', { device: session.enrollmentKey }) },
            say('common.diagnoseDevice'),
          ),
          h(
            'a',
            { href: addressOf('attempts', { enrollmentKey: session.enrollmentKey, os: 'all' }) },
            say('common.attemptsOfDevice'),
          ),
          session.userPrincipalName
            ? h(
                'a',
                { href: addressOf('sessions', { user: session.userPrincipalName }) },
                say('session.sessionsOfUser'),
              )
            : null,
        ),
      ),
    ),
    session.failed ? card(say('common.whatItCanMean'), adviceList(session.advice)) : null,
    card(say('session.otherSessions'), others(session, zone)),
  );
}

export default {
  async show({ root, rest, api, signal }) {
    const session = await api.get('getEspSession', { id: rest[0] ?? '' }, { signal });
    const zone = session.timeZone;
    const name = session.deviceName ?? session.enrollmentKey;
    const draw = (usual) => show(root, session, { zone, name, usual });
    draw(null);
    // The session is there first: what is usual takes longer to find, and a file of an earlier version has no such question.
    const usual = await api.get('getUsualSession', { id: session.sessionId }, { signal }).catch((error) => {
      if (error.name === 'AbortError' || error.status === 401) throw error;
      return null;
    });
    if (usual && !signal.aborted) draw(usual);
  },
};
