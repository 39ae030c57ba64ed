/*
 * The devices of a person as cards, the worst first, each with what to do next and a text for a ticket.
 *
 * What must stay true: cards have the order that they are given in. A diagnosis and an opened file show the same cards.
 */

import { addressOf, segment } from '../kit/address.js';
import { h, uniqueId } from '../kit/dom.js';
import { dateTime, NOT_REPORTED } from '../kit/format.js';
import { badge } from '../kit/parts.js';
import { ticketText } from './device-cards-words.js';
import { copyingButton } from './diagnostics-text.js';
import { deviceAddress } from './esp-parts.js';
import { say } from '../kit/say.js';

const fact = (label, ...value) => h('div', null, h('dt', null, label), h('dd', null, value));

/**
 * @param {object} options
 * @param {import('./device-cards-words.js').Card[]} options.cards
 * @param {string} options.asOf
 * @param {string} options.zone
 * @param {string} options.lacking said where no next action is known
 * @param {ViewContext} options.context of the view
 * @returns {HTMLElement|null}
 */
export function deviceCards({ cards, asOf, zone, lacking, context }) {
  if (!cards.length) return null;
  const card = (one) => {
    const id = uniqueId('device');
    return h(
      'li',
      { 'data-key': one.key },
      h(
        'article',
        { class: 'card device-card', 'aria-labelledby': id },
        h(
          'div',
          { class: 'card-head' },
          h(
            'h3',
            { id },
            cards.length > 1 && !context.api.file
              ? h('a', { href: addressOf('diagnostics', { device: one.key }) }, one.name)
              : one.name,
          ),
          badge(one.kind, one.state),
        ),
        one.summary ? h('p', null, one.summary) : null,
        h(
          'dl',
          { class: 'facts' },
          one.screen ? fact(say('cards.lastScreen'), one.screen) : null,
          fact(say('cards.latestAttempt'), one.ended),
          one.code ? fact(say('cards.error'), one.code) : null,
          fact(
            say('cards.whatToDoNext'),
            one.next ?? (one.isDone ? say('common.nothing') : lacking),
            one.who.length ? h('small', null, one.who.join(', ')) : null,
          ),
          fact(say('common.user'), one.user ?? NOT_REPORTED),
          fact(say('common.serialNumber'), one.serial ?? NOT_REPORTED),
          fact(say('cards.platformAndModel'), one.about || NOT_REPORTED),
          fact(say('common.lastActivity'), one.activeAt ? dateTime(one.activeAt, zone) : NOT_REPORTED),
        ),
        h(
          'div',
          { class: 'actions no-print' },
          copyingButton({
            key: `ticket ${one.key}`,
            label: say('cards.copyForTicket'),
            about: say('cards.copyForTicketOf', { device: one.name }),
            text: () => ticketText(one, asOf, zone),
            context,
          }),
          one.attempt
            ? h(
                'a',
                {
                  href: addressOf(`attempt/${segment(one.attempt)}`),
                  'aria-label': say('cards.latestAttemptOf', { device: one.name }),
                },
                say('cards.openLatestAttempt'),
              )
            : null,
          one.isWindows
            ? h(
                'a',
                { href: deviceAddress(one.key), 'aria-label': say('common.espOf', { device: one.name }) },
                say('common.esp'),
              )
            : null,
        ),
      ),
    );
  };
  return h(
    'section',
    { 'data-key': 'devices', class: 'stack', 'aria-labelledby': 'devices-title' },
    h('h2', { id: 'devices-title' }, cards.length > 1 ? say('cards.devicesWorstFirst') : say('common.devices')),
    h('ul', { class: 'device-cards', role: 'list' }, cards.map(card)),
  );
}
