/*
 * What the views about the Enrollment Status Page share: their own navigation, and how a session's state, a device
 * and a profile are written.
 *
 * What must stay true: these hold no state. A profile that a token with scope tags may not see has no id and no name
 * here.
 */

import { h } from '../kit/dom.js';
import { addDays, day } from '../kit/format.js';
import { badge } from '../kit/parts.js';
import { addressOf, isFile, segment } from '../kit/address.js';
import { espState } from '../kit/words.js';
import { say } from '../kit/say.js';

/**
 * The address of what the user of a device sees; in an opened file, of its attempts.
 * @param {string} key
 * @returns {string}
 */
export const deviceAddress = (key) =>
  isFile() ? addressOf('attempts', { enrollmentKey: key, os: 'windows' }) : addressOf(`device/${segment(key)}`);

/** The address of a session. @param {string} id @returns {string} */
export const sessionAddress = (id) => addressOf(`session/${segment(id)}`);

const PARTS = [
  ['esp', say('view.overview')],
  ['apps', say('view.apps')],
  ['sessions', say('common.sessions')],
  // An opened file only has the profiles' names.
  ['profiles', say('esp.profiles'), 'server-only'],
];

/**
 * The navigation among these views.
 * @param {string} current the path of the view it stands on
 * @returns {HTMLElement}
 */
export function espNavigation(current) {
  return h(
    'nav',
    { class: 'esp-parts', 'aria-label': say('common.esp') },
    h(
      'ul',
      { role: 'list' },
      PARTS.map(([path, title, shown]) =>
        h(
          'li',
          { class: shown },
          h('a', { href: addressOf(path), 'aria-current': path === current ? 'page' : null }, title),
        ),
      ),
    ),
  );
}

const STATE_KINDS = {
  inProgress: 'busy',
  timedOut: 'warn',
  failed: 'bad',
  success: 'good',
  successWithTimeout: 'good',
  successOnRetry: 'good',
};

/** Marks of the states of phases, subtasks and items. */
export const PROGRESS_KINDS = {
  completed: 'good',
  failed: 'bad',
  error: 'bad',
  inProgress: 'busy',
  identifying: 'busy',
  started: 'busy',
};

/** A session's state. @param {string} state @returns {HTMLElement} */
export const stateBadge = (state) => badge(STATE_KINDS[state] ?? 'quiet', espState(state));

/**
 * A device as a link to its session, and the user.
 * @param {Answer} one a session, as the API lists it
 * @returns {(HTMLElement|null)[]}
 */
export const deviceAndUser = (one) => [
  h('a', { class: 'nowrap', href: sessionAddress(one.sessionId) }, one.deviceName ?? one.enrollmentKey),
  one.userPrincipalName ? h('small', null, one.userPrincipalName) : null,
];

/** A link to a profile; a deleted or hidden one is only text. */
export function profileLink(id, name) {
  if (!id || isFile()) return name ?? id ?? null;
  return h('a', { href: addressOf(`profile/${segment(id)}`) }, name ?? id);
}

/**
 * Names with values.
 * @param {...[string, ...any]} pairs those whose first value is null are left out
 * @returns {HTMLElement}
 */
export const factList = (...pairs) =>
  h(
    'dl',
    { class: 'facts' },
    pairs
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, ...value]) => h('div', null, h('dt', null, name), h('dd', null, value))),
  );

/** @param {ViewContext} context of a view @returns {string} the tenant's time zone */
export const zoneOf = (context) => context.tenant?.settings?.timeZone ?? 'UTC';

/** The range in words. @param {{from: string, to: string}} range @returns {string} */
export const rangeWords = (range) => say('common.span', { first: day(range.from), last: day(addDays(range.to, -1)) });

/**
 * The reason why the person can't change anything here; null if they can.
 * @param {ViewContext} context
 * @returns {string|null}
 */
export function whyReadOnly(context) {
  if (context.canSend) return null;
  return context.tenant?.role === 'reader' ? say('esp.readerOnly') : say('esp.readOnly');
}
