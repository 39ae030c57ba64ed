/*
 * Pieces that several views are made of. What must stay true: they hold no state and ask nothing of the API.
 */

import { h } from './dom.js';
import { dateTime, NOT_REPORTED } from './format.js';
import * as words from './words.js';
import { say } from './say.js';

/**
 * A view's heading, with what it is true for.
 * @param {string} title
 * @param {...any} more shown under it
 * @returns {HTMLElement}
 */
export function pageHead(title, ...more) {
  return h(
    'div',
    { class: 'page-head' },
    h('h1', { tabindex: '-1' }, title),
    more.length ? h('p', { class: 'quiet' }, more) : null,
  );
}

/**
 * @param {string} iso
 * @param {string} zone
 * @param {any} [answer] the answer, of which more may be to say
 * @returns {string} As of 21 Nov 2026, 10:03 (UTC)
 */
export const asOf = (iso, zone, answer) => withMarks(say('common.as', { instant: dateTime(iso, zone), zone }), answer);

/**
 * Adds to a sentence what is to be said of all of an answer: nothing, as a rule.
 * @param {string} text without its point
 * @param {any} answer
 * @returns {string}
 */
export function withMarks(text, answer) {
  const missing = answer?.unreadableEnrollments ?? 0;
  return [
    text,
    answer?.standsOn ? say('parts.olderNumbers') : null,
    missing ? say('parts.missing', { n: missing }) : null,
  ]
    .filter(Boolean)
    .join('. ');
}

/**
 * A message to the person.
 * @param {'information'|'warning'|'problem'|'success'} kind
 * @param {...any} children
 * @returns {HTMLElement}
 */
export function notice(kind, ...children) {
  return h('div', { class: `notice ${kind}`, role: kind === 'problem' ? 'alert' : null }, children);
}

/**
 * An error in words, with a button to try again.
 * @param {any} error an ApiProblem, or an unexpected error
 * @param {(() => void)|null} [retry]
 * @returns {HTMLElement}
 */
export function problemNotice(error, retry) {
  const fields = error.members?.errors ?? [];
  return notice(
    'problem',
    h('strong', null, error.title ?? say('parts.somethingWentWrong')),
    error.detail || !error.title ? h('p', null, error.detail ?? error.message) : null,
    fields.length > 1
      ? h(
          'ul',
          null,
          fields.map((one) => h('li', null, `${one.field}: ${one.problem}`)),
        )
      : null,
    retry ? h('p', null, h('button', { type: 'button', onclick: retry }, say('parts.tryAgain'))) : null,
  );
}

/**
 * A number with its name.
 * @param {object} options
 * @param {string} options.label
 * @param {string} options.value as shown
 * @param {any} [options.note]
 * @param {string} [options.href]
 * @returns {HTMLElement}
 */
export function tile({ label, value, note, href }) {
  // Words are longer than numbers, and a tile is as wide as a number needs.
  const size = value === NOT_REPORTED ? 'tile-value words' : 'tile-value';
  return h(
    'div',
    { class: 'tile' },
    h('dt', null, label),
    h(
      'dd',
      null,
      h('span', { class: size }, href ? h('a', { href, 'aria-label': `${label}: ${value}` }, value) : value),
      note ? h('span', { class: 'tile-note' }, note) : null,
    ),
  );
}

/** @param {...any} children of `tile` @returns {HTMLElement} */
export const tiles = (...children) => h('dl', { class: 'tiles' }, children);

/** A state as a word with a mark. @param {string} kind good, bad, warn, busy or quiet @param {string} text */
export const badge = (kind, text) => h('span', { class: `badge ${kind}` }, text);

const OUTCOME_KINDS = { completed: 'good', failed: 'bad', abandoned: 'warn', inProgress: 'busy' };

/** @param {string} name of an outcome @returns {HTMLElement} */
export const outcomeBadge = (name) => badge(OUTCOME_KINDS[name] ?? 'quiet', words.outcome(name));

/**
 * What a failure can mean and what to do, likeliest first.
 * @param {{id: string, codes: string[], problem: string, cause: string, steps: string[], who: string[]}[]} list
 * @returns {HTMLElement}
 */
export function adviceList(list) {
  if (!list.length) return h('p', { class: 'quiet' }, say('parts.noAdvice'));
  return h(
    'div',
    { class: 'advice-list' },
    list.length > 1 ? h('p', { class: 'quiet' }, say('parts.meanings', { n: list.length })) : null,
    list.map((one) =>
      h(
        'div',
        { class: 'advice', 'data-key': one.id },
        h('p', null, h('strong', null, one.problem)),
        one.cause ? h('p', null, one.cause) : null,
        one.steps.length
          ? h(
              'ol',
              null,
              one.steps.map((step) => h('li', null, step)),
            )
          : null,
        h(
          'p',
          { class: 'quiet' },
          [
            one.who.length ? say('common.whoCanDoIt', { who: one.who.map(words.who).join(', ') }) : null,
            one.codes.length ? say('parts.codes', { codes: one.codes.join(', ') }) : null,
          ]
            .filter(Boolean)
            .join(' · '),
        ),
      ),
    ),
  );
}

/**
 * A button that copies a text and says so.
 * @param {string} text
 * @param {string} label for readers: what is copied
 * @param {(text: string) => void} announce
 * @returns {HTMLElement}
 */
export function copyButton(text, label, announce) {
  return h(
    'button',
    {
      type: 'button',
      class: 'small',
      'aria-label': say('parts.copyWhat', { label }),
      onclick: async (event) => {
        const button = event.currentTarget;
        try {
          await navigator.clipboard.writeText(text);
          button.textContent = say('common.copied');
          announce(say('parts.copiedWhat', { label }));
        } catch {
          button.textContent = say('parts.notCopied');
          announce(say('parts.copyingNotAllowed'));
        }
        setTimeout(() => {
          button.textContent = say('parts.copy');
        }, 2000);
      },
    },
    say('parts.copy'),
  );
}
