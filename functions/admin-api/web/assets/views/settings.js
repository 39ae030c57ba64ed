/*
 * The organisation's settings.
 *
 * What must stay true: what is typed is kept until it is saved or given up, also when the view is left; only changed
 * settings are sent. A change that drops or recounts the past is asked about first. The shell's own copy of the settings
 * follows, since every view counts days by it.
 */

import { confirmDialog } from '../kit/confirm.js';
import { h, uniqueId } from '../kit/dom.js';
import { count } from '../kit/format.js';
import { notice, pageHead } from '../kit/parts.js';
import { platform } from '../kit/words.js';
import { accountNavigation, inOneLine, whyReadOnly } from './account-parts.js';
import { say } from '../kit/say.js';

const PLATFORMS = ['windows', 'macos', 'ios', 'android'];
/** Milliseconds between looks at how far a change has come. */
const EVERY = 3_000;

/**
 * @typedef {object} Setting
 * @property {string} name of the API
 * @property {'text'|'number'|'flag'|'time'|'list'} kind
 * @property {string} label
 * @property {string} hint
 * @property {boolean} [past] whether a change alters what was counted
 */

/** @type {Setting[]} */
const SETTINGS = [
  {
    name: 'timeZone',
    kind: 'text',
    label: say('settings.timeZone'),
    hint: say('settings.timeZoneHint'),
    past: true,
  },
  {
    name: 'requireCompliance',
    kind: 'flag',
    label: say('settings.requireCompliance'),
    hint: say('settings.requireComplianceHint'),
    past: true,
  },
  {
    name: 'complianceLimitMinutes',
    kind: 'number',
    label: say('settings.complianceLimit'),
    hint: say('settings.complianceLimitHint'),
    past: true,
  },
  {
    name: 'windowsIdleLimitMinutes',
    kind: 'number',
    label: say('settings.windowsIdle'),
    hint: say('settings.windowsIdleHint'),
    past: true,
  },
  {
    name: 'macosIdleLimitMinutes',
    kind: 'number',
    label: say('settings.macosIdle'),
    hint: say('settings.macosIdleHint'),
    past: true,
  },
  {
    name: 'retentionDays',
    kind: 'number',
    label: say('settings.retention'),
    hint: say('settings.retentionHint'),
    past: true,
  },
  {
    name: 'pseudonymise',
    kind: 'flag',
    label: say('settings.pseudonymise'),
    hint: say('settings.pseudonymiseHint'),
    past: true,
  },
  {
    name: 'deviceLimit',
    kind: 'number',
    label: say('settings.deviceLimit'),
    hint: say('settings.deviceLimitHint'),
  },
  {
    name: 'tagKeys',
    kind: 'list',
    label: say('settings.tagKeys'),
    hint: say('settings.tagKeysHint'),
    past: true,
  },
  { name: 'exportAt', kind: 'time', label: say('settings.exportAt'), hint: say('settings.exportAtHint') },
];

const sourceName = (one) => `complianceSource.${one}`;

/** Drafts by organisation: what was typed and not saved. @type {Map<string, Record<string, any>>} */
const drafts = new Map();

/** The entries of a text with commas. */
const listOf = (text) =>
  text
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);

/** The settings as the form's values. */
function valuesOf(settings) {
  const values = Object.fromEntries(
    SETTINGS.map(({ name, kind }) => {
      const value = settings[name];
      return [name, kind === 'flag' ? value : kind === 'list' ? value.join(', ') : String(value)];
    }),
  );
  const source = settings.complianceSource;
  for (const one of PLATFORMS) {
    values[sourceName(one)] = typeof source === 'string' ? source : (source?.[one] ?? '');
  }
  return values;
}

/** The source of compliance that the form names: one for all, one for each platform named, or none. */
function complianceSource(values) {
  const named = PLATFORMS.map((one) => [one, values[sourceName(one)].trim()]).filter(([, source]) => source);
  if (!named.length) return null;
  const [[, first]] = named;
  const isOfAll = named.length === PLATFORMS.length && named.every(([, source]) => source === first);
  return isOfAll ? first : Object.fromEntries(named);
}

/** What to send: the members that differ. @returns {Record<string, any>} */
function changes(base, values) {
  const patch = {};
  for (const { name, kind } of SETTINGS) {
    if (values[name] === base[name]) continue;
    const text = kind === 'flag' ? values[name] : values[name].trim();
    // The server says what is wrong with what is no number.
    if (kind === 'list') patch[name] = listOf(text);
    else patch[name] = kind === 'number' && /^\d+$/.test(text) ? Number(text) : text;
  }
  if (PLATFORMS.some((one) => values[sourceName(one)] !== base[sourceName(one)])) {
    patch.complianceSource = complianceSource(values);
  }
  return patch;
}

export default {
  async show(context) {
    const { root, api, tenant, signal, announce } = context;
    const readOnly = whyReadOnly(context);
    const key = tenant.tenant;
    const answer = await api.get('getTenant', null, { signal });
    let base = valuesOf(answer.settings);
    const draft = readOnly ? undefined : drafts.get(key);
    const values = { ...base, ...draft };
    const isDirty = () => Object.keys(changes(base, values)).length > 0;
    const word = h('div', { class: 'esp-word' });
    const tell = (...content) => word.replaceChildren(...content.filter(Boolean));
    const progress = h('div', { role: 'status' });
    const fields = new Map();

    const make = ({ name, kind, label, hint = '' }) => {
      const ids = { input: uniqueId('setting'), hint: uniqueId('hint'), error: uniqueId('error') };
      const common = {
        id: ids.input,
        name,
        disabled: readOnly !== null,
        'aria-describedby': [hint ? ids.hint : null, ids.error].filter(Boolean).join(' '),
        oninput: (event) => {
          const input = event.currentTarget;
          values[name] = kind === 'flag' ? input.checked : input.value;
          clear(name);
        },
      };
      const input =
        kind === 'flag'
          ? h('input', { type: 'checkbox', ...common, checked: values[name] })
          : h('input', {
              type: kind === 'time' ? 'time' : 'text',
              inputmode: kind === 'number' ? 'numeric' : null,
              autocomplete: 'off',
              spellcheck: 'false',
              ...common,
              value: values[name],
            });
      const error = h('p', { class: 'field-error', id: ids.error });
      fields.set(name, { input, error });
      const below = [hint ? h('p', { class: 'esp-hint', id: ids.hint }, hint) : null, error];
      const named = h('label', { for: ids.input }, label);
      return kind === 'flag'
        ? h('div', { class: 'esp-field is-flag' }, h('div', { class: 'check' }, input, named), below)
        : h(
            'div',
            { class: `esp-field is-${kind === 'text' || kind === 'list' ? 'text' : 'number'}` },
            named,
            input,
            below,
          );
    };
    const clear = (name) => {
      const { input, error } = fields.get(name);
      input.removeAttribute('aria-invalid');
      error.textContent = '';
    };
    const fill = () => {
      for (const [name, { input }] of fields) {
        if (input.type === 'checkbox') input.checked = values[name];
        else input.value = values[name];
        clear(name);
      }
    };

    /** Shows errors at their fields; those without one, above. */
    const refuse = (error) => {
      const left = [];
      for (const one of error.members?.errors ?? []) {
        const field =
          fields.get(one.field) ?? fields.get(one.field === 'complianceSource' ? sourceName('windows') : '');
        if (field) {
          field.input.setAttribute('aria-invalid', 'true');
          field.error.textContent = say('common.itProblem', { problem: one.problem });
          field.input.focus();
        } else left.push(`${one.field}: ${one.problem}`);
      }
      const isPlaced = error.members?.errors?.length && !left.length;
      tell(notice('problem', isPlaced ? say('settings.notSaved') : inOneLine(error)));
    };

    /** Shows how far a change has come that recounts the past. */
    const follow = (applying) => {
      progress.replaceChildren(
        applying
          ? notice(
              'information',
              say('settings.applying', {
                lookedAt: count(applying.lookedAt),
                countedAnew: count(applying.foldedAgain),
              }),
            )
          : '',
      );
      if (!applying || signal.aborted) return;
      const timer = setTimeout(async () => {
        const now = await api.get('getTenant', null, { signal }).catch(() => null);
        if (signal.aborted) return;
        follow(now ? now.applying : applying);
      }, EVERY);
      signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
    };

    /** What to ask before a change of the past; null if there is nothing to ask. */
    const question = (patch) => {
      if (patch.retentionDays < Number(base.retentionDays)) {
        return say('settings.dropped', { days: patch.retentionDays });
      }
      const past = SETTINGS.filter(({ name, past }) => past && name in patch).map(({ label }) => label);
      if ('complianceSource' in patch) past.push(say('settings.whoReports'));
      if (!past.length) return null;
      const settings = past.map((label) => say('settings.quoted', { label })).join(', ');
      return say('settings.countedAnew', { settings });
    };

    const save = async (event) => {
      event.preventDefault();
      const button = event.currentTarget.querySelector('button[type="submit"]');
      [...fields.keys()].forEach(clear);
      tell();
      const patch = changes(base, values);
      if (!Object.keys(patch).length) {
        tell(notice('information', say('settings.nothingChanged')));
        return;
      }
      const text = question(patch);
      if (
        text &&
        !(await confirmDialog({ title: say('settings.questionTitle'), text, action: say('common.save'), signal }))
      )
        return;
      button.disabled = true;
      try {
        const { body } = await api.send('changeTenant', null, patch, { signal });
        if (signal.aborted) return;
        drafts.delete(key);
        Object.assign(tenant.settings, body.settings);
        base = valuesOf(body.settings);
        Object.assign(values, base);
        fill();
        tell(notice('success', say('common.saved')));
        announce(say('settings.areSaved'));
        follow(body.applying);
      } catch (error) {
        if (!signal.aborted) refuse(error);
      } finally {
        button.disabled = false;
      }
    };

    const warn = (event) => {
      if (isDirty()) event.preventDefault();
    };
    window.addEventListener('beforeunload', warn);
    signal.addEventListener(
      'abort',
      () => {
        window.removeEventListener('beforeunload', warn);
        if (!readOnly && isDirty()) drafts.set(key, { ...values });
        else drafts.delete(key);
      },
      { once: true },
    );
    const discard = () => {
      drafts.delete(key);
      Object.assign(values, base);
      fill();
      tell();
      fields.get('timeZone').input.focus();
    };

    root.replaceChildren(
      pageHead(say('view.settings'), say('settings.of', { organisation: tenant.tenant })),
      accountNavigation('settings'),
      readOnly ? notice('information', readOnly) : '',
      word,
      progress,
      h(
        'form',
        { class: 'esp-form', novalidate: true, onsubmit: save, 'aria-label': say('view.settings') },
        h('fieldset', null, h('legend', null, say('settings.howCounted')), SETTINGS.map(make)),
        h(
          'fieldset',
          null,
          h('legend', null, say('settings.whoReports')),
          h('p', { class: 'quiet' }, say('settings.whoReportsAbout')),
          PLATFORMS.map((one) => make({ name: sourceName(one), kind: 'text', label: platform(one), hint: '' })),
        ),
        readOnly
          ? null
          : h(
              'div',
              { class: 'actions esp-save' },
              h('button', { type: 'submit', class: 'primary' }, say('common.save')),
              h('button', { type: 'button', onclick: discard }, say('common.discard')),
            ),
      ),
    );
    if (draft && isDirty()) tell(notice('information', say('common.inputIsBack')));
    follow(answer.applying);
  },
};
