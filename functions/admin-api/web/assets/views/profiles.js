/*
 * Profiles of the Enrollment Status Page in the order in which they count: read, moved, deleted; editing and
 * assigning are views of their own.
 *
 * What must stay true: a profile can be moved by dragging and by buttons, one move after the other, and each move
 * is announced. A priority is the profile's place among all, though a token with scope tags sees only some.
 */

import { h, patch } from '../kit/dom.js';
import { count, minutes, plural } from '../kit/format.js';
import { asOf, badge, notice, pageHead, problemNotice } from '../kit/parts.js';
import { addressOf, segment } from '../kit/address.js';
import { confirmDialog } from '../kit/confirm.js';
import { espNavigation, whyReadOnly, zoneOf } from './esp-parts.js';
import { ChangedMeanwhile, MOST_PROFILES, changeShown, targetWords } from './profiles-api.js';
import { reorderHandlers } from './reorder.js';

const apps = (one) =>
  one.selectedMobileAppIds.length
    ? plural(one.selectedMobileAppIds.length, 'selected app')
    : 'all apps that are targeted';

function summary(one) {
  if (!one.showInstallationProgress) return 'The page is not shown.';
  if (!one.blockDeviceUse) return `Time limit ${minutes(one.installProgressTimeoutInMinutes)}. People need not wait.`;
  return `Time limit ${minutes(one.installProgressTimeoutInMinutes)}. People wait for ${apps(one)}.`;
}

function assigned(one) {
  if (one.isDefault) return 'Applies if no other profile does.';
  if (!one.assignments.length) return 'Assigned to nobody, so it never applies.';
  return `Assigned to: ${one.assignments.map(targetWords).join('; ')}`;
}

export default {
  async show(context) {
    const { root, api, signal, announce } = context;
    const readOnly = whyReadOnly(context);
    const isScoped = context.tenant?.scopeTags?.length > 0;
    /** @type {Answer} */
    let answer = null;
    /** The last message, above the list. @type {any} */
    let word = null;
    /** Moves run one after the other: each begins with the order that the one before left. */
    let queue = Promise.resolve();

    const ranked = () => answer.value.filter((one) => !one.isDefault);
    const places = () => answer.profiles - 1;
    const read = async () => {
      answer = await api.get('listEspProfiles', null, { signal });
    };

    const change = (id, act) => {
      queue = queue.then(async () => {
        const one = answer.value.find((each) => each.id === id);
        if (!one || signal.aborted) return;
        try {
          word = (await act(one)) ?? null;
        } catch (error) {
          if (signal.aborted) return;
          word =
            error instanceof ChangedMeanwhile
              ? notice(
                  'warning',
                  `Somebody else changed the profiles meanwhile, so “${one.displayName}” was not changed. ` +
                    'The list now shows their changes.',
                )
              : problemNotice(error);
          // A problem announces itself.
          if (error instanceof ChangedMeanwhile) announce(word.textContent);
        }
        try {
          await read();
        } catch (error) {
          if (signal.aborted) return;
          word = problemNotice(error);
        }
        if (!signal.aborted) draw();
      });
      return queue;
    };

    /** Puts a profile at a place of the list that is shown; `focus` is the button that was used. */
    const move = async (id, place, focus) => {
      await change(id, async (one) => {
        const list = ranked();
        const to = list[Math.max(0, Math.min(place(list.indexOf(one)), list.length - 1))];
        if (to === one) {
          announce(`${one.displayName} is already ${list[0] === one ? 'first' : 'last'}.`);
          return;
        }
        const { body } = await changeShown(api, one, 'setEspProfilePriority', { priority: to.priority });
        announce(`${one.displayName} is now ${body.priority} of ${places()}.`);
      });
      // A browser that can't move an element without taking it out has dropped the focus.
      if (focus) root.querySelector(`[data-key="${CSS.escape(id)}"] .${focus}`)?.focus();
    };

    const remove = async (one) => {
      const isSure = await confirmDialog({
        title: `Delete “${one.displayName}”?`,
        text: [
          h(
            'p',
            null,
            one.assignments.length
              ? 'Devices that it is assigned to will get the next profile that applies, or the default.'
              : 'It is assigned to nobody.',
          ),
          h('p', null, 'Sessions that started with it keep it. Nothing changes in Intune.'),
        ],
        action: 'Delete',
        signal,
      });
      if (!isSure) return;
      await change(one.id, async (each) => {
        await changeShown(api, each, 'deleteEspProfile');
        announce(`${each.displayName} is deleted.`);
        return notice('success', `“${each.displayName}” is deleted.`);
      });
      root.querySelector('h1')?.focus();
    };

    const arrow = (one, name, sign, words, isEnd, by) =>
      h(
        'button',
        {
          type: 'button',
          class: `small ${name}`,
          'aria-label': `Move ${one.displayName} ${words}`,
          // Not `disabled`: a button that is under the person's finger must not lose the focus.
          'aria-disabled': isEnd ? 'true' : null,
          onclick: () => move(one.id, (at) => at + by, name),
        },
        sign,
      );

    const entry = (one, at, list) => {
      const canMove = !readOnly && !one.isDefault && list.length > 1;
      const canChange = !readOnly && !(one.isDefault && isScoped);
      const to = `profile/${segment(one.id)}`;
      return h(
        'li',
        { class: one.isDefault ? 'esp-profile default' : 'esp-profile', 'data-key': one.id },
        canMove ? h('span', { class: 'esp-handle', 'aria-hidden': 'true', title: 'Drag to another place' }, '⠿') : null,
        h(
          'span',
          { class: 'esp-place' },
          one.isDefault
            ? h('span', { class: 'quiet' }, 'last')
            : [h('span', { class: 'visually-hidden' }, 'Priority '), count(one.priority)],
        ),
        h(
          'div',
          { class: 'esp-what' },
          h(
            'h2',
            null,
            h('a', { href: addressOf(to) }, one.displayName),
            ' ',
            one.isDefault ? badge('quiet', 'Default') : null,
            one.enabled ? null : badge('warn', 'Switched off'),
          ),
          one.description ? h('p', null, one.description) : null,
          h('p', null, summary(one)),
          h('p', null, assigned(one)),
        ),
        h(
          'div',
          { class: 'esp-actions' },
          canMove ? arrow(one, 'up', '↑', 'up', at === 0, -1) : null,
          canMove ? arrow(one, 'down', '↓', 'down', at === list.length - 1, 1) : null,
          canChange && !one.isDefault
            ? h(
                'a',
                {
                  class: 'button small',
                  href: addressOf(`${to}/assignments`),
                  'aria-label': `Assign ${one.displayName}`,
                },
                'Assign',
              )
            : null,
          h(
            'a',
            {
              class: 'button small',
              href: addressOf('sessions', { profileId: one.id }),
              'aria-label': `Sessions with ${one.displayName}`,
            },
            'Sessions',
          ),
          canChange && !one.isDefault
            ? h(
                'button',
                {
                  type: 'button',
                  class: 'small danger',
                  'aria-label': `Delete ${one.displayName}`,
                  onclick: () => remove(one),
                },
                'Delete',
              )
            : null,
        ),
      );
    };

    const drag = reorderHandlers({
      entry: '.esp-profile:not(.default)',
      handle: '.esp-handle',
      onDrop: (id, index) => move(id, () => index),
    });

    function draw() {
      const list = ranked();
      const isFull = answer.profiles >= MOST_PROFILES;
      patch(
        root,
        pageHead('Enrollment Status Page profiles', asOf(answer.asOf, zoneOf(context))),
        espNavigation('profiles'),
        h(
          'p',
          { class: 'esp-lead' },
          'A device gets the first profile that is assigned to it; otherwise the first that is assigned to its ' +
            'user; otherwise the default. Changes apply to sessions that start later. They do not change Intune, so ' +
            'make the same change there.',
        ),
        readOnly ? notice('information', readOnly) : null,
        h('div', { class: 'esp-word', 'data-key': 'word' }, word),
        answer.value.length < answer.profiles
          ? notice(
              'information',
              `Your token sees ${count(answer.value.length)} of ${count(answer.profiles)} profiles. Priorities count ` +
                'all profiles.',
            )
          : null,
        readOnly
          ? null
          : h(
              'p',
              { 'data-key': 'new' },
              isFull
                ? `There are ${MOST_PROFILES} profiles, which is the limit.`
                : h('a', { class: 'button primary', href: addressOf('profile/new') }, 'New profile'),
            ),
        h(
          'ol',
          {
            class: 'esp-profiles',
            role: 'list',
            'aria-label': 'Profiles, highest priority first',
            ...(readOnly ? {} : drag),
          },
          answer.value.map((one) => entry(one, list.indexOf(one), list)),
        ),
      );
    }

    await read();
    draw();
  },
};
