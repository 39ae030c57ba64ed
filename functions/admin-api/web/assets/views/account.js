/*
 * Who is signed in, and in which browsers.
 *
 * What must stay true: the list has the sessions of the same token or account, and this browser's own is marked.
 */

import { confirmDialog } from '../kit/confirm.js';
import { h, patch } from '../kit/dom.js';
import { dateTime, NOT_REPORTED } from '../kit/format.js';
import { asOf, badge, notice, pageHead } from '../kit/parts.js';
import { accountNavigation } from './account-parts.js';
import { dataTable } from '../kit/table.js';

export default {
  async show({ root, api, tenant, signal, announce, signedOut }) {
    const zone = tenant.settings.timeZone;
    /** @type {{list: Answer, problem: string|null}} */
    const shown = { list: null, problem: null };

    const load = async () => {
      shown.list = await api.get('listBrowserSessions', null, { signal });
    };

    /** Does what can fail, and says if it did. */
    const attempt = async (act) => {
      shown.problem = null;
      try {
        await act();
      } catch (error) {
        if (error.name === 'AbortError') return;
        shown.problem = [error.title, error.detail].filter(Boolean).join('. ');
      }
      draw();
    };

    const end = (one) =>
      attempt(async () => {
        try {
          await api.send('endBrowserSession', { id: one.id }, undefined, { signal });
        } catch (error) {
          // It has ended meanwhile.
          if (error.status !== 404) throw error;
        }
        await load();
        announce(`${one.browser ?? 'The browser'} is signed out.`);
      });

    const endAll = async () => {
      const isSure = await confirmDialog({
        title: 'Sign out everywhere?',
        text: 'Every browser in this list is signed out, this one too. Tokens of programs stay as they are.',
        action: 'Sign out everywhere',
        signal,
      });
      if (!isSure) return;
      await attempt(async () => {
        await api.send('signOut', { everywhere: 'true' }, undefined, { signal });
        signedOut('You are signed out everywhere.');
      });
    };

    const draw = () => {
      if (signal.aborted) return;
      const columns = [
        { key: 'browser', label: 'Browser', render: (one) => one.browser ?? NOT_REPORTED },
        { key: 'createdAt', label: 'Signed in', render: (one) => dateTime(one.createdAt, zone) },
        { key: 'usedAt', label: 'Last used', render: (one) => dateTime(one.usedAt, zone) },
        { key: 'endsAt', label: 'Ends at the latest', render: (one) => dateTime(one.endsAt, zone) },
        {
          key: 'end',
          label: h('span', { class: 'visually-hidden' }, 'Sign out'),
          render: (one) =>
            one.isCurrent
              ? badge('good', 'This browser')
              : h(
                  'button',
                  {
                    type: 'button',
                    class: 'small',
                    'aria-label': `Sign out ${one.browser ?? 'the browser'}, last used ${dateTime(one.usedAt, zone)}`,
                    onclick: () => end(one),
                  },
                  'Sign out',
                ),
        },
      ];
      patch(
        root,
        pageHead('Account', asOf(shown.list.asOf, zone)),
        accountNavigation('account'),
        shown.problem ? notice('problem', shown.problem) : null,
        h(
          'p',
          null,
          `You are signed in to ${tenant.tenant} as ${tenant.role === 'admin' ? 'an administrator' : 'a reader'}`,
          tenant.scopeTags?.length ? `, for profiles with the scope tags ${tenant.scopeTags.join(', ')}` : '',
          '.',
        ),
        h('h2', null, 'Where you are signed in'),
        h(
          'p',
          { class: 'quiet' },
          'Browsers that signed in with the same token, link or account. One that is not used for two hours is signed out.',
        ),
        dataTable({
          caption: 'Where you are signed in',
          hideCaption: true,
          columns,
          rows: shown.list.sessions,
          key: (one) => one.id,
        }),
        h('p', null, h('button', { type: 'button', class: 'danger', onclick: endAll }, 'Sign out everywhere')),
      );
    };

    await load();
    draw();
  },
};
