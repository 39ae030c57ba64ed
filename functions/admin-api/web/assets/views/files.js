/*
 * The report files: what was published, their parts to download, and one as of now on demand.
 *
 * What must stay true: a download is a short-lived link, requested on demand and never kept. A file counts
 * as the one asked for when its instant isn't before the request's.
 */

import { h, patch } from '../kit/dom.js';
import { fileButton } from '../file/desk.js';
import { bytes, count, dateTime, plural } from '../kit/format.js';
import { asOf, copyButton, notice } from '../kit/parts.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';

/** How often and how long a requested file is looked for. */
const POLL = 2_000;
const PATIENCE = 10 * 60_000;

const PARTS = [
  { part: 'database', label: 'Database', of: (file) => ({ sizeBytes: file.sizeBytes }) },
  { part: 'summary', label: 'Summary', of: (file) => file.summary },
  { part: 'report', label: 'Report', of: (file) => file.reportHtml },
];

const wait = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        reject(new DOMException('The view was left', 'AbortError'));
      },
      { once: true },
    );
  });

/** Lets the browser download a link, as a click would. */
function follow(url, fileName) {
  const link = h('a', { href: url, download: fileName ?? '', rel: 'noreferrer', hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
}

/** The number of attempts that the file before showed otherwise, and their old and new outcomes. */
function corrected(file) {
  if (!file.corrected?.length) return count(file.corrections);
  const now = (one) =>
    one.to === 'gone' || one.to === 'erased'
      ? one.to
      : one.to === one.from
        ? `${words.outcome(one.to).toLowerCase()} otherwise`
        : `now ${words.outcome(one.to).toLowerCase()}`;
  return h(
    'details',
    { 'data-key': `${file.id}-corrected` },
    h('summary', null, count(file.corrections)),
    h(
      'ul',
      null,
      file.corrected.map((one) =>
        h('li', null, `${count(one.count)} ${words.outcome(one.from).toLowerCase()}, ${now(one)}`),
      ),
    ),
  );
}

export default {
  async show({ root, api, signal, canSend, announce, openFile }) {
    /** @type {{list: Answer, message: {kind: any, text: string}|null, export: any}} */
    const shown = { list: null, message: null, export: null };

    const load = async () => {
      shown.list = await api.get('listFiles', null, { signal });
    };

    const say = (kind, text) => {
      shown.message = { kind, text };
      draw();
      if (kind !== 'problem') announce(text);
    };

    /** Requests the link to a part and passes it on. */
    const withLink = async (file, { part, label }, act) => {
      try {
        await act(await api.get('getFileLink', { id: file.id, part }, { signal }));
      } catch (error) {
        if (error.name === 'AbortError') return;
        if (error.status === 404) say('warning', 'This part cannot be downloaded from this server yet.');
        else if (error.status === 403)
          say(
            'warning',
            'This sign-in may see only some profiles, and the file holds all of them, so you can’t download it.',
          );
        else say('problem', `${label} can’t be downloaded: ${error.detail ?? error.title}`);
      }
    };

    const download = (file, one) =>
      withLink(file, one, ({ url, fileName }) => {
        follow(url, fileName);
        say('information', `${one.label} of ${dateTime(file.asOf, shown.list.timeZone)}: the download has begun.`);
      });

    const openHere = (file) =>
      withLink(file, PARTS[0], ({ url, fileName }) => openFile({ url, name: fileName, sizeBytes: file.sizeBytes }));

    const exportNow = async () => {
      if (shown.export) return;
      shown.message = null;
      shown.export = { since: Date.now(), seconds: 0 };
      draw();
      announce('The file is being created.');
      try {
        const { body } = await api.send('requestFile', null, undefined, { signal });
        const requested = Date.parse(body.requestedAt);
        while (Date.now() - shown.export.since < PATIENCE) {
          await wait(POLL, signal);
          await load();
          shown.export.seconds = Math.round((Date.now() - shown.export.since) / 1000);
          if (shown.list.files.some((file) => Date.parse(file.asOf) >= requested)) {
            shown.export = null;
            say('success', 'The file is ready: it is the first of the list.');
            return;
          }
          draw();
        }
        shown.export = null;
        say('warning', 'The file is taking longer than usual. It will appear in the list when it is ready.');
      } catch (error) {
        if (error.name === 'AbortError') return;
        shown.export = null;
        if (error.status === 404 || error.status === 405)
          say('warning', 'This server can’t create files on request yet.');
        else if (error.status === 403) say('warning', 'You need an administrator’s token to create a file.');
        else say('problem', `The file could not be requested: ${error.detail ?? error.title ?? error.message}`);
      }
    };

    const table = () => {
      const zone = shown.list.timeZone;
      return dataTable({
        caption: 'Published files, newest first',
        hideCaption: true,
        key: (file) => file.id,
        columns: [
          { key: 'asOf', label: 'As of', class: 'nowrap', render: (file) => dateTime(file.asOf, zone) },
          { key: 'sizeBytes', label: 'Size', numeric: true, render: (file) => bytes(file.sizeBytes) },
          { key: 'attempts', label: 'Attempts', numeric: true, render: (file) => count(file.rows?.attempts) },
          { key: 'corrections', label: 'Corrected since the previous file', render: corrected },
          {
            key: 'parts',
            label: 'Download',
            render: (file) =>
              h(
                'div',
                { class: 'actions' },
                PARTS.map((one) => {
                  const about = one.of(file);
                  return about
                    ? h(
                        'button',
                        {
                          type: 'button',
                          class: 'small',
                          'data-key': one.part,
                          'aria-label': `${one.label} ${bytes(about.sizeBytes)}, download as of ${dateTime(file.asOf, zone)}`,
                          onclick: () => download(file, one),
                        },
                        `${one.label} `,
                        h('span', { class: 'quiet' }, bytes(about.sizeBytes)),
                      )
                    : null;
                }),
              ),
          },
          {
            key: 'open',
            label: 'Open',
            class: 'nowrap',
            render: (file) =>
              h(
                'button',
                {
                  type: 'button',
                  class: 'small',
                  'aria-label': `Open here, as of ${dateTime(file.asOf, zone)}`,
                  onclick: () => openHere(file),
                },
                'Open here',
              ),
          },
          {
            key: 'sha256',
            label: 'SHA-256 of the database',
            render: (file) =>
              h(
                'div',
                { class: 'hash' },
                h('code', { title: file.sha256 }, `${file.sha256.slice(0, 12)}…`),
                copyButton(file.sha256, `the SHA-256 of ${dateTime(file.asOf, zone)}`, announce),
              ),
          },
        ],
        rows: shown.list.files,
        empty: 'No file is published yet. One is published every night.',
      });
    };

    const draw = () => {
      const { list } = shown;
      const making = shown.export;
      patch(
        root,
        h(
          'div',
          { class: 'page-head', 'data-key': 'head' },
          h('h1', { tabindex: '-1' }, 'Files'),
          h('p', { class: 'quiet' }, `${plural(list.files.length, 'file')}. `, asOf(list.asOf, list.timeZone)),
          canSend
            ? h(
                'div',
                { class: 'actions' },
                h(
                  'button',
                  {
                    // Not disabled: that would take its focus away.
                    type: 'button',
                    class: 'primary',
                    'aria-disabled': making ? 'true' : null,
                    onclick: exportNow,
                  },
                  making ? 'Exporting…' : 'Export now',
                ),
              )
            : null,
        ),
        h(
          'p',
          null,
          'Each file holds everything that this page shows. One is published every night, and whenever you ask. Any SQLite ',
          'tool reads it; its table ',
          h('code', null, 'column_docs'),
          ' explains every column. To see the numbers as they were, without the server, drop a file anywhere on this ',
          'page, or choose it.',
        ),
        h('div', { class: 'actions', 'data-key': 'open' }, fileButton(openFile)),
        h(
          'div',
          { 'data-key': 'message' },
          making
            ? notice(
                'information',
                `The file is being created (${plural(making.seconds, 'second')} so far). You can leave this view; `,
                'the file will still appear in the list.',
              )
            : null,
          shown.message ? notice(shown.message.kind, shown.message.text) : null,
        ),
        h(
          'section',
          { class: 'card', 'data-key': 'list' },
          h('h2', { class: 'visually-hidden' }, 'List'),
          table(),
          h(
            'p',
            { class: 'quiet' },
            'Database: everything, as SQLite. Summary: only counts, as SQLite. Report: a page to read offline. ',
            'Corrected: attempts that the previous file showed as closed, and that late events changed.',
          ),
        ),
      );
    };

    await load();
    draw();
  },
};
