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
  group: 'A group',
  allDevices: espRule('allDevices'),
  allUsers: espRule('allLicensedUsers'),
};
const FILTERS = {
  none: 'No filter',
  include: 'Only devices that a filter matches',
  exclude: 'Not devices that a filter matches',
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
const LABELS = {
  kind: 'Assigned to',
  groupId: 'Id of the group',
  groupName: 'Name of the group',
  filter: 'Filter',
  filterId: 'Id of the filter',
  rule: 'Rule of the filter',
};

function help() {
  const example = '(device.model -startsWith "Surface") and not (device.deviceOwnership -eq "Personal")';
  return h(
    'details',
    null,
    h('summary', null, 'What a rule may say'),
    h(
      'p',
      null,
      'Properties: ',
      h('code', null, 'model, manufacturer, osVersion, operatingSystemSKU, deviceOwnership, enrollmentProfileName'),
      '. Comparisons: ',
      h('code', null, '-eq -ne -in -notIn -startsWith -contains -notContains'),
      ', joined by ',
      h('code', null, '-and -or -not'),
      '. For example ',
      h('code', null, example),
      '.',
    ),
    h('p', null, 'Graph gives only the id of a filter. Without the rule the assignment is ignored.'),
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
  const readOnly = isDefault
    ? 'The default profile can’t be assigned: it applies if no other does.'
    : whyReadOnly(context);
  const list = answer.body.assignments.map(read);
  const groups = await knownGroups(api, signal);
  const ids = { groups: uniqueId('groups') };
  const word = h('div', { class: 'esp-word' });
  const say = (...content) => word.replaceChildren(...content.filter(Boolean));
  const holder = h('div', { class: 'stack' });
  /** By assignment and field: where its error is shown. */
  let places = new Map();

  const draw = () => {
    places = new Map();
    holder.replaceChildren(
      ...(list.length ? list.map(entry) : [h('p', { class: 'quiet' }, 'Assigned to nobody, so it never applies.')]),
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
      h('legend', null, `Assignment ${at + 1}`),
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
              'aria-label': `Remove assignment ${at + 1}`,
              onclick: () => {
                list.splice(at, 1);
                draw();
                announce(`Assignment ${at + 1} is removed; not saved yet.`);
                /** @type {HTMLElement} */ (root.querySelector('.esp-add')).focus();
              },
            },
            'Remove',
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
    say(
      notice(
        'problem',
        h('strong', null, title),
        left.length
          ? h(
              'ul',
              null,
              left.map((one) => h('li', null, one)),
            )
          : h('p', null, 'Fix the fields below.'),
      ),
    );
    first?.focus();
  };

  /** The errors of missing or too long values, before anything is posted. */
  const problems = () =>
    list.flatMap((one, at) => {
      const wrong = (member, problem) => ({ field: `${LIST}[${at}].target.${member}`, problem });
      return [
        one.kind === 'group' && !one.groupId.trim() ? wrong('groupId', 'is required') : null,
        one.filter !== 'none' && !one.rule.trim() && !one.filterId.trim()
          ? wrong(`${FILTER}Rule`, 'is required, or the id')
          : null,
        [...one.rule].length > MOST_RULE
          ? wrong(`${FILTER}Rule`, `must have at most ${count(MOST_RULE)} characters`)
          : null,
      ].filter(Boolean);
    });

  const conflict = async () => {
    answer = await api.getWithEtag('getEspProfile', { id }, { signal });
    const now = answer.body.assignments;
    say(
      notice(
        'warning',
        h('h2', { tabindex: '-1' }, 'Somebody else changed this profile meanwhile'),
        h('p', null, 'Nothing is saved yet, and your input is still here. Save again to replace theirs, which is:'),
        now.length
          ? h(
              'ul',
              null,
              now.map((one) => h('li', null, targetWords(one))),
            )
          : h('p', null, 'assigned to nobody.'),
        h(
          'button',
          {
            type: 'button',
            class: 'small',
            onclick: () => {
              list.splice(0, list.length, ...now.map(read));
              say();
              draw();
              root.querySelector('h1')?.focus();
            },
          },
          'Use theirs',
        ),
      ),
    );
    word.querySelector('h2')?.focus();
  };

  const save = async (event) => {
    event.preventDefault();
    const button = event.currentTarget.querySelector('button[type="submit"]');
    say();
    const wrong = problems();
    if (wrong.length) {
      refuse(wrong, 'Not saved');
      return;
    }
    button.disabled = true;
    try {
      answer = await api.send('assignEspProfile', { id }, { [LIST]: list.map(write) }, { ifMatch: answer.etag });
      if (signal.aborted) return;
      list.splice(0, list.length, ...answer.body.assignments.map(read));
      draw();
      say(notice('success', 'Saved. It applies to sessions that start from now on.'));
      announce(`Saved who gets ${answer.body.displayName}.`);
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 412) await conflict().catch((other) => say(problemNotice(other)));
      else if (error.members?.errors?.length) refuse(error.members.errors, 'Not saved');
      else say(problemNotice(error));
    } finally {
      button.disabled = false;
    }
  };

  draw();
  root.replaceChildren(
    pageHead(`Who gets ${answer.body.displayName}`),
    espNavigation('profiles'),
    h(
      'p',
      { class: 'esp-lead' },
      'A profile that is assigned to the device comes before one that is assigned to its user, whatever ' +
        'their priorities. What is saved here replaces what was assigned before, and does not change Intune.',
    ),
    readOnly ? notice('information', readOnly) : '',
    word,
    h(
      'form',
      { novalidate: true, onsubmit: save, 'aria-label': 'Assignments' },
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
                    say(notice('warning', `A profile has at most ${MOST} assignments.`));
                    return;
                  }
                  list.push({ kind: 'group', groupId: '', groupName: '', filter: 'none', filterId: '', rule: '' });
                  draw();
                  places.get(`${list.length - 1}.kind`).input.focus();
                },
              },
              'Add an assignment',
            ),
            h('button', { type: 'submit', class: 'primary' }, 'Save'),
            h('a', { class: 'button', href: addressOf(`profile/${segment(id)}`) }, 'Back to the profile'),
          ),
    ),
  );
}
