/*
 * To whom a profile of the Enrollment Status Page is assigned: groups, all devices, all users, each under a filter or
 * not.
 *
 * What must stay true: saving replaces all assignments, and only if they are still those that the person saw. Other
 * members from Graph (ids of filters) stay with their assignment.
 */

import { h, uniqueId } from '../kit/dom.js';
import { count } from '../kit/format.js';
import { notice, pageHead, problemNotice } from '../kit/parts.js';
import { addressOf, segment } from '../kit/address.js';
import { espRule } from '../kit/words.js';
import { espNavigation, whyReadOnly } from './esp-parts.js';
import { targetKind, targetWords } from './profiles-api.js';
import { say, sayNodes } from '../kit/say.js';

const MOST = 200;
const MOST_RULE = 3072;
const LIST = 'enrollmentConfigurationAssignments';
const FILTER = 'deviceAndAppManagementAssignmentFilter';
const TYPES = {
  group: 'groupAssignmentTarget',
  allDevices: 'allDevicesAssignmentTarget',
  allUsers: 'allLicensedUsersAssignmentTarget',
};
const TARGETS = {
  group: say('assignments.group'),
  allDevices: espRule('allDevices'),
  allUsers: espRule('allLicensedUsers'),
};
const FILTERS = {
  none: say('assignments.noFilter'),
  include: say('assignments.onlyMatched'),
  exclude: say('assignments.notMatched'),
};

/** An assignment as the form has it. */
const read = ({ target }) => ({
  kind: targetKind(target),
  groupId: target.groupId ?? '',
  groupName: target.groupName ?? '',
  filter: target[`${FILTER}Type`] ?? 'none',
  filterId: target[`${FILTER}Id`] ?? '',
  rule: target[`${FILTER}Rule`] ?? '',
});

/** An assignment as Graph has it. */
function write(one) {
  const target = { '@odata.type': `#microsoft.graph.${TYPES[one.kind]}` };
  if (one.kind === 'group') {
    target.groupId = one.groupId.trim();
    if (one.groupName.trim()) target.groupName = one.groupName.trim();
  }
  target[`${FILTER}Type`] = one.filter;
  if (one.filter !== 'none') {
    target[`${FILTER}Id`] = one.filterId.trim() || null;
    if (one.rule.trim()) target[`${FILTER}Rule`] = one.rule.trim();
  }
  return { target };
}

/** The form's field that an error of the server is about. */
const MEMBERS = {
  groupId: 'groupId',
  groupName: 'groupName',
  [`${FILTER}Type`]: 'filter',
  [`${FILTER}Id`]: 'filterId',
  [`${FILTER}Rule`]: 'rule',
};
const memberOf = (name) => Object.keys(MEMBERS).find((member) => MEMBERS[member] === name);
const LABELS = {
  kind: say('common.assignedTo'),
  groupId: say('assignments.groupId'),
  groupName: say('assignments.groupName'),
  filter: say('assignments.filter'),
  filterId: say('assignments.filterId'),
  rule: say('assignments.rule'),
};

function help() {
  return h(
    'details',
    null,
    h('summary', null, say('assignments.aboutRules')),
    h(
      'p',
      null,
      sayNodes('assignments.ruleHelp', {
        properties: h(
          'code',
          null,
          'model, manufacturer, osVersion, operatingSystemSKU, deviceOwnership, enrollmentProfileName',
        ),
        comparisons: h('code', null, '-eq -ne -in -notIn -startsWith -contains -notContains'),
        joins: h('code', null, '-and -or -not'),
        example: h(
          'code',
          null,
          '(device.model -startsWith "Surface") and not (device.deviceOwnership -eq "Personal")',
        ),
      }),
    ),
    h('p', null, say('assignments.onlyId')),
  );
}

/**
 * The groups to which profiles are assigned, by their names in small letters.
 * @returns {Promise<Map<string, {id: string, name: string}>>}
 */
async function knownGroups(api, signal) {
  const all = await api.get('listEspProfiles', null, { signal });
  const targets = all.value.flatMap((one) => one.assignments).map(({ target }) => target);
  const named = targets.filter((target) => target.groupId && target.groupName);
  return new Map(
    named.map((target) => [target.groupName.toLowerCase(), { id: target.groupId, name: target.groupName }]),
  );
}

/**
 * @param {ViewContext} context of the view
 * @param {string} id of the profile
 */
export async function showAssignments(context, id) {
  const { root, api, signal, announce } = context;
  let answer = await api.getWithEtag('getEspProfile', { id }, { signal });
  const { isDefault } = answer.body;
  const readOnly = isDefault ? say('assignments.isDefault') : whyReadOnly(context);
  const list = answer.body.assignments.map(read);
  const groups = await knownGroups(api, signal);
  const ids = { groups: uniqueId('groups') };
  const word = h('div', { class: 'esp-word' });
  const tell = (...content) => word.replaceChildren(...content.filter(Boolean));
  const holder = h('div', { class: 'stack' });
  /** By assignment and field: where its error is shown. */
  let places = new Map();

  const draw = () => {
    places = new Map();
    holder.replaceChildren(
      ...(list.length ? list.map(entry) : [h('p', { class: 'quiet' }, say('common.assignedToNobody'))]),
    );
  };

  const field = (at, name, make) => {
    const ids = { input: uniqueId('field'), error: uniqueId('error') };
    const error = h('p', { class: 'field-error', id: ids.error });
    const input = make({ id: ids.input, 'aria-describedby': ids.error, disabled: readOnly !== null });
    places.set(`${at}.${name}`, { input, error });
    return h('div', { class: 'field' }, h('label', { for: ids.input }, LABELS[name]), input, error);
  };
  const text = (one, at, name, /** @type {'input'|'textarea'} */ tag = 'input') =>
    field(at, name, (common) =>
      h(tag, {
        ...common,
        value: one[name],
        autocomplete: 'off',
        spellcheck: 'false',
        oninput: (event) => {
          one[name] = event.currentTarget.value;
        },
      }),
    );
  /** The group by its name; the id of one that is known needs no typing. */
  const groupName = (one, at) =>
    field(at, 'groupName', (common) =>
      h('input', {
        ...common,
        list: ids.groups,
        value: one.groupName,
        autocomplete: 'off',
        spellcheck: 'false',
        oninput: (event) => {
          one.groupName = event.currentTarget.value;
          const id = groups.get(one.groupName.trim().toLowerCase())?.id;
          if (!id) return;
          one.groupId = id;
          places.get(`${at}.groupId`).input.value = id;
        },
      }),
    );
  const choice = (one, at, name, options) =>
    field(at, name, (common) =>
      h(
        'select',
        {
          ...common,
          value: one[name],
          onchange: (event) => {
            one[name] = event.currentTarget.value;
            draw();
            // The choice redrew its dependent fields, which loses the focus.
            places.get(`${at}.${name}`).input.focus();
          },
        },
        Object.entries(options).map(([value, words]) => h('option', { value }, words)),
      ),
    );

  function entry(one, at) {
    return h(
      'fieldset',
      { class: 'esp-assignment' },
      h('legend', null, say('assignments.assignment', { number: at + 1 })),
      choice(one, at, 'kind', TARGETS),
      one.kind === 'group' ? groupName(one, at) : null,
      one.kind === 'group' ? text(one, at, 'groupId') : null,
      choice(one, at, 'filter', FILTERS),
      one.filter === 'none' ? null : h('div', { class: 'esp-rule' }, text(one, at, 'rule', 'textarea'), help()),
      one.filter === 'none' ? null : text(one, at, 'filterId'),
      readOnly
        ? null
        : h(
            'button',
            {
              type: 'button',
              class: 'small',
              'aria-label': say('assignments.removeAssignment', { number: at + 1 }),
              onclick: () => {
                list.splice(at, 1);
                draw();
                announce(say('assignments.isRemoved', { number: at + 1 }));
                /** @type {HTMLElement} */ (root.querySelector('.esp-add')).focus();
              },
            },
            say('common.remove'),
          ),
    );
  }

  const refuse = (errors, title) => {
    for (const { input, error } of places.values()) {
      input.removeAttribute('aria-invalid');
      error.textContent = '';
    }
    const left = [];
    /** @type {any} */
    let first = null;
    for (const { field: name, problem } of errors) {
      const [, at, member] = name.match(/\[(\d+)\](?:\.target)?\.?(.*)$/) ?? [];
      const known = MEMBERS[member] ?? (member === '@odata.type' ? 'kind' : null);
      const place = known && places.get(`${at}.${known}`);
      if (place) {
        place.input.setAttribute('aria-invalid', 'true');
        place.error.textContent = `${LABELS[known]}: ${problem}.`;
        first ??= place.input;
      } else left.push(`${name}: ${problem}`);
    }
    tell(
      notice(
        'problem',
        h('strong', null, title),
        left.length
          ? h(
              'ul',
              null,
              left.map((one) => h('li', null, one)),
            )
          : h('p', null, say('assignments.fixFields')),
      ),
    );
    first?.focus();
  };

  /** The errors of missing or too long values, before anything is posted. */
  const problems = () =>
    list.flatMap((one, at) => {
      const wrong = (name, problem) => ({ field: `${LIST}[${at}].target.${memberOf(name)}`, problem });
      return [
        one.kind === 'group' && !one.groupId.trim() ? wrong('groupId', say('common.isRequired')) : null,
        one.filter !== 'none' && !one.rule.trim() && !one.filterId.trim()
          ? wrong('rule', say('assignments.isRequiredOrId'))
          : null,
        [...one.rule].length > MOST_RULE
          ? wrong('rule', say('common.mostCharacters', { most: count(MOST_RULE) }))
          : null,
      ].filter(Boolean);
    });

  const conflict = async () => {
    answer = await api.getWithEtag('getEspProfile', { id }, { signal });
    const now = answer.body.assignments;
    tell(
      notice(
        'warning',
        h('h2', { tabindex: '-1' }, say('common.somebodyElseChanged')),
        h('p', null, say('assignments.nothingSaved')),
        now.length
          ? h(
              'ul',
              null,
              now.map((one) => h('li', null, targetWords(one))),
            )
          : h('p', null, say('assignments.assignedToNobody')),
        h(
          'button',
          {
            type: 'button',
            class: 'small',
            onclick: () => {
              list.splice(0, list.length, ...now.map(read));
              tell();
              draw();
              root.querySelector('h1')?.focus();
            },
          },
          say('common.useTheirs'),
        ),
      ),
    );
    word.querySelector('h2')?.focus();
  };

  const save = async (event) => {
    event.preventDefault();
    const button = event.currentTarget.querySelector('button[type="submit"]');
    tell();
    const wrong = problems();
    if (wrong.length) {
      refuse(wrong, say('common.notSaved'));
      return;
    }
    button.disabled = true;
    try {
      answer = await api.send('assignEspProfile', { id }, { [LIST]: list.map(write) }, { ifMatch: answer.etag });
      if (signal.aborted) return;
      list.splice(0, list.length, ...answer.body.assignments.map(read));
      draw();
      tell(notice('success', say('assignments.saved')));
      announce(say('assignments.savedWhoGets', { profile: answer.body.displayName }));
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 412) await conflict().catch((other) => tell(problemNotice(other)));
      else if (error.members?.errors?.length) refuse(error.members.errors, say('common.notSaved'));
      else tell(problemNotice(error));
    } finally {
      button.disabled = false;
    }
  };

  draw();
  root.replaceChildren(
    pageHead(say('assignments.whoGets', { profile: answer.body.displayName })),
    espNavigation('profiles'),
    h('p', { class: 'esp-lead' }, say('assignments.about')),
    readOnly ? notice('information', readOnly) : '',
    word,
    h(
      'form',
      { novalidate: true, onsubmit: save, 'aria-label': say('assignments.assignments') },
      holder,
      h(
        'datalist',
        { id: ids.groups },
        [...groups.values()].map(({ name }) => h('option', { value: name })),
      ),
      readOnly
        ? null
        : h(
            'div',
            { class: 'actions esp-save' },
            h(
              'button',
              {
                type: 'button',
                class: 'esp-add',
                onclick: () => {
                  if (list.length >= MOST) {
                    tell(notice('warning', say('assignments.most', { most: MOST })));
                    return;
                  }
                  list.push({ kind: 'group', groupId: '', groupName: '', filter: 'none', filterId: '', rule: '' });
                  draw();
                  places.get(`${list.length - 1}.kind`).input.focus();
                },
              },
              say('assignments.addAssignment'),
            ),
            h('button', { type: 'submit', class: 'primary' }, say('common.save')),
            h('a', { class: 'button', href: addressOf(`profile/${segment(id)}`) }, say('assignments.backToProfile')),
          ),
    ),
  );
}
