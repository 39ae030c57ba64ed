/*
 * Diagnostics: for a person's address or a device's name, shows the state, the usual cause, and what to do.
 *
 * What must stay true: findings and devices have the server's order, the worst first; every statement is the server's;
 * a name that several devices have gives a list of links, without a verdict. The subject is in the hash, so the address
 * can be sent to a colleague and never gets into a server's log. The view changes nothing.
 */

import { h, patch, uniqueId } from '../kit/dom.js';
import { dateTime, seconds } from '../kit/format.js';
import { adviceList, asOf, badge, notice, outcomeBadge, pageHead } from '../kit/parts.js';
import { addressOf, segment } from '../kit/address.js';
import { dataTable } from '../kit/table.js';
import * as words from '../kit/words.js';
import { cardsOfDiagnosis, kindOf } from './device-cards-words.js';
import { deviceCards } from './device-cards.js';
import { copyText } from './diagnostics-text.js';
import {
  attemptId,
  codes,
  deviceName,
  everWorkedWords,
  findingDevice,
  findingsWords,
  othersWords,
  platformWords,
  subjectOf,
} from './diagnostics-words.js';
import { deviceAddress, sessionAddress } from './esp-parts.js';
import { say, sayNodes } from '../kit/say.js';

const SEVERITY_KINDS = { problem: 'bad', warning: 'warn', information: 'quiet' };

function form(context, asked) {
  const ids = { input: uniqueId('subject'), help: uniqueId('help'), error: uniqueId('error') };
  return h(
    'form',
    {
      class: 'diagnose',
      role: 'search',
      'data-key': 'form',
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        const input = event.currentTarget.elements.subject;
        const text = input.value.trim();
        const error = event.currentTarget.querySelector('.field-error');
        error.textContent = text ? '' : say('diagnostics.inputMissing');
        if (text) context.navigate('diagnostics', subjectOf(text));
        else input.focus();
      },
    },
    h('label', { for: ids.input }, say('diagnostics.inputLabel')),
    h('input', {
      id: ids.input,
      name: 'subject',
      type: 'text',
      value: asked ?? '',
      autocomplete: 'off',
      autocapitalize: 'none',
      spellcheck: 'false',
      'aria-describedby': `${ids.help} ${ids.error}`,
    }),
    h('button', { type: 'submit', class: 'primary' }, say('diagnostics.diagnose')),
    h('small', { id: ids.help }, say('diagnostics.inputHelp')),
    h('p', { class: 'field-error', id: ids.error, role: 'alert' }),
  );
}

function verdict(answer, subject, context) {
  return h(
    'section',
    { class: `card verdict ${kindOf(answer.verdict)}`, 'data-key': 'verdict' },
    h('h2', null, words.verdict(answer.verdict)),
    h('p', null, answer.summary),
    answer.choices.length ? null : h('p', { class: 'quiet' }, everWorkedWords(answer)),
    h('div', { class: 'actions no-print' }, copyText(answer, subject, context)),
  );
}

const block = (title, content) => (content ? h('div', null, h('h4', null, title), content) : null);

const list = (tag, items) =>
  items.length
    ? h(
        tag,
        null,
        items.map((one) => h('li', null, one)),
      )
    : null;

function finding(one, answer) {
  const zone = answer.timeZone;
  const device = findingDevice(one, answer);
  const id = uniqueId('finding');
  // The first one's cause and steps are already shown.
  const otherMeanings = one.advice.slice(1);
  return h(
    'li',
    { 'data-key': `${one.id} ${one.rank}` },
    h(
      'article',
      { class: 'card finding', 'aria-labelledby': id },
      h(
        'div',
        { class: 'card-head' },
        h('h3', { id }, `${one.rank}. ${one.title}`),
        badge(SEVERITY_KINDS[one.severity] ?? 'quiet', words.severity(one.severity)),
      ),
      device ? h('p', { class: 'quiet' }, sayNodes('common.deviceNamed', { device: deviceLink(one) })) : null,
      h(
        'div',
        { class: 'finding-parts' },
        h(
          'div',
          null,
          block(say('diagnostics.evidence'), list('ul', one.evidence)),
          one.sessionId
            ? h('p', null, h('a', { href: sessionAddress(one.sessionId) }, say('diagnostics.theSession')))
            : null,
          block(say('diagnostics.likelyCause'), one.cause ? h('p', null, one.cause) : null),
          one.others || one.severity !== 'information'
            ? block(say('diagnostics.others'), h('p', null, othersWords(one.others, zone)))
            : null,
        ),
        h(
          'div',
          null,
          block(say('common.whatToDo'), list('ol', one.steps)),
          one.who.length ? block(say('diagnostics.whoCanDo'), h('p', null, one.who.map(words.who).join(', '))) : null,
        ),
      ),
      otherMeanings.length
        ? h(
            'details',
            null,
            h('summary', null, say('diagnostics.otherMeanings', { n: otherMeanings.length })),
            adviceList(otherMeanings),
          )
        : null,
    ),
  );
}

function findings(answer) {
  return h(
    'section',
    { 'data-key': 'findings', 'aria-labelledby': 'findings', class: 'stack' },
    h('h2', { id: 'findings' }, say('diagnostics.whatWeFound')),
    answer.findings.length
      ? h(
          'ol',
          { class: 'findings', role: 'list' },
          answer.findings.map((one) => finding(one, answer)),
        )
      : h('p', { class: 'quiet' }, say('diagnostics.foundNothing')),
  );
}

/** A link to the diagnosis of the device alone. */
const deviceLink = (one) => h('a', { href: addressOf('diagnostics', { device: one.enrollmentKey }) }, deviceName(one));

/** What devices differ by. */
const apart = (zone, deviceColumn) => [
  deviceColumn,
  { key: 'serialNumber', label: say('common.serialNumber') },
  {
    key: 'platform',
    label: say('common.platform'),
    render: (one) =>
      one.platform === 'windows'
        ? h(
            'a',
            { href: deviceAddress(one.enrollmentKey) },
            platformWords(one),
            h('span', { class: 'visually-hidden' }, ': ', say('common.espOf', { device: deviceName(one) })),
          )
        : platformWords(one),
  },
  { key: 'model', label: say('common.model'), class: 'wrap' },
  { key: 'userPrincipalName', label: say('common.user'), class: 'wrap' },
  {
    key: 'enrolled',
    label: say('diagnostics.enrolled'),
    render: (one) => (one.enrolled ? say('diagnostics.yes') : say('diagnostics.no')),
  },
  {
    key: 'compliant',
    label: say('diagnostics.compliant'),
    render: (one) => (one.compliant ? say('diagnostics.yes') : say('diagnostics.no')),
  },
  {
    key: 'lastActivityAt',
    label: say('common.lastActivity'),
    class: 'nowrap',
    render: (one) => dateTime(one.lastActivityAt, zone),
  },
];

/** Devices with the same name: links to the diagnosis of each. */
function choices(answer) {
  if (!answer.choices.length) return null;
  return h(
    'section',
    { class: 'card', 'data-key': 'choices' },
    h('h2', null, say('diagnostics.devicesOfName')),
    dataTable({
      caption: say('diagnostics.devicesToChoose'),
      hideCaption: true,
      columns: apart(answer.timeZone, { key: 'device', label: say('common.device'), render: deviceLink }),
      rows: answer.choices,
      key: (one) => one.enrollmentKey,
    }),
  );
}

function attempts(answer) {
  const zone = answer.timeZone;
  return h(
    'section',
    { class: 'card', 'data-key': 'attempts' },
    h('h2', null, say('view.attempts')),
    dataTable({
      caption: answer.attempts.length >= 50 ? say('diagnostics.newestAttempts') : say('diagnostics.allAttempts'),
      columns: [
        {
          key: 'startedAt',
          label: say('common.started'),
          class: 'nowrap',
          render: (one) =>
            h('a', { href: addressOf(`attempt/${segment(attemptId(one))}`) }, dateTime(one.startedAt, zone)),
        },
        { key: 'outcome', label: say('common.outcome'), render: (one) => outcomeBadge(one.outcome) },
        {
          key: 'cause',
          label: say('common.cause'),
          class: 'wrap',
          render: (one) => (one.cause ? words.cause(one.cause) : codes(one)),
        },
        {
          key: 'action',
          label: say('common.where'),
          class: 'wrap',
          render: (one) => (one.action ? [words.action(one.action), h('small', null, words.screen(one.screen))] : null),
        },
        { key: 'deviceName', label: say('common.device'), render: deviceName },
        { key: 'platform', label: say('common.platform'), render: platformWords },
        {
          key: 'durationSeconds',
          label: say('common.took'),
          numeric: true,
          render: (one) => seconds(one.durationSeconds),
        },
      ],
      rows: answer.attempts,
      empty: say('diagnostics.noAttempt'),
      key: attemptId,
    }),
  );
}

function collect(answer) {
  if (!answer.collect.length) return null;
  return h(
    'section',
    { class: 'card', 'data-key': 'collect' },
    h('h2', null, say('diagnostics.whatElse')),
    h(
      'ul',
      null,
      answer.collect.map((one) =>
        h(
          'li',
          null,
          h('strong', null, one.what),
          one.platform ? ` (${words.platform(one.platform)})` : null,
          '. ',
          one.how,
        ),
      ),
    ),
  );
}

export default {
  async show(context) {
    const { root, api, signal, parameters, announce } = context;
    const asked = { user: parameters.get('user'), device: parameters.get('device') };
    const subject = asked.user || asked.device;
    const draw = (note, ...content) =>
      patch(root, pageHead(say('view.diagnostics'), note), form(context, subject), content);
    if (!subject) {
      draw(say('diagnostics.about'));
      return;
    }
    draw(say('diagnostics.lookingAt', { subject }));
    let answer;
    try {
      answer = await api.get('diagnose', asked, { signal });
    } catch (error) {
      if (error.status === 404) {
        draw(null, notice('information', say('diagnostics.notOffered')));
        return;
      }
      if (error.status === 400) {
        draw(null, notice('problem', error.detail ?? error.title));
        return;
      }
      throw error;
    }
    if (answer.choices.length) {
      draw(asOf(answer.asOf, answer.timeZone, answer), verdict(answer, subject, context), choices(answer));
      announce(`${words.verdict(answer.verdict)} ${answer.summary}`);
      return;
    }
    const several = answer.devices.length > 1;
    const cards = deviceCards({
      cards: cardsOfDiagnosis(answer),
      asOf: answer.asOf,
      zone: answer.timeZone,
      lacking: say('common.nothing'),
      context,
    });
    draw(
      asOf(answer.asOf, answer.timeZone, answer),
      verdict(answer, subject, context),
      // Of several devices people look for theirs first.
      several ? cards : null,
      findings(answer),
      several ? null : cards,
      attempts(answer),
      collect(answer),
    );
    announce(`${words.verdict(answer.verdict)}. ${answer.summary} ${findingsWords(answer.findings.length)}.`);
  },
};
