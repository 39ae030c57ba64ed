/*
 * The coverage of a view's numbers, in one line: which senders do not report everything, and for how many enrollments.
 * Below it, folded away, each sender with what it reports.
 *
 * What must stay true: the words are the file's own (the question `coverage`). Without gaps the line is quiet.
 * Without an answer the view is shown without the line.
 */

import { h } from './dom.js';
import { count } from './format.js';
import { dataTable } from './table.js';
import { report } from './words.js';
import { say } from './say.js';

/** What each product can report, and the settings that have it report more. */
const SOURCES = 'https://github.com/vestibule/vestibule/blob/main/docs/SOURCES.md';

const REPORTS = ['starts', 'steps', 'stops', 'failures', 'ends', 'compliance'];

/**
 * @param {{from?: string|null, to?: string|null, os?: string|null, model?: string|null, osVersion?: string|null,
 *   enrollmentType?: string|null, source?: string|null, tag?: string|null, without?: string|null}} asked
 * @param {{api: Source, signal: AbortSignal}} options
 * @returns {Promise<Answer|null>} what those numbers stand on, where it can be had
 */
export const askCoverage = (asked, { api, signal }) => {
  const { from, to, os, model, osVersion, enrollmentType, source, tag, without } = asked;
  const all = { from, to, os, model, osVersion, enrollmentType, source, tag, without };
  return api.get('getCoverage', all, { signal }).catch((error) => {
    if (error.name === 'AbortError' || error.status === 401) throw error;
    return null;
  });
};

const isLacking = (sender) => sender.lacking > 0;

/**
 * Senders, and what each reports.
 * @param {Answer[]} senders of an attempt, or of a coverage, which says more
 * @returns {HTMLElement}
 */
export function senderTable(senders) {
  const ofCoverage = senders.some((one) => 'lacking' in one);
  /** @type {(import('./table.js').Column|false)[]} */
  const columns = [
    {
      key: 'source',
      label: say('common.sender'),
      class: 'wrap',
      render: (one) => one.source ?? say('coverage.senderWithoutName'),
    },
    ofCoverage && {
      key: 'attempts',
      label: say('coverage.enrollments'),
      numeric: true,
      render: (one) => count(one.attempts),
    },
    ...REPORTS.map((key) => ({
      key,
      label: report(key),
      render: (one) => (one[key] ? say('common.yes') : say('common.no')),
    })),
    {
      key: 'deviceTime',
      label: say('coverage.clock'),
      render: (one) => (one.deviceTime ? say('coverage.deviceClock') : say('coverage.serverClock')),
    },
    ofCoverage && {
      key: 'lacks',
      label: say('coverage.missing'),
      class: 'wrap',
      render: (one) => (isLacking(one) ? one.lacks : say('coverage.nothing')),
    },
  ];
  return dataTable({
    caption: say('coverage.senders'),
    hideCaption: true,
    columns: columns.filter((column) => column !== false),
    rows: senders,
    key: (one, index) => `${one.source} ${index}`,
  });
}

/**
 * @param {Answer|null} coverage as the API answers; null where it doesn't
 * @param {boolean} [isOfMore] whether the view shows only a part of what the coverage is of
 * @returns {HTMLElement|null}
 */
export function coverageLine(coverage, isOfMore = false) {
  if (coverage?.slice && coverage.initiated) {
    const shown = {
      n: coverage.initiated,
      measured: count(coverage.measured),
      withSteps: count(coverage.withSteps),
    };
    return h(
      'p',
      { class: 'quiet', 'data-key': 'coverage' },
      isOfMore ? say('coverage.ofMore', shown) : say('coverage.ofThese', shown),
    );
  }
  if (!coverage?.sentence) return null;
  return h(
    'details',
    { class: coverage.sources.some(isLacking) ? 'coverage lacking' : 'coverage', 'data-key': 'coverage' },
    h('summary', null, isOfMore ? [say('coverage.listedOrNot'), ' '] : null, coverage.sentence),
    h(
      'div',
      { class: 'stack' },
      h(
        'p',
        { class: 'quiet' },
        say('coverage.isUnknown'),
        ' ',
        h('a', { href: SOURCES, rel: 'noreferrer' }, say('coverage.whatProductsReport')),
      ),
      senderTable(coverage.sources),
    ),
  );
}
