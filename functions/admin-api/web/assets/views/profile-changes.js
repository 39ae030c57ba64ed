/*
 * Two people edited a profile at once: shows the other's changes beside one's own.
 *
 * What must stay true: typed text is only overwritten on request; fields that the person left alone take the other's
 * value, so that saving again doesn't undo the other's work unseen.
 */

import { h } from '../kit/dom.js';
import { notice } from '../kit/parts.js';
import { dataTable } from '../kit/table.js';
import { FIELDS, shown } from './profile-fields.js';
import { say } from '../kit/say.js';

/** The fields in which two sets of values differ. @returns {import('./profile-fields.js').Field[]} */
export const differs = (one, other) => FIELDS.filter(({ name }) => one[name] !== other[name]);

/**
 * Merges somebody else's changes into the form: a field that the person left alone takes their value.
 * @param {Answer} base the values when the person began
 * @param {Answer} theirs the values now
 * @param {Answer} mine the values in the form
 */
export function merge(base, theirs, mine) {
  const rows = differs(base, theirs).map((field) => {
    const { name } = field;
    const isMine = mine[name] !== base[name] && mine[name] !== theirs[name];
    return { field, was: base[name], now: theirs[name], mine: mine[name], isMine };
  });
  const values = { ...mine };
  for (const { field, now, isMine } of rows) if (!isMine) values[field.name] = now;
  return { rows, values };
}

/**
 * Their changes, with buttons to take them over.
 * @param {ReturnType<typeof merge>['rows']} rows
 * @param {{fill: (values: object) => void}} form
 * @param {(text: string) => void} announce
 * @returns {HTMLElement}
 */
export function changesNotice(rows, form, announce) {
  const use = (row) =>
    h(
      'button',
      {
        type: 'button',
        class: 'small',
        'aria-label': say('profile.useTheirsFor', { label: row.field.label }),
        onclick: (event) => {
          form.fill({ [row.field.name]: row.now });
          event.currentTarget.replaceWith(say('profile.theirsIsIn'));
          announce(say('profile.asTheySaved', { label: row.field.label }));
        },
      },
      say('common.useTheirs'),
    );
  return notice(
    'warning',
    h('h2', { tabindex: '-1' }, say('common.somebodyElseChanged')),
    h('p', null, say('profile.nothingSaved')),
    rows.length
      ? dataTable({
          caption: say('profile.whatTheyChanged'),
          columns: [
            { key: 'label', label: say('profile.field'), render: (row) => row.field.label },
            {
              key: 'was',
              label: say('profile.whenOpened'),
              class: 'wrap',
              render: (row) => shown(row.field, row.was),
            },
            {
              key: 'now',
              label: say('profile.savedByThem'),
              class: 'wrap',
              render: (row) => shown(row.field, row.now),
            },
            {
              key: 'mine',
              label: say('common.yours'),
              class: 'wrap',
              render: (row) => (row.isMine ? [shown(row.field, row.mine), ' ', use(row)] : say('profile.unchanged')),
            },
          ],
          rows,
        })
      : h('p', null, say('profile.changedNothing')),
  );
}
