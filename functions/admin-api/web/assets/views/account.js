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
import { say } from '../kit/say.js';

/** Where and as what somebody is signed in. @param {Answer} tenant @returns {string} */
function signedInAs({ tenant: organisation, role, scopeTags }) {
  const tags = scopeTags?.join(', ');
  if (role === 'admin')
    return tags ? say('account.asAdminOf', { organisation, tags }) : say('account.asAdmin', { organisation });
  return tags ? say('account.asReaderOf', { organisation, tags }) : say('account.asReader', { organisation });
}

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
        announce(
          one.browser ? say('account.browserSignedOut', { browser: one.browser }) : say('account.theBrowserSignedOut'),
        );
      });

    const endAll = async () => {
      const isSure = await confirmDialog({
        title: say('account.signOutEverywhereTitle'),
        text: say('account.signOutEverywhereText'),
        action: say('account.endAll'),
        signal,
      });
      if (!isSure) return;
      await attempt(async () => {
        await api.send('signOut', { everywhere: 'true' }, undefined, { signal });
        signedOut(say('account.signedOutEverywhere'));
      });
    };

    const draw = () => {
      if (signal.aborted) return;
      const columns = [
        { key: 'browser', label: say('account.browser'), render: (one) => one.browser ?? NOT_REPORTED },
        { key: 'createdAt', label: say('account.signedIn'), render: (one) => dateTime(one.createdAt, zone) },
        { key: 'usedAt', label: say('account.lastUsed'), render: (one) => dateTime(one.usedAt, zone) },
        { key: 'endsAt', label: say('account.endsAtLatest'), render: (one) => dateTime(one.endsAt, zone) },
        {
          key: 'end',
          label: h('span', { class: 'visually-hidden' }, say('common.signOut')),
          render: (one) =>
            one.isCurrent
              ? badge('good', say('account.thisBrowser'))
              : h(
                  'button',
                  {
                    type: 'button',
                    class: 'small',
                    'aria-label': one.browser
                      ? say('account.signOutBrowser', {
                          browser: one.browser,
                          instant: dateTime(one.usedAt, zone),
                        })
                      : say('account.signOutTheBrowser', { instant: dateTime(one.usedAt, zone) }),
                    onclick: () => end(one),
                  },
                  say('common.signOut'),
                ),
        },
      ];
      patch(
        root,
        pageHead(say('view.account'), asOf(shown.list.asOf, zone)),
        accountNavigation('account'),
        shown.problem ? notice('problem', shown.problem) : null,
        h('p', null, signedInAs(tenant)),
        h('h2', null, say('account.whereSignedIn')),
        h('p', { class: 'quiet' }, say('account.whichBrowsers')),
        dataTable({
          caption: say('account.whereSignedIn'),
          hideCaption: true,
          columns,
          rows: shown.list.sessions,
          key: (one) => one.id,
        }),
        h('p', null, h('button', { type: 'button', class: 'danger', onclick: endAll }, say('account.endAll'))),
      );
    };

    await load();
    draw();
  },
};
