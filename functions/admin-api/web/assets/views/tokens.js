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

const ROLES = { reader: 'Reads', admin: 'Reads and changes' };

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
      patch(root, pageHead('Tokens'), accountNavigation('tokens'), notice('information', readOnly));
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
        announce('The token is made. It is shown only now.');
      });
    };

    const revoke = async (one) => {
      const isSure = await confirmDialog({
        title: `Revoke ${one.name || one.id}?`,
        text: [
          'Whatever uses it is refused from now on, and browsers that signed in with it are signed out.',
          one.isCurrent ? ' It is the one by which you are signed in.' : null,
        ],
        action: 'Revoke',
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
        announce(`${one.name || one.id} is revoked.`);
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
        { class: 'filters', 'aria-label': 'New token', 'data-key': 'new', onsubmit: make },
        field(
          'name',
          'What it is for',
          h('input', { type: 'text', required: true, maxlength: '100', autocomplete: 'off', ...typing('name') }),
        ),
        field(
          'role',
          'What it may do',
          h(
            'select',
            typing('role'),
            Object.entries(ROLES).map(([value, words]) => h('option', { value }, words)),
          ),
        ),
        field(
          'tags',
          'Scope tags, with commas; none for everything',
          h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', ...typing('tags') }),
        ),
        h('button', { type: 'submit', class: 'primary' }, 'Make a token'),
      );

    const once = ({ token, secret }) =>
      h(
        'section',
        { class: 'card', 'data-key': 'made', 'aria-label': 'The new token' },
        h('h2', null, `The token ${token.name}`),
        h('p', null, 'It is shown only now, and kept nowhere on this page. Copy it to where it is used.'),
        h('p', null, h('code', { class: 'secret' }, secret), ' ', copyButton(secret, 'the token', announce)),
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
            'I have copied it',
          ),
        ),
      );

    const draw = () => {
      if (signal.aborted) return;
      const columns = [
        { key: 'name', label: 'What it is for', class: 'wrap', render: (one) => one.name },
        { key: 'role', label: 'What it may do', render: (one) => ROLES[one.role] },
        { key: 'scopeTags', label: 'Scope tags', class: 'wrap', render: (one) => one.scopeTags.join(', ') },
        { key: 'createdAt', label: 'Made', class: 'nowrap', render: (one) => dateTime(one.createdAt, zone) },
        {
          key: 'expiresAt',
          label: 'Ends',
          class: 'nowrap',
          render: (one) => (one.expiresAt ? dateTime(one.expiresAt, zone) : 'when it is revoked'),
        },
        { key: 'id', label: 'Id', render: (one) => h('code', null, one.id) },
        {
          key: 'revoke',
          label: h('span', { class: 'visually-hidden' }, 'Revoke'),
          render: (one) => [
            one.isCurrent ? [badge('good', 'Yours'), ' '] : null,
            h(
              'button',
              {
                type: 'button',
                class: 'small',
                'aria-label': `Revoke ${one.name || one.id}`,
                onclick: () => revoke(one),
              },
              'Revoke',
            ),
          ],
        },
      ];
      patch(
        root,
        pageHead('Tokens', asOf(shown.list.asOf, zone)),
        accountNavigation('tokens'),
        shown.problem ? notice('problem', shown.problem) : null,
        h(
          'p',
          { class: 'quiet', 'data-key': 'about' },
          'Programs send a token to ask for numbers and files; people sign in with one. A token is valid until it is revoked.',
        ),
        shown.made ? once(shown.made) : null,
        form(),
        dataTable({
          caption: 'Tokens',
          hideCaption: true,
          columns,
          rows: shown.list.tokens,
          key: (one) => one.id,
          empty: 'There is no token.',
        }),
      );
    };

    await load();
    draw();
  },
};
