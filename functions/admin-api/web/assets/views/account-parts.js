/*
 * What the views of the account have in common: their navigation, and who may change what is of the whole organisation.
 *
 * What must stay true: settings, tokens and secrets are of the whole organisation, so a sign-in for some profiles only
 * does not change them.
 */

import { addressOf } from '../kit/address.js';
import { h } from '../kit/dom.js';
import { say } from '../kit/say.js';

const PARTS = [
  ['account', say('account.signIns')],
  ['settings', say('view.settings')],
  ['tokens', say('view.tokens')],
  ['messages', say('view.messages')],
  ['steps', say('view.firstSteps')],
];

/** @param {string} current the path of the view @returns {HTMLElement} */
export function accountNavigation(current) {
  return h(
    'nav',
    { class: 'esp-parts', 'aria-label': say('view.account'), 'data-key': 'account-parts' },
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
  if (!canSend) return say('account.readerOnly');
  if (tenant.scopeTags?.length) {
    return say('account.tokenHasTags');
  }
  return null;
}

/** A problem in one line. @param {any} error */
export const inOneLine = (error) => [error.title ?? error.message, error.detail].filter(Boolean).join('. ');
