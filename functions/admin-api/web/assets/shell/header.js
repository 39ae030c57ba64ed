/*
 * The header and the footer: whose numbers these are, the navigation, the theme, the way out.
 *
 * What must stay true: without a tenant there is no navigation. For an opened file only the views are offered that a
 * file can answer.
 */

import { addressOf } from '../kit/address.js';
import { h, landmark, patch } from '../kit/dom.js';
import { VIEWS } from './views.js';
import { say } from '../kit/say.js';

function chooseTheme(theme) {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem('vestibule.theme', theme);
  } catch {
    // The choice then lasts for this page only.
  }
}

/** Brings the current view's link into sight where the navigation scrolls; the page itself stays where it is. */
function showCurrent() {
  const list = landmark('top').querySelector('nav ul');
  const current = list?.querySelector('[aria-current=page]');
  if (!list || !current) return;
  const [outer, inner] = [list.getBoundingClientRect(), current.getBoundingClientRect()];
  list.scrollLeft += inner.left - outer.left - (outer.width - inner.width) / 2;
}

/**
 * @param {object} options
 * @param {any} options.tenant as `GET /api/tenant` answers; null until somebody is signed in or a file is open
 * @param {boolean} options.isFile whether an opened file is looked at
 * @param {string} [options.current] the path of the view in the navigation
 * @param {() => void} options.signOut
 * @param {() => void} options.search opens the search
 */
export function drawHeader({ tenant, isFile, current, signOut, search }) {
  const theme = document.documentElement.dataset.theme ?? 'system';
  patch(
    landmark('top'),
    h(
      'div',
      { class: 'top-bar' },
      h('a', { class: 'brand', href: '#/' }, 'Vestibule'),
      tenant
        ? h(
            'span',
            { class: 'tenant' },
            h('span', { class: 'visually-hidden' }, say('shell.organisation'), ' '),
            tenant.tenant,
          )
        : null,
      tenant
        ? h(
            'nav',
            { 'aria-label': say('common.views') },
            h(
              'ul',
              { role: 'list' },
              VIEWS.filter((view) => view.nav && !(isFile && view.needsServer)).map((view) =>
                h(
                  'li',
                  null,
                  h(
                    'a',
                    { href: addressOf(view.path), 'aria-current': view.path === current ? 'page' : null },
                    view.title,
                  ),
                ),
              ),
            ),
          )
        : null,
      h(
        'div',
        { class: 'top-bar-end' },
        tenant
          ? h(
              'button',
              { type: 'button', class: 'small', onclick: search, 'aria-keyshortcuts': 'Control+K Meta+K' },
              say('shell.search'),
            )
          : null,
        h(
          'label',
          { class: 'theme' },
          h('span', { class: 'visually-hidden' }, say('shell.theme')),
          h(
            'select',
            { value: theme, onchange: (event) => chooseTheme(event.currentTarget.value) },
            h('option', { value: 'system' }, say('shell.systemTheme')),
            h('option', { value: 'light' }, say('shell.light')),
            h('option', { value: 'dark' }, say('shell.dark')),
          ),
        ),
        tenant && !isFile ? h('a', { class: 'account', href: addressOf('account') }, say('view.account')) : null,
        tenant && !isFile
          ? h('button', { type: 'button', class: 'small', onclick: signOut }, say('common.signOut'))
          : null,
      ),
    ),
  );
  showCurrent();
  patch(
    landmark('foot'),
    tenant
      ? h(
          'p',
          { class: 'quiet' },
          say('shell.foot', {
            zone: tenant.settings?.timeZone ?? 'UTC',
          }),
        )
      : null,
  );
}
