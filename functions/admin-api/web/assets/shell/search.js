/*
 * The search: a part of an address, a name, a serial number or a code leads to a person, a device, an app, failures, a
 * step or a view.
 *
 * What must stay true: it suggests and decides nothing; the arrow keys choose while the focus stays in the field; an
 * older answer never replaces a newer one; Escape closes it, and afterwards focus is where it was.
 */

import { h, patch, uniqueId } from '../kit/dom.js';
import { suggestions } from './suggestions.js';
import { VIEWS } from './views.js';
import { say } from '../kit/say.js';

/** How many of each kind are shown. */
const MOST = 6;
/** Milliseconds without a key until the text is asked for. */
const PAUSE = 120;

/**
 * Opens the search, unless a dialog is open already.
 * @param {{api: any, isFile: boolean}} options
 */
export function openSearch({ api, isFile }) {
  if (document.querySelector('dialog[open]')) return;
  const ids = { title: uniqueId('search'), list: uniqueId('search-list'), note: uniqueId('search-note') };
  /** @type {any} */
  const before = document.activeElement;
  let groups = [];
  let at = -1;
  let said = '';
  let leave = new AbortController();
  let pause = 0;
  const entries = () => groups.flatMap((group) => group.entries);
  const optionId = (index) => `${ids.list}-${index}`;
  const go = (entry) => {
    // Focus belongs to the heading of what comes.
    dialog.dataset.left = '';
    dialog.close();
    location.hash = entry.href;
  };
  const input = /** @type {HTMLInputElement} */ (
    h('input', {
      type: 'search',
      role: 'combobox',
      autocomplete: 'off',
      spellcheck: 'false',
      maxlength: 100,
      'aria-labelledby': ids.title,
      'aria-describedby': ids.note,
      'aria-controls': ids.list,
      'aria-expanded': 'false',
      'aria-autocomplete': 'list',
      oninput: () => {
        clearTimeout(pause);
        pause = setTimeout(ask, PAUSE);
      },
      onkeydown: (event) => {
        const all = entries();
        if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
          event.preventDefault();
          if (all.length) at = (at + (event.key === 'ArrowDown' ? 1 : all.length - (at < 0 ? 0 : 1))) % all.length;
          draw();
        } else if (event.key === 'Enter' && all.length) {
          event.preventDefault();
          go(all[Math.max(at, 0)]);
        }
      },
    })
  );
  const list = h('div', { id: ids.list, role: 'listbox', 'aria-labelledby': ids.title, class: 'search-list' });
  const note = h('p', { id: ids.note, class: 'quiet', role: 'status' });
  const dialog = /** @type {HTMLDialogElement} */ (
    h(
      'dialog',
      {
        class: 'file-dialog search-dialog',
        'aria-labelledby': ids.title,
        onclose: () => {
          clearTimeout(pause);
          leave.abort();
          dialog.remove();
          if (!('left' in dialog.dataset)) before?.focus();
        },
      },
      h('h2', { id: ids.title }, say('search.title')),
      input,
      note,
      list,
      h(
        'div',
        { class: 'actions' },
        h('button', { type: 'button', onclick: () => dialog.close() }, say('common.close')),
      ),
    )
  );
  function draw() {
    let index = -1;
    patch(
      list,
      groups.map((group) => {
        const title = `${ids.list}-${group.title}`;
        return h(
          'div',
          { role: 'group', 'aria-labelledby': title, 'data-key': group.title },
          h('p', { id: title, class: 'search-group', role: 'presentation' }, group.title),
          group.entries.map((entry) => {
            index += 1;
            return h(
              'div',
              {
                id: optionId(index),
                role: 'option',
                'aria-selected': String(index === at),
                'data-key': entry.href,
                onclick: () => go(entry),
              },
              h('span', null, entry.label),
              entry.note ? h('small', null, entry.note) : null,
            );
          }),
        );
      }),
    );
    input.setAttribute('aria-expanded', String(groups.length > 0));
    if (at >= 0) input.setAttribute('aria-activedescendant', optionId(at));
    else input.removeAttribute('aria-activedescendant');
    list.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
    note.textContent = said;
  }
  async function ask() {
    leave.abort();
    leave = new AbortController();
    const { signal } = leave;
    const text = input.value.trim();
    /** @type {any} */
    let found = null;
    said = text.length < 2 ? say('search.tooShort') : '';
    if (text.length >= 2) {
      try {
        found = await api.get('search', { text, limit: MOST }, { signal });
      } catch (error) {
        if (signal.aborted) return;
        said = error.status === 404 ? say('search.notThisFile') : say('search.failed', { problem: error.title });
      }
      if (signal.aborted) return;
    }
    groups = suggestions(text, found, isFile, VIEWS);
    at = -1;
    const shown = entries().length;
    if (found?.tooMany) said = say('search.tooMany');
    else if (found) said = shown ? say('search.suggestions', { n: shown, most: MOST }) : say('search.nothingReported');
    draw();
  }
  document.body.append(dialog);
  dialog.showModal();
  input.focus();
  ask();
}

/** Whether a key opens the search. @param {KeyboardEvent} event */
export const opensSearch = (event) =>
  (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k';
