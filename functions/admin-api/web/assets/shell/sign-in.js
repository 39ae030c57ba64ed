/*
 * Signing in: with the organisation's account where that is set up, with a token, or by a one-time link.
 * What must stay true: no field's content and no code ever gets into an address.
 */

import { h, patch, uniqueId } from '../kit/dom.js';
import { fileButton } from '../file/desk.js';
import { notice } from '../kit/parts.js';

function words(error) {
  if (error.status === 401) return 'The server doesn’t know this token, or it was revoked.';
  return [error.title, error.detail].filter(Boolean).join('. ') || error.message;
}

export default {
  async show({ root, parameters, session, config, signedIn, signal, openFile }) {
    const ids = { token: uniqueId('token'), help: uniqueId('help') };

    /** @param {any} message @param {Parameters<typeof notice>[0]} [kind] */
    const draw = (message, kind = 'problem') => {
      patch(
        root,
        h(
          'div',
          { class: 'sign-in' },
          h('h1', { tabindex: '-1' }, 'Sign in to Vestibule'),
          h('p', { class: 'quiet' }, 'See where people give up while enrolling a device.'),
          message ? notice(kind, message) : null,
          config.oidc
            ? h(
                'p',
                null,
                h(
                  'button',
                  {
                    type: 'button',
                    class: 'primary wide',
                    onclick: async (event) => {
                      const button = event.currentTarget;
                      button.disabled = true;
                      try {
                        await session.leaveToSignIn();
                      } catch (error) {
                        button.disabled = false;
                        draw(words(error));
                      }
                    },
                  },
                  'Sign in with your organisation',
                ),
              )
            : null,
          h(
            'form',
            {
              class: 'stack',
              onsubmit: async (event) => {
                event.preventDefault();
                const form = event.currentTarget;
                const token = form.elements.token.value.trim();
                if (!token) return;
                const button = form.querySelector('button');
                button.disabled = true;
                try {
                  await session.begin(token, signal);
                  signedIn();
                } catch (error) {
                  if (error.name === 'AbortError') return;
                  draw(words(error));
                  root.querySelector('input')?.focus();
                } finally {
                  button.disabled = false;
                }
              },
            },
            h('label', { for: ids.token }, config.oidc ? 'Or with a token' : 'Token'),
            h('input', {
              id: ids.token,
              name: 'token',
              type: 'password',
              required: true,
              autocomplete: 'off',
              spellcheck: 'false',
              'aria-describedby': ids.help,
            }),
            h(
              'p',
              { class: 'quiet', id: ids.help },
              'It signs in this browser, in all its tabs, for up to twelve hours, and is not kept.',
            ),
            h('button', { type: 'submit', class: config.oidc ? 'wide' : 'primary wide' }, 'Sign in'),
          ),
          h(
            'p',
            { class: 'quiet' },
            'Have you nothing to type? Whoever runs Vestibule in your organisation gives access: a link that signs you in, ',
            'made with ',
            h('code', null, 'vestibule token link'),
            ', or a token, made with ',
            h('code', null, 'vestibule token add'),
            '.',
          ),
          h('hr', null),
          h(
            'p',
            { class: 'quiet' },
            'Or open a downloaded report file. Drop it here, or choose it. It stays on this machine.',
          ),
          fileButton(openFile),
        ),
      );
    };

    const code = parameters.get('code');
    if (code) {
      patch(root, h('div', { class: 'sign-in' }, h('h1', { tabindex: '-1' }, 'Signing in…')));
      try {
        await session.exchange(code);
        signedIn();
      } catch (error) {
        if (error.name === 'AbortError') return;
        draw(
          error.status === 0
            ? words(error)
            : 'This link was already used or has expired. Ask for a new one, or sign in with a token.',
        );
      }
      return;
    }
    draw(session.reason, 'information');
  },
};
