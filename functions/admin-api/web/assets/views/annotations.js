/*
 * Annotations beside a chart: asked of the file, and for administrators a form to write and to remove them.
 *
 * What must stay true: what is typed stays until it is written. An answer may be older than what was just written, so until
 * a later one comes, what this page wrote or removed counts over it. Without a server, and for who may not write, there is no form.
 */

import { confirmDialog } from '../kit/confirm.js';
import { h, uniqueId } from '../kit/dom.js';
import { addDays } from '../kit/format.js';
import { noteDays } from '../kit/notes.js';
import { problemNotice } from '../kit/parts.js';
import { say } from '../kit/say.js';

const MOST_CHARACTERS = 200;

/**
 * What an organisation's form has, in whichever view, and what this page wrote (the annotation) or removed (null), by id.
 * @typedef {{typed: {from: string, last: string, text: string}, changed: Map<string, Note|null>}} Kept
 */

/** By organisation: another that signs in here sees nothing of it. @type {Map<string, Kept>} */
const keptOf = new Map();

/** @param {string} tenant @returns {Kept} */
function kept(tenant) {
  const found = keptOf.get(tenant) ?? { typed: { from: '', last: '', text: '' }, changed: new Map() };
  keptOf.set(tenant, found);
  return found;
}

/**
 * The newest answer, by organisation and opened file: a chart that is asked again keeps its marks, and so the focus in it,
 * until the next answer comes. @type {Map<string, Note[]>}
 */
const answeredOf = new Map();

const ids = { from: uniqueId('note'), last: uniqueId('note'), text: uniqueId('note') };

/** An answer's annotations with what this page changed since, in the order of their days. */
function withChanges(answered, changed, { from, to }) {
  const all = new Map(answered.map((one) => [one.id, one]));
  for (const [id, note] of changed) {
    if (note && (!to || note.from < to) && (!from || note.to > from)) all.set(id, note);
    else all.delete(id);
  }
  const order = (note) => `${note.from} ${note.to} ${note.id}`;
  return [...all.values()].sort((one, other) => (order(one) < order(other) ? -1 : 1));
}

/**
 * @param {any} context of the view
 * @param {() => void} redraw shows the view again
 * @returns {{ask: (range: {from: string|null, to: string|null}) => Promise<void>, notes: () => Note[],
 *   panel: (today: string) => HTMLElement|null}} `ask` is called before `notes` and `panel` are of use
 */
export function annotations({ api, file, signal, tenant, canSend, announce }, redraw) {
  const mayWrite = canSend && !tenant.scopeTags?.length;
  // A file is as it was.
  const { typed, changed } = kept(file ? '' : tenant.tenant);
  const source = JSON.stringify([tenant.tenant, file?.name, file?.asOf]);
  let answered = answeredOf.get(source) ?? [];
  /** @type {{from: string|null, to: string|null}} */
  let range = { from: null, to: null };
  let problem = null;
  /** The id of the annotation that the form changes. @type {string|null} */
  let editing = null;

  const notes = () => withChanges(answered, changed, range);

  /** Does what can fail, and shows the view again. */
  const attempt = async (act) => {
    problem = null;
    try {
      await act();
    } catch (error) {
      if (error.name === 'AbortError') return;
      problem = error;
    }
    if (!signal.aborted) redraw();
  };

  const write = async (event) => {
    event.preventDefault();
    const { from, last, text } = typed;
    await attempt(async () => {
      const body = { from, text, ...(last && { to: addDays(last, 1) }) };
      const { body: answer } = editing
        ? await api.send('replaceAnnotation', { id: editing }, body, { signal })
        : await api.send('addAnnotation', null, body, { signal });
      changed.set(answer.annotation.id, answer.annotation);
      edit(null);
      announce(say('annotations.written', { days: noteDays(answer.annotation) }));
    });
  };

  /** Fills the form with what an annotation says, or empties it. */
  const edit = (note) => {
    editing = note?.id ?? null;
    const last = note && addDays(note.to, -1);
    Object.assign(typed, {
      from: note?.from ?? '',
      last: note && last !== note.from ? last : '',
      text: note?.text ?? '',
    });
  };

  const remove = async (note) => {
    const isSure = await confirmDialog({
      title: say('annotations.removeAnnotation'),
      text: `${noteDays(note)}: ${note.text}`,
      action: say('common.remove'),
      signal,
    });
    if (!isSure) return;
    await attempt(async () => {
      try {
        await api.send('removeAnnotation', { id: note.id }, undefined, { signal });
      } catch (error) {
        // Somebody else has removed it.
        if (error.status !== 404) throw error;
      }
      changed.set(note.id, null);
      if (editing === note.id) edit(null);
      announce(say('annotations.annotationRemoved'));
    });
  };

  const field = (name, label, attributes) =>
    h(
      'div',
      { class: 'field', 'data-key': name },
      h('label', { for: ids[name] }, label),
      h('input', {
        id: ids[name],
        value: typed[name],
        oninput: (event) => {
          typed[name] = event.currentTarget.value;
        },
        ...attributes,
      }),
    );

  return {
    notes,

    async ask(asked) {
      range = asked;
      const parameters = { from: asked.from, to: asked.to };
      try {
        const answer = await api.get('getAnnotations', parameters, { signal });
        answered = answer.annotations;
        answeredOf.set(source, answered);
        // An answer of a later instant knows of what was written, and of who changed it since.
        for (const [id, note] of changed) if (note && answer.asOf > note.writtenAt) changed.delete(id);
      } catch (error) {
        // A file of an earlier version has none.
        if (error.status !== 404 && error.status !== 503) throw error;
      }
    },

    panel(today) {
      if (!mayWrite) return null;
      const all = notes();
      return h(
        'details',
        { class: 'annotate', 'data-key': 'annotate' },
        h('summary', null, say('annotations.writeDown')),
        problem ? problemNotice(problem) : null,
        h(
          'form',
          {
            class: 'filters',
            'aria-label': editing ? say('annotations.annotation') : say('annotations.newAnnotation'),
            onsubmit: write,
          },
          field('from', say('common.day'), { type: 'date', required: true, max: '2999-12-31' }),
          field('last', say('annotations.lastDayIfSeveral'), {
            type: 'date',
            min: typed.from || null,
            max: '2999-12-31',
          }),
          field('text', say('annotations.whatYouDid'), {
            type: 'text',
            required: true,
            maxlength: String(MOST_CHARACTERS),
            autocomplete: 'off',
            placeholder: say('annotations.example'),
          }),
          h('button', { type: 'submit' }, editing ? say('common.save') : say('annotations.write')),
          editing
            ? h(
                'button',
                {
                  type: 'button',
                  class: 'small',
                  onclick: () => {
                    edit(null);
                    redraw();
                  },
                },
                say('common.cancel'),
              )
            : null,
          typed.from === today
            ? null
            : h(
                'button',
                {
                  type: 'button',
                  class: 'small',
                  onclick: () => {
                    typed.from = today;
                    redraw();
                  },
                },
                say('annotations.today'),
              ),
        ),
        h('p', { class: 'quiet' }, say('annotations.everybodySees')),
        all.length
          ? h(
              'ul',
              { class: 'annotated', role: 'list' },
              all.map((note) =>
                h(
                  'li',
                  { 'data-key': note.id },
                  `${noteDays(note)}: ${note.text} `,
                  h(
                    'button',
                    {
                      type: 'button',
                      class: 'small',
                      'aria-label': say('annotations.changeOne', { text: note.text, days: noteDays(note) }),
                      onclick: () => {
                        edit(note);
                        redraw();
                        document.getElementById(ids.text)?.focus();
                      },
                    },
                    say('common.change'),
                  ),
                  ' ',
                  h(
                    'button',
                    {
                      type: 'button',
                      class: 'small',
                      'aria-label': say('annotations.removeOne', { text: note.text, days: noteDays(note) }),
                      onclick: () => remove(note),
                    },
                    say('common.remove'),
                  ),
                ),
              ),
            )
          : null,
      );
    },
  };
}
