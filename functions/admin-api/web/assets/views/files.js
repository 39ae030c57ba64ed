/*
 * The report files: what was published, their parts to download, and one as of now on demand.
 *
 * What must stay true: a download is a short-lived link, requested on demand and never kept. A file counts
 * as the one asked for when its instant isn't before the request's.
 */

import { h, patch } from '../kit/dom.js';
import { fileButton } from '../file/desk.js';
import { bytes, count, dateTime } from '../kit/format.js';
import { asOf, copyButton, notice } from '../kit/parts.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';
import { say, sayNodes } from '../kit/say.js';

/** How often and how long a requested file is looked for. */
const POLL = 2_000;
const PATIENCE = 10 * 60_000;

const PARTS = [
  { part: 'database', label: say('files.database'), of: (file) => ({ sizeBytes: file.sizeBytes }) },
  { part: 'summary', label: say('files.summary'), of: (file) => file.summary },
  { part: 'report', label: say('files.report'), of: (file) => file.reportHtml },
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
  const now = ({ from, to }) => {
    if (to === 'gone') return say('files.gone');
    if (to === 'erased') return say('files.erased');
    const outcome = words.outcome(to).toLowerCase();
    return to === from ? say('files.otherwise', { outcome }) : say('files.now', { outcome });
  };
  return h(
    'details',
    { 'data-key': `${file.id}-corrected` },
    h('summary', null, count(file.corrections)),
    h(
      'ul',
      null,
      file.corrected.map((one) =>
        h(
          'li',
          null,
          say('files.correctedLine', {
            count: count(one.count),
            was: words.outcome(one.from).toLowerCase(),
            now: now(one),
          }),
        ),
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

    const tell = (kind, text) => {
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
        if (error.status === 404) tell('warning', say('files.notYet'));
        else if (error.status === 403) tell('warning', say('files.someProfiles'));
        else tell('problem', say('files.cantDownload', { part: label, problem: error.detail ?? error.title }));
      }
    };

    const download = (file, one) =>
      withLink(file, one, ({ url, fileName }) => {
        follow(url, fileName);
        tell('information', say('files.begun', { part: one.label, instant: dateTime(file.asOf, shown.list.timeZone) }));
      });

    const openHere = (file) =>
      withLink(file, PARTS[0], ({ url, fileName }) => openFile({ url, name: fileName, sizeBytes: file.sizeBytes }));

    const exportNow = async () => {
      if (shown.export) return;
      shown.message = null;
      shown.export = { since: Date.now(), seconds: 0 };
      draw();
      announce(say('files.beingCreated'));
      try {
        const { body } = await api.send('requestFile', null, undefined, { signal });
        const requested = Date.parse(body.requestedAt);
        while (Date.now() - shown.export.since < PATIENCE) {
          await wait(POLL, signal);
          await load();
          shown.export.seconds = Math.round((Date.now() - shown.export.since) / 1000);
          if (shown.list.files.some((file) => Date.parse(file.asOf) >= requested)) {
            shown.export = null;
            tell('success', say('files.ready'));
            return;
          }
          draw();
        }
        shown.export = null;
        tell('warning', say('files.takesLonger'));
      } catch (error) {
        if (error.name === 'AbortError') return;
        shown.export = null;
        if (error.status === 404 || error.status === 405) tell('warning', say('files.notOnRequest'));
        else if (error.status === 403) tell('warning', say('files.needsAdmin'));
        else tell('problem', say('files.notRequested', { problem: error.detail ?? error.title ?? error.message }));
      }
    };

    const table = () => {
      const zone = shown.list.timeZone;
      return dataTable({
        caption: say('files.listTitle'),
        hideCaption: true,
        key: (file) => file.id,
        columns: [
          { key: 'asOf', label: say('files.asOf'), class: 'nowrap', render: (file) => dateTime(file.asOf, zone) },
          { key: 'sizeBytes', label: say('common.size'), numeric: true, render: (file) => bytes(file.sizeBytes) },
          { key: 'attempts', label: say('view.attempts'), numeric: true, render: (file) => count(file.rows?.attempts) },
          { key: 'corrections', label: say('files.corrected'), render: corrected },
          {
            key: 'parts',
            label: say('files.download'),
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
                          'aria-label': say('files.downloadPart', {
                            part: one.label,
                            size: bytes(about.sizeBytes),
                            instant: dateTime(file.asOf, zone),
                          }),
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
            label: say('files.open'),
            class: 'nowrap',
            render: (file) =>
              h(
                'button',
                {
                  type: 'button',
                  class: 'small',
                  'aria-label': say('files.openHereAsOf', { instant: dateTime(file.asOf, zone) }),
                  onclick: () => openHere(file),
                },
                say('files.openHere'),
              ),
          },
          {
            key: 'sha256',
            label: say('files.digest'),
            render: (file) =>
              h(
                'div',
                { class: 'hash' },
                h('code', { title: file.sha256 }, `${file.sha256.slice(0, 12)}…`),
                copyButton(file.sha256, say('files.theDigest', { instant: dateTime(file.asOf, zone) }), announce),
              ),
          },
        ],
        rows: shown.list.files,
        empty: say('files.none'),
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
          h('h1', { tabindex: '-1' }, say('view.files')),
          h('p', { class: 'quiet' }, say('files.files', { n: list.files.length }), ' ', asOf(list.asOf, list.timeZone)),
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
                  making ? say('files.exporting') : say('files.exportNow'),
                ),
              )
            : null,
        ),
        h('p', null, sayNodes('files.about', { table: h('code', null, 'column_docs') })),
        h('div', { class: 'actions', 'data-key': 'open' }, fileButton(openFile)),
        h(
          'div',
          { 'data-key': 'message' },
          making ? notice('information', say('files.creating', { n: making.seconds })) : null,
          shown.message ? notice(shown.message.kind, shown.message.text) : null,
        ),
        h(
          'section',
          { class: 'card', 'data-key': 'list' },
          h('h2', { class: 'visually-hidden' }, say('common.list')),
          table(),
          h('p', { class: 'quiet' }, say('files.parts')),
        ),
      );
    };

    await load();
    draw();
  },
};
