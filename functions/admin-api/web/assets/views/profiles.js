/*
 * Profiles of the Enrollment Status Page in the order in which they count: read, moved, deleted; editing and
 * assigning are views of their own.
 *
 * What must stay true: a profile can be moved by dragging and by buttons, one move after the other, and each move
 * is announced. A priority is the profile's place among all, though a token with scope tags sees only some.
 */

import { h, patch } from '../kit/dom.js';
import { count, minutes } from '../kit/format.js';
import { asOf, badge, notice, pageHead, problemNotice } from '../kit/parts.js';
import { addressOf, segment } from '../kit/address.js';
import { confirmDialog } from '../kit/confirm.js';
import { espNavigation, whyReadOnly, zoneOf } from './esp-parts.js';
import { ChangedMeanwhile, MOST_PROFILES, changeShown, targetWords } from './profiles-api.js';
import { reorderHandlers } from './reorder.js';
import { say } from '../kit/say.js';

function summary(one) {
  if (!one.showInstallationProgress) return say('profiles.notShown');
  const limit = minutes(one.installProgressTimeoutInMinutes);
  if (!one.blockDeviceUse) return say('profiles.needNotWait', { limit });
  const selected = one.selectedMobileAppIds.length;
  return selected ? say('profiles.waitForSelected', { n: selected, limit }) : say('profiles.waitForAll', { limit });
}

function assigned(one) {
  if (one.isDefault) return say('profiles.appliesIfNoOther');
  if (!one.assignments.length) return say('common.assignedToNobody');
  return say('profiles.assignedTo', { targets: one.assignments.map(targetWords).join('; ') });
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
              ? notice('warning', say('profiles.changedMeanwhile', { profile: one.displayName }))
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
          announce(
            list[0] === one
              ? say('profiles.alreadyFirst', { profile: one.displayName })
              : say('profiles.alreadyLast', { profile: one.displayName }),
          );
          return;
        }
        const { body } = await changeShown(api, one, 'setEspProfilePriority', { priority: to.priority });
        announce(say('profiles.isNow', { profile: one.displayName, priority: body.priority, all: places() }));
      });
      // A browser that can't move an element without taking it out has dropped the focus.
      if (focus) root.querySelector(`[data-key="${CSS.escape(id)}"] .${focus}`)?.focus();
    };

    const remove = async (one) => {
      const isSure = await confirmDialog({
        title: say('profiles.deleteTitle', { profile: one.displayName }),
        text: [
          h('p', null, one.assignments.length ? say('profiles.deleteAssigned') : say('profiles.deleteUnassigned')),
          h('p', null, say('profiles.deleteSessions')),
        ],
        action: say('profiles.delete'),
        signal,
      });
      if (!isSure) return;
      await change(one.id, async (each) => {
        await changeShown(api, each, 'deleteEspProfile');
        announce(say('profiles.isDeleted', { profile: each.displayName }));
        return notice('success', say('profiles.quotedIsDeleted', { profile: each.displayName }));
      });
      root.querySelector('h1')?.focus();
    };

    const arrow = (one, name, sign, label, isEnd, by) =>
      h(
        'button',
        {
          type: 'button',
          class: `small ${name}`,
          'aria-label': label,
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
        canMove
          ? h('span', { class: 'esp-handle', 'aria-hidden': 'true', title: say('profiles.dragToAnotherPlace') }, '⠿')
          : null,
        h(
          'span',
          { class: 'esp-place' },
          one.isDefault
            ? h('span', { class: 'quiet' }, say('profiles.last'))
            : [h('span', { class: 'visually-hidden' }, say('common.priority'), ' '), count(one.priority)],
        ),
        h(
          'div',
          { class: 'esp-what' },
          h(
            'h2',
            null,
            h('a', { href: addressOf(to) }, one.displayName),
            ' ',
            one.isDefault ? badge('quiet', say('profiles.default')) : null,
            one.enabled ? null : badge('warn', say('profiles.switchedOff')),
          ),
          one.description ? h('p', null, one.description) : null,
          h('p', null, summary(one)),
          h('p', null, assigned(one)),
        ),
        h(
          'div',
          { class: 'esp-actions' },
          canMove ? arrow(one, 'up', '↑', say('profiles.moveUp', { profile: one.displayName }), at === 0, -1) : null,
          canMove
            ? arrow(one, 'down', '↓', say('profiles.moveDown', { profile: one.displayName }), at === list.length - 1, 1)
            : null,
          canChange && !one.isDefault
            ? h(
                'a',
                {
                  class: 'button small',
                  href: addressOf(`${to}/assignments`),
                  'aria-label': say('profiles.assignOne', { profile: one.displayName }),
                },
                say('profiles.assign'),
              )
            : null,
          h(
            'a',
            {
              class: 'button small',
              href: addressOf('sessions', { profileId: one.id }),
              'aria-label': say('profiles.sessionsWith', { profile: one.displayName }),
            },
            say('common.sessions'),
          ),
          canChange && !one.isDefault
            ? h(
                'button',
                {
                  type: 'button',
                  class: 'small danger',
                  'aria-label': say('profiles.deleteOne', { profile: one.displayName }),
                  onclick: () => remove(one),
                },
                say('profiles.delete'),
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
        pageHead(say('common.espProfiles'), asOf(answer.asOf, zoneOf(context))),
        espNavigation('profiles'),
        h('p', { class: 'esp-lead' }, say('profiles.about')),
        readOnly ? notice('information', readOnly) : null,
        h('div', { class: 'esp-word', 'data-key': 'word' }, word),
        answer.value.length < answer.profiles
          ? notice(
              'information',
              say('profiles.seesSome', { some: count(answer.value.length), all: count(answer.profiles) }),
            )
          : null,
        readOnly
          ? null
          : h(
              'p',
              { 'data-key': 'new' },
              isFull
                ? say('profiles.isFull', { count: MOST_PROFILES })
                : h('a', { class: 'button primary', href: addressOf('profile/new') }, say('common.newProfile')),
            ),
        h(
          'ol',
          {
            class: 'esp-profiles',
            role: 'list',
            'aria-label': say('profiles.listTitle'),
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
