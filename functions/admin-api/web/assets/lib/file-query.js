/*
 * What is asked of an opened file: parameters read and checked as the server does.
 *
 * What must stay true: an unknown or misspelt parameter is refused with the server's words, since a filter that is
 * ignored gives a wrong number. Without days asked for they end at the file's own day, not today.
 */

import { ApiProblem } from './api.js';

const DAY_MS = 86_400_000;
/** Days that a report shows unless asked otherwise. */
const DEFAULT_DAYS = 14;
const DEFAULT_LIMIT = 50;
const MOST = 1_000;
const MAX_DAYS = 1_000;

const malformed = (detail, errors) =>
  new ApiProblem(400, {
    title: 'The request is malformed',
    status: 400,
    detail,
    ...(errors ? { errors } : {}),
  });

/** The problem of one parameter. @param {string} field @param {string} problem */
export const invalid = (field, problem) => malformed(`${field}: ${problem}`, [{ field, problem }]);

/** What an opened file doesn't have. @param {string} detail @param {string} [title] */
export const notInFile = (detail, title = 'Not in a file') => new ApiProblem(404, { title, status: 404, detail });

/** Parameters that were read. */
export class Query {
  /**
   * @param {Object<string, any>|URLSearchParams|null|undefined} parameters null and '' are as good as not given
   * @param {string[]} known
   */
  constructor(parameters, known) {
    this.values = new Map();
    const pairs = parameters instanceof URLSearchParams ? parameters : Object.entries(parameters ?? {});
    for (const [name, value] of pairs) {
      if (value === null || value === undefined || value === '') continue;
      if (!known.includes(name)) throw malformed(`Query parameters known here: ${known.join(', ') || 'none'}.`);
      if (this.values.has(name)) throw invalid(name, 'is given twice');
      this.values.set(name, String(value));
    }
  }

  /** @param {string} name @returns {string|null} */
  text(name) {
    return this.values.get(name)?.trim() || null;
  }

  /**
   * @template T
   * @param {string} name
   * @param {string} problem said when it can't be read
   * @param {(text: string) => (T|null|undefined)} read
   * @returns {T|null}
   */
  parse(name, problem, read) {
    const text = this.text(name);
    if (text === null) return null;
    const value = read(text);
    if (value === null || value === undefined) throw invalid(name, problem);
    return value;
  }

  /** The first day and the day after the last, as numbers of days; null where not given. */
  range() {
    const day = (name) => this.parse(name, 'must be a date like 2026-01-31', readDay);
    return { from: day('from'), to: day('to') };
  }

  /** The same, with open ends as the server has them on the file's day. @param {number} today */
  rangeOrRecent(today) {
    const asked = this.range();
    const to = asked.to ?? today + 1;
    return checked({ from: asked.from ?? to - DEFAULT_DAYS, to });
  }

  /** @param {number} [most] rows there are at most */
  limit(most = MOST) {
    const read = (text) => (/^\+?\d+$/.test(text) && Number(text) >= 1 && Number(text) <= MOST ? Number(text) : null);
    return Math.min(this.parse('limit', `must be between 1 and ${MOST}`, read) ?? DEFAULT_LIMIT, most);
  }

  /** Where a page ended. @returns {{asOf: bigint, major: bigint, minor: bigint}|null} */
  cursor() {
    return this.parse('cursor', 'is not one that a page ended with', (text) => {
      const parts = text
        .split('-')
        .map((part) => (/^\+?[0-9a-f]{1,16}$/i.test(part) ? BigInt(`0x${part.replace('+', '')}`) : null));
      if (parts.length !== 3 || parts.some((part) => part === null || part >= 1n << 63n)) return null;
      return { asOf: parts[0], major: parts[1], minor: parts[2] };
    });
  }

  /**
   * One of a closed list of the file, without regard to case.
   * @param {string} name of the parameter
   * @param {string} problem
   * @param {{id: number, name: string}[]} list
   */
  choice(name, problem, list) {
    return this.parse(name, problem, (text) => list.find((one) => one.name.toLowerCase() === text.toLowerCase()));
  }

  /** @param {string} name @param {object[]} platforms */
  platform(name, platforms) {
    return this.choice(name, 'must be one of windows, macos, ios, android', platforms);
  }

  /** @param {object[]} sections */
  section(sections) {
    return this.choice('section', `must be one of ${sections.map((one) => one.name).join(', ')}`, sections);
  }
}

/** @param {string} text @returns {number|null} the number of the day, 1 January 1970 being 0 */
function readDay(text) {
  const [, year, month, date] = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text)?.map(Number) ?? [];
  const at = new Date(Date.UTC(year, month - 1, date));
  return at.getUTCMonth() === month - 1 && at.getUTCDate() === date ? at.getTime() / DAY_MS : null;
}

/** @param {number} day @returns {string} as `2026-01-31` */
export const writeDay = (day) => new Date(day * DAY_MS).toISOString().slice(0, 10);

/** Refuses ranges that are empty or absurd; open ones are none. @param {{from: number|null, to: number|null}} range */
export function checked(range) {
  const { from, to } = range;
  if (from === null || to === null) return range;
  if (to <= from) throw invalid('to', 'must be later than from');
  if (to - from > MAX_DAYS) throw invalid('from', `the range must have at most ${MAX_DAYS} days`);
  return range;
}

/**
 * Where the next page begins, as the server writes it.
 * @param {bigint|number} asOf milliseconds
 * @param {bigint|number} major
 * @param {bigint|number} minor
 * @returns {string}
 */
export const writeCursor = (asOf, major, minor) =>
  [asOf, major, minor].map((part) => BigInt(part).toString(16)).join('-');

/** @param {bigint} milliseconds @returns {string} */
export function writeInstant(milliseconds) {
  const at = new Date(Number(milliseconds));
  return Number.isNaN(at.getTime()) ? new Date(0).toISOString() : at.toISOString();
}

/** 1 January 2015, where the numbers of attempts begin; they hold the second of the start above the lower half. */
const EPOCH_SECONDS = 1_420_070_400;
const MARGIN_DAYS = 3;

/**
 * The numbers that attempts of these days lie within. They only bound what is looked at; the days decide. So the margin
 * need not know the zone: no zone is three days from UTC.
 * @param {{from: number|null, to: number|null}} range
 * @returns {{first: bigint|null, last: bigint|null}}
 */
export function attemptNumbers({ from, to }) {
  const number = (day) => BigInt(Math.min(Math.max(day * 86_400 - EPOCH_SECONDS, 0), 2 ** 31 - 1)) << 32n;
  return {
    first: from === null ? null : number(from - MARGIN_DAYS),
    last: to === null ? null : number(to + MARGIN_DAYS),
  };
}
