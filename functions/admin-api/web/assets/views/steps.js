/*
 * The first steps of an organisation: choose who reports, enter its address and secret there, and wait for the first event.
 *
 * What must stay true: the steps are those that `tenant add` prints. What was refused is shown with its reason, since a
 * person who waits for an event must not take a refused one for silence. Whether one was stored follows from the devices:
 * what came in is noted once a minute. It looks only while it is watched, and stops once an event was stored. The secret
 * goes with the view.
 */

import { addressOf } from '../kit/address.js';
import { h, patch, uniqueId } from '../kit/dom.js';
import { dateTimeSeconds } from '../kit/format.js';
import { badge, notice, pageHead } from '../kit/parts.js';
import * as words from '../kit/words.js';
import { accountNavigation, inOneLine, whyReadOnly } from './account-parts.js';
import { makeSecret, senderChoice, setupPanel } from './sender-setup.js';
import { say } from '../kit/say.js';

/** Milliseconds between looks. */
const EVERY = 3_000;

const newest = (sources, member) =>
  sources
    .map((one) => one[member])
    .filter(Boolean)
    .sort()
    .at(-1) ?? null;

export default {
  async show(context) {
    const { root, api, signal, announce, tenant } = context;
    const readOnly = whyReadOnly(context);
    const id = uniqueId('sender');
    /** @type {{answer: Answer, devices: number, source: string, made: Answer, problem: string|null, timer: any}} */
    const shown = { answer: null, devices: 0, source: '', made: null, problem: null, timer: undefined };

    const load = async () => {
      const [answer, status] = await Promise.all([
        api.get('getSources', null, { signal }),
        api.get('getStatus', null, { signal }),
      ]);
      shown.answer = answer;
      shown.devices = status.devices;
    };
    const isStored = () => shown.devices > 0;

    const make = async (event) => {
      event.preventDefault();
      shown.problem = null;
      try {
        shown.made = await makeSecret(api, shown.source, signal);
        await load();
        announce(say('firstSteps.settingsMade'));
      } catch (error) {
        if (error.name === 'AbortError') return;
        shown.problem = inOneLine(error);
      }
      draw();
    };

    /** What came of the chosen sender, or of any if none is chosen. */
    const waiting = () => {
      const { sources, timeZone } = shown.answer;
      if (isStored()) {
        return notice(
          'success',
          h('strong', null, say('firstSteps.received')),
          ' ',
          say('firstSteps.soFar', { n: shown.devices }),
          ' ',
          h('a', { href: addressOf('status') }, say('firstSteps.seeStatus')),
        );
      }
      const refused = sources.filter((one) => one.lastRefusal);
      const heard = newest(sources, 'lastHeardAt');
      return [
        h(
          'p',
          { role: 'status' },
          badge('busy', say('common.waiting')),
          ' ',
          heard
            ? say('firstSteps.nothingToStore', {
                instant: dateTimeSeconds(heard, timeZone),
              })
            : say('firstSteps.nothingYet'),
        ),
        refused.map((one) =>
          notice(
            'warning',
            h(
              'strong',
              null,
              say('firstSteps.refused', { sender: one.title, instant: dateTimeSeconds(one.lastRefusal.at, timeZone) }),
            ),
            ' ',
            words.refusal(one.lastRefusal.reason),
            [one.lastRefusal.field, one.lastRefusal.problem].some(Boolean)
              ? `: ${[one.lastRefusal.field, one.lastRefusal.problem].filter(Boolean).join(' ')}`
              : null,
          ),
        ),
      ];
    };

    const step = (number, name, isDone, ...content) =>
      h(
        'li',
        { 'data-key': name, class: 'card' },
        h('h2', null, `${number}. ${words.firstStep(name)} `, isDone ? badge('good', say('firstSteps.done')) : null),
        content,
      );

    const draw = () => {
      if (signal.aborted) return;
      const { offered } = shown.answer;
      const chosen = offered.find((one) => one.source === shown.source);
      const isMade = isStored() || shown.made !== null || offered.some((one) => one.ownSecret && one.secrets > 0);
      patch(
        root,
        pageHead(say('view.firstSteps'), say('firstSteps.until', { organisation: tenant.tenant })),
        accountNavigation('steps'),
        readOnly ? notice('information', readOnly) : null,
        shown.problem ? notice('problem', shown.problem) : null,
        h(
          'ol',
          { class: 'stack first-steps', role: 'list' },
          step(
            1,
            'sender',
            Boolean(chosen) || isStored(),
            readOnly
              ? null
              : h(
                  'form',
                  { class: 'filters', 'aria-label': words.firstStep('sender'), onsubmit: make },
                  senderChoice(offered, {
                    id,
                    value: shown.source,
                    onChoose: (source) => {
                      shown.source = source;
                      shown.made = null;
                      draw();
                    },
                  }),
                  h('button', { type: 'submit', class: 'primary' }, say('firstSteps.makeSettings')),
                ),
          ),
          step(
            2,
            'settings',
            isMade,
            shown.made
              ? setupPanel(shown.made, chosen, announce)
              : h('p', { class: 'quiet' }, say('firstSteps.settingsPending')),
          ),
          step(3, 'event', isStored(), waiting()),
        ),
      );
    };

    const plan = () => {
      clearTimeout(shown.timer);
      if (signal.aborted || document.hidden || isStored()) return;
      shown.timer = setTimeout(async () => {
        // One look that fails is followed by the next.
        await load().catch(() => {});
        if (signal.aborted) return;
        draw();
        if (isStored()) announce(say('firstSteps.received'));
        plan();
      }, EVERY);
    };

    await load();
    draw();
    plan();
    document.addEventListener('visibilitychange', plan, { signal });
    signal.addEventListener('abort', () => clearTimeout(shown.timer), { once: true });
  },
};
