/*
 * Copying a diagnosis as text.
 *
 * What must stay true: where the browser doesn't let a page write to the clipboard, the text is there to be selected.
 */

import { h, uniqueId } from '../kit/dom.js';
import { asText } from './diagnostics-words.js';

/**
 * A button that copies the diagnosis, or shows the text where it can't.
 * @param {Answer} answer
 * @param {string} subject as asked
 * @param {ViewContext} context of the view
 * @returns {HTMLElement}
 */
export function copyText(answer, subject, { announce, signal }) {
  return h(
    'button',
    {
      type: 'button',
      onclick: async () => {
        const text = asText(answer, subject);
        try {
          await navigator.clipboard.writeText(text);
          announce('Copied as text.');
          // Also shown where the person is looking.
          flash();
        } catch {
          showText(text, signal);
        }
      },
      'data-copy': true,
    },
    'Copy as text',
  );
}

function flash() {
  const button = document.querySelector('[data-copy]');
  if (!button) return;
  button.textContent = 'Copied';
  setTimeout(() => {
    button.textContent = 'Copy as text';
  }, 2000);
}

function showText(text, signal) {
  const ids = { title: uniqueId('dialog'), text: uniqueId('text') };
  /** @type {any} */
  const before = document.activeElement;
  const close = () => dialog.close();
  const area = h('textarea', { id: ids.text, readonly: true, rows: '14', 'aria-labelledby': ids.title, value: text });
  const dialog = h(
    'dialog',
    {
      class: 'esp-dialog',
      'aria-labelledby': ids.title,
      onclose: () => {
        dialog.remove();
        signal.removeEventListener('abort', close);
        before?.focus();
      },
    },
    h('h2', { id: ids.title }, 'Copy this text'),
    h('p', { class: 'quiet' }, 'The browser doesn’t let the page copy it. It is selected: copy it with the keyboard.'),
    area,
    h('div', { class: 'esp-actions' }, h('button', { type: 'button', onclick: close }, 'Close')),
  );
  document.body.append(dialog);
  signal.addEventListener('abort', close, { once: true });
  dialog.showModal();
  area.focus();
  area.select();
}
