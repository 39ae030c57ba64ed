/*
 * Copying a diagnosis as text.
 *
 * What must stay true: where the browser doesn't let a page write to the clipboard, the text is there to be selected.
 */

import { h, uniqueId } from '../kit/dom.js';
import { asText } from './diagnostics-words.js';
import { say } from '../kit/say.js';

/**
 * A button that copies the diagnosis, or shows the text where it can't.
 * @param {Answer} answer
 * @param {string} subject as asked
 * @param {ViewContext} context of the view
 * @returns {HTMLElement}
 */
export const copyText = (answer, subject, context) =>
  copyingButton({
    key: 'diagnosis',
    label: say('diagnostics.copyAsText'),
    text: () => asText(answer, subject),
    context,
  });

/**
 * A button that copies a text, or shows it where it can't.
 * @param {object} options
 * @param {string} options.key tells it from others of the view
 * @param {string} options.label
 * @param {string} [options.about] its whole name, where several have the label
 * @param {() => string} options.text
 * @param {ViewContext} options.context of the view
 * @returns {HTMLElement}
 */
export function copyingButton({ key, label, about, text, context: { announce, signal } }) {
  return h(
    'button',
    {
      type: 'button',
      'data-copy': key,
      'aria-label': about,
      onclick: async () => {
        const copied = text();
        try {
          await navigator.clipboard.writeText(copied);
          announce(say('diagnostics.copiedAsText'));
          // Also shown where the person is looking.
          flash(key, label);
        } catch {
          showText(copied, signal);
        }
      },
    },
    label,
  );
}

function flash(key, label) {
  // The view may have been drawn again meanwhile.
  const button = [...document.querySelectorAll('[data-copy]')].find((one) => one.getAttribute('data-copy') === key);
  if (!button) return;
  button.textContent = say('common.copied');
  setTimeout(() => {
    button.textContent = label;
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
    h('h2', { id: ids.title }, say('diagnostics.copyThisText')),
    h('p', { class: 'quiet' }, say('diagnostics.mayNotCopy')),
    area,
    h('div', { class: 'esp-actions' }, h('button', { type: 'button', onclick: close }, say('common.close'))),
  );
  document.body.append(dialog);
  signal.addEventListener('abort', close, { once: true });
  dialog.showModal();
  area.focus();
  area.select();
}
