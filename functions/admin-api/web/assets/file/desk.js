/*
 * Opening a report file to look at it here: dropped anywhere on the page, chosen with a button, or fetched from the
 * list.
 *
 * What must stay true: a file stays on this machine; the modules that read it are loaded when the first one is opened.
 * Opening can be cancelled at any time, and a file that can't be opened does not change the view.
 */

import { FileApi } from './api.js';
import { h, patch, uniqueId } from '../kit/dom.js';
import { progressBar } from '../kit/chart.js';
import { bytes, dateTime } from '../kit/format.js';
import { notice, pageHead, problemNotice } from '../kit/parts.js';
import { addressOf } from '../kit/address.js';
import { say, sayNodes } from '../kit/say.js';

/**
 * A button to choose a file with.
 * @param {(source: FileSource) => void} open
 * @param {string} [words]
 * @returns {HTMLElement}
 */
export function fileButton(open, words = say('file.openReportFile')) {
  return h(
    'button',
    {
      type: 'button',
      'data-key': 'open-file',
      onclick: () => {
        // It need not be in the document, and the same file can be chosen twice.
        const input = h('input', { type: 'file', accept: '.sqlite,.sqlite3,.db,application/vnd.sqlite3' });
        input.onchange = () => {
          const file = input.files?.[0];
          if (file) open({ file });
        };
        input.click();
      },
    },
    words,
  );
}

/**
 * Takes files that are dropped on the page.
 * @param {(source: FileSource) => void} open
 */
export function watchDrops(open) {
  const sign = h(
    'div',
    { class: 'drop-sign', hidden: true, 'aria-hidden': 'true' },
    h('p', null, h('strong', null, say('file.drop')), h('br'), say('file.stays')),
  );
  document.body.append(sign);
  const hasFile = (event) => event.dataTransfer?.types.includes('Files');
  // Entering a part of the page fires before leaving the one around it.
  let inside = 0;
  const count = (event, by) => {
    if (!hasFile(event)) return;
    inside = Math.max(0, inside + by);
    sign.hidden = inside === 0;
  };
  window.addEventListener('dragenter', (event) => count(event, 1));
  window.addEventListener('dragleave', (event) => count(event, -1));
  window.addEventListener('dragover', (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    /** @type {DataTransfer} */ (event.dataTransfer).dropEffect = document.querySelector('dialog[open]')
      ? 'none'
      : 'copy';
  });
  window.addEventListener('drop', (event) => {
    if (!hasFile(event)) return;
    // Else the browser would leave the page for the file.
    event.preventDefault();
    inside = 0;
    sign.hidden = true;
    const file = event.dataTransfer?.files[0];
    if (file && !document.querySelector('dialog[open]')) open({ file });
  });
}

/**
 * Opens a file, and shows the progress, or why it can't be opened.
 * @param {FileSource} source
 * @returns {Promise<import('./api.js').FileApi|null>} null when it was given up or can't be opened
 */
export function openFile(source) {
  const name = source.file?.name ?? source.name ?? '';
  const ids = { title: uniqueId('open') };
  const leave = new AbortController();
  /** @type {any} */
  const before = document.activeElement;
  return new Promise((answer) => {
    /** @type {any} */
    let opened = null;
    const dialog = h('dialog', {
      class: 'file-dialog',
      'aria-labelledby': ids.title,
      onclose: () => {
        if (!opened) leave.abort();
        dialog.remove();
        if (!opened) before?.focus();
        answer(opened);
      },
    });
    const draw = (title, ...content) =>
      patch(
        dialog,
        h('h2', { id: ids.title }, title),
        content,
        h(
          'div',
          { class: 'actions', 'data-key': 'end' },
          h(
            'button',
            { type: 'button', onclick: () => dialog.close() },
            leave.signal.aborted ? say('common.close') : say('common.cancel'),
          ),
        ),
      );
    const progress = (at) =>
      draw(
        say('file.opening', { name }),
        h('div', { 'data-key': 'bar' }, progressBar(at ? at.loaded / at.total : null, say('file.opening', { name }))),
        h(
          'p',
          { class: 'quiet', 'data-key': 'how-far' },
          at ? say('file.fetched', { loaded: bytes(at.loaded), total: bytes(at.total) }) : say('file.oneMoment'),
        ),
      );
    progress(null);
    document.body.append(dialog);
    dialog.showModal();
    FileApi.open(source, { onProgress: progress, signal: leave.signal })
      .then((api) => {
        opened = api;
        dialog.close();
      })
      .catch((error) => {
        if (leave.signal.aborted) return;
        leave.abort();
        draw(say('file.cantBeOpened'), h('div', { 'data-key': 'why' }, h('p', null, name), problemNotice(error)));
      });
  });
}

/**
 * The bar above every view that names the opened file.
 * @param {{name: string, kind: string, asOf: string, timeZone: string, sizeBytes: number}} about
 * @param {() => void} close
 * @returns {HTMLElement}
 */
export function aboutFile(about, close) {
  const shown = {
    name: h('strong', null, about.name),
    instant: dateTime(about.asOf, about.timeZone),
    zone: about.timeZone,
    size: bytes(about.sizeBytes),
  };
  return h(
    'div',
    { class: 'file-bar' },
    h(
      'p',
      null,
      about.kind === 'summary' ? sayNodes('file.summary', shown) : sayNodes('file.report', shown),
      ' ',
      h('span', { class: 'quiet' }, say('file.sentNowhere')),
    ),
    h('button', { type: 'button', class: 'small', onclick: close }, say('file.closeFile')),
  );
}

/**
 * Shown instead of a view for which a file has no data.
 * @param {{view: {path: string, title: string}, rest: string[]}} found
 * @returns {(HTMLElement|null)[]}
 */
export function notInFile({ view, rest }) {
  const [device] = view.path === 'device' ? rest : [];
  const attempts = device ? addressOf('attempts', { enrollmentKey: device, os: 'windows' }) : null;
  return [
    pageHead(view.title),
    notice('information', say('file.needsServerNow')),
    attempts ? h('p', null, h('a', { href: attempts }, say('common.attemptsOfDevice'))) : null,
  ];
}
