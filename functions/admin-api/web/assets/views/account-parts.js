/*
 * What the views of the account have in common: their navigation, and who may change what is of the whole organisation.
 *
 * What must stay true: settings, tokens and secrets are of the whole organisation, so a sign-in for some profiles only
 * does not change them.
 */

import { addressOf } from '../kit/address.js';
import { h } from '../kit/dom.js';

const PARTS = [
  ['account', 'Sign-ins'],
  ['settings', 'Settings'],
  ['tokens', 'Tokens'],
  ['messages', 'Messages'],
  ['steps', 'First steps'],
];

/** @param {string} current the path of the view @returns {HTMLElement} */
export function accountNavigation(current) {
  return h(
    'nav',
    { class: 'esp-parts', 'aria-label': 'Account', 'data-key': 'account-parts' },
    h(
      'ul',
      { role: 'list' },
      PARTS.map(([path, title]) =>
        h('li', null, h('a', { href: addressOf(path), 'aria-current': path === current ? 'page' : null }, title)),
      ),
    ),
  );
}

/** Why this sign-in may not change what is of the whole organisation; null if it may. @param {any} context */
export function whyReadOnly({ canSend, tenant }) {
  if (!canSend) return 'You are signed in as a reader. An administrator can change this.';
  if (tenant.scopeTags?.length) {
    return 'Your token has scope tags, so it is for some profiles only. This is of the whole organisation.';
  }
  return null;
}

/** A problem in one line. @param {any} error */
export const inOneLine = (error) => [error.title ?? error.message, error.detail].filter(Boolean).join('. ');
