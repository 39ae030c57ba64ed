/*
 * The organisation's tokens: a list, a new one, revoking one.
 *
 * What must stay true: a new token is shown once, here alone, until this view is left or the person has copied it; nothing
 * of the page keeps it. Whoever revokes the token by which they are signed in is told so before.
 */

import { confirmDialog } from '../kit/confirm.js';
import { h, patch, uniqueId } from '../kit/dom.js';
import { dateTime } from '../kit/format.js';
import { asOf, badge, copyButton, notice, pageHead } from '../kit/parts.js';
import { dataTable } from '../kit/table.js';
import { accountNavigation, inOneLine, whyReadOnly } from './account-parts.js';
import { say } from '../kit/say.js';

const ROLES = { reader: say('tokens.reads'), admin: say('tokens.readsAndChanges') };

export default {
  async show(context) {
    const { root, api, tenant, signal, announce } = context;
    const zone = tenant.settings.timeZone;
    const readOnly = whyReadOnly(context);
    const ids = { name: uniqueId('token'), role: uniqueId('token'), tags: uniqueId('token') };
    const typed = { name: '', role: 'reader', tags: '' };
    /** @type {{list: Answer, made: Answer, problem: string|null}} */
    const shown = { list: null, made: null, problem: null };

    if (readOnly) {
      patch(root, pageHead(say('view.tokens')), accountNavigation('tokens'), notice('information', readOnly));
      return;
    }

    const load = async () => {
      shown.list = await api.get('listTokens', null, { signal });
    };

    /** Does what can fail, and says if it did. */
    const attempt = async (act) => {
      shown.problem = null;
      try {
        await act();
      } catch (error) {
        if (error.name === 'AbortError') return;
        shown.problem = inOneLine(error);
      }
      draw();
    };

    const make = (event) => {
      event.preventDefault();
      return attempt(async () => {
        const scopeTags = typed.tags
          .split(',')
          .map((tag) => tag.trim())
          .filter(Boolean);
        const asked = { name: typed.name, role: typed.role, scopeTags };
        shown.made = (await api.send('addToken', null, asked, { signal })).body;
        Object.assign(typed, { name: '', tags: '' });
        await load();
        announce(say('tokens.isMade'));
      });
    };

    const revoke = async (one) => {
      const isSure = await confirmDialog({
        title: say('tokens.revokeTitle', { token: one.name || one.id }),
        text: [say('tokens.revoked'), one.isCurrent ? [' ', say('tokens.isCurrent')] : null],
        action: say('tokens.revoke'),
        signal,
      });
      if (!isSure) return;
      await attempt(async () => {
        try {
          await api.send('revokeToken', { id: one.id }, undefined, { signal });
        } catch (error) {
          // Somebody else has revoked it.
          if (error.status !== 404) throw error;
        }
        await load();
        announce(say('tokens.isRevoked', { token: one.name || one.id }));
      });
    };

    const field = (name, label, input) =>
      h('div', { class: 'field', 'data-key': name }, h('label', { for: ids[name] }, label), input);
    const typing = (name) => ({
      id: ids[name],
      value: typed[name],
      oninput: (event) => {
        typed[name] = event.currentTarget.value;
      },
    });

    const form = () =>
      h(
        'form',
        { class: 'filters', 'aria-label': say('tokens.newToken'), 'data-key': 'new', onsubmit: make },
        field(
          'name',
          say('tokens.whatItIsFor'),
          h('input', { type: 'text', required: true, maxlength: '100', autocomplete: 'off', ...typing('name') }),
        ),
        field(
          'role',
          say('tokens.whatItMayDo'),
          h(
            'select',
            typing('role'),
            Object.entries(ROLES).map(([value, words]) => h('option', { value }, words)),
          ),
        ),
        field(
          'tags',
          say('tokens.tagsLabel'),
          h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', ...typing('tags') }),
        ),
        h('button', { type: 'submit', class: 'primary' }, say('tokens.makeToken')),
      );

    const once = ({ token, secret }) =>
      h(
        'section',
        { class: 'card', 'data-key': 'made', 'aria-label': say('tokens.theNewToken') },
        h('h2', null, say('tokens.theTokenNamed', { name: token.name })),
        h('p', null, say('tokens.shownOnlyNow')),
        h('p', null, h('code', { class: 'secret' }, secret), ' ', copyButton(secret, say('tokens.theToken'), announce)),
        h(
          'p',
          null,
          h(
            'button',
            {
              type: 'button',
              onclick: () => {
                shown.made = null;
                draw();
              },
            },
            say('common.iHaveCopiedIt'),
          ),
        ),
      );

    const draw = () => {
      if (signal.aborted) return;
      const columns = [
        { key: 'name', label: say('tokens.whatItIsFor'), class: 'wrap', render: (one) => one.name },
        { key: 'role', label: say('tokens.whatItMayDo'), render: (one) => ROLES[one.role] },
        { key: 'scopeTags', label: say('common.scopeTags'), class: 'wrap', render: (one) => one.scopeTags.join(', ') },
        {
          key: 'createdAt',
          label: say('common.made'),
          class: 'nowrap',
          render: (one) => dateTime(one.createdAt, zone),
        },
        {
          key: 'expiresAt',
          label: say('tokens.ends'),
          class: 'nowrap',
          render: (one) => (one.expiresAt ? dateTime(one.expiresAt, zone) : say('tokens.whenRevoked')),
        },
        { key: 'id', label: say('common.id'), render: (one) => h('code', null, one.id) },
        {
          key: 'revoke',
          label: h('span', { class: 'visually-hidden' }, say('tokens.revoke')),
          render: (one) => [
            one.isCurrent ? [badge('good', say('common.yours')), ' '] : null,
            h(
              'button',
              {
                type: 'button',
                class: 'small',
                'aria-label': say('tokens.revokeOne', { token: one.name || one.id }),
                onclick: () => revoke(one),
              },
              say('tokens.revoke'),
            ),
          ],
        },
      ];
      patch(
        root,
        pageHead(say('view.tokens'), asOf(shown.list.asOf, zone)),
        accountNavigation('tokens'),
        shown.problem ? notice('problem', shown.problem) : null,
        h('p', { class: 'quiet', 'data-key': 'about' }, say('tokens.about')),
        shown.made ? once(shown.made) : null,
        form(),
        dataTable({
          caption: say('view.tokens'),
          hideCaption: true,
          columns,
          rows: shown.list.tokens,
          key: (one) => one.id,
          empty: say('tokens.noToken'),
        }),
      );
    };

    await load();
    draw();
  },
};
