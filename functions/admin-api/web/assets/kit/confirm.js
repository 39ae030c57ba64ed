/*
 * A question before something that can't be undone.
 *
 * What must stay true: the harmless answer has the focus, Escape gives it, and afterwards focus is where it was.
 */

import { h, uniqueId } from './dom.js';
import { say } from './say.js';

/**
 * @param {object} options
 * @param {string} options.title the question
 * @param {any} options.text what it comes to
 * @param {string} options.action what the button says that does it
 * @param {AbortSignal} options.signal of the view: the question goes with it
 * @returns {Promise<boolean>} whether the person confirmed
 */
export function confirmDialog({ title, text, action, signal }) {
  return new Promise((answer) => {
    const ids = { title: uniqueId('dialog'), text: uniqueId('dialog-text') };
    /** @type {any} */
    const before = document.activeElement;
    let isSure = false;
    const close = () => dialog.close();
    const dialog = h(
      'dialog',
      {
        class: 'esp-dialog',
        'aria-labelledby': ids.title,
        'aria-describedby': ids.text,
        onclose: () => {
          dialog.remove();
          signal.removeEventListener('abort', close);
          before?.focus();
          answer(isSure);
        },
      },
      h('h2', { id: ids.title }, title),
      h('div', { id: ids.text }, text),
      h(
        'div',
        { class: 'esp-actions' },
        h('button', { type: 'button', autofocus: true, onclick: close }, say('common.cancel')),
        h(
          'button',
          {
            type: 'button',
            class: 'danger',
            onclick: () => {
              isSure = true;
              close();
            },
          },
          action,
        ),
      ),
    );
    document.body.append(dialog);
    signal.addEventListener('abort', close, { once: true });
    dialog.showModal();
  });
}
