/*
 * Numbers, dates and spans as people read them.
 *
 * What must stay true: what is not known (null, undefined, NaN) is an em dash, or "not reported" where something happened
 * and no sender reported what the number stands on; never a zero. Days and instants are
 * shown in the tenant's time zone, which the page names; the browser's own zone plays no part.
 */

import { LOCALE, numbers, say } from './say.js';

export const NONE = say('format.notKnown');
export const NOT_REPORTED = say('format.notReported');
const percent = new Intl.NumberFormat(LOCALE, { style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const one = numbers;
const dayForm = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const shortDayForm = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', timeZone: 'UTC' });
const weekdayForm = new Intl.DateTimeFormat(LOCALE, {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});

/** @param {unknown} value @returns {value is null|undefined} */
const unknown = (value) => value === null || value === undefined || Number.isNaN(value);

const zoned = new Map();
function inZone(zone, withSeconds) {
  const key = `${zone} ${withSeconds}`;
  if (!zoned.has(key)) {
    /** @type {Intl.DateTimeFormatOptions} */
    const form = {
      day: 'numeric',
      month: 'short',
      year: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    };
    if (withSeconds) form.second = '2-digit';
    let made;
    try {
      made = new Intl.DateTimeFormat(LOCALE, { ...form, timeZone: zone });
    } catch {
      // A zone that this browser doesn't know yet.
      made = new Intl.DateTimeFormat(LOCALE, { ...form, timeZone: 'UTC', timeZoneName: 'short' });
    }
    zoned.set(key, made);
  }
  return zoned.get(key);
}

/**
 * A number, or "not reported" if it is null. If there is nothing that it could be of, it is unknown.
 * @param {number|null} value
 * @param {(value: number|null) => string} format
 * @param {number} [of] how many there are that it is of
 * @returns {string}
 */
export const orNotReported = (value, format, of = 1) => (unknown(value) && of > 0 ? NOT_REPORTED : format(value));

/** @param {number|null} n @returns {string} 1,094 */
export const count = (n) => (unknown(n) ? NONE : whole.format(n));

/** @param {number|null} fraction @returns {string} 23.4% */
export const rate = (fraction) => (unknown(fraction) ? NONE : percent.format(fraction));

/** @param {number|null} fraction @param {number|null} n @returns {string} 23.4% (n = 1,094) */
export const rateWithN = (fraction, n) => say('format.rateWithN', { rate: rate(fraction), of: count(n) });

/** @param {number|null} value @returns {string} with at most one decimal */
export const decimal = (value) => (unknown(value) ? NONE : one.format(value));

/** @param {number|null} m minutes @returns {string} 36 min, 1 h 12 min */
export function minutes(m) {
  if (unknown(m)) return NONE;
  if (m > 0 && m < 1) return say('format.seconds', { seconds: Math.max(1, Math.round(m * 60)) });
  if (m < 10) return say('format.minutes', { minutes: one.format(m) });
  const rounded = Math.round(m);
  if (rounded < 60) return say('format.minutes', { minutes: rounded });
  if (rounded < 2880) {
    const [hours, rest] = [Math.floor(rounded / 60), rounded % 60];
    return rest ? say('format.hoursAndMinutes', { hours, minutes: rest }) : say('format.hours', { hours });
  }
  return say('format.days', { days: one.format(rounded / 1440) });
}

/** @param {number|null} s seconds @returns {string} 53 s, 1 min 28 s, then as `minutes` */
export function seconds(s) {
  if (unknown(s)) return NONE;
  const rounded = Math.round(s);
  if (rounded < 60) return say('format.seconds', { seconds: rounded });
  if (rounded < 600 && rounded % 60)
    return say('format.minutesAndSeconds', {
      minutes: Math.floor(rounded / 60),
      seconds: rounded % 60,
    });
  return minutes(rounded / 60);
}

/** @param {string|null} iso an instant @param {string} [zone] IANA name @returns {string} 21 Nov 2026, 10:03 */
export function dateTime(iso, zone = 'UTC') {
  const at = new Date(iso ?? NaN);
  return Number.isNaN(at.getTime()) ? NONE : inZone(zone, false).format(at);
}

/** @param {string|null} iso @param {string} [zone] @returns {string} with seconds */
export function dateTimeSeconds(iso, zone = 'UTC') {
  const at = new Date(iso ?? NaN);
  return Number.isNaN(at.getTime()) ? NONE : inZone(zone, true).format(at);
}

function date(iso, form) {
  const at = new Date(`${String(iso ?? '').slice(0, 10)}T00:00:00Z`);
  return Number.isNaN(at.getTime()) ? NONE : form.format(at);
}

/** @param {string|null} iso a date @returns {string} 21 Nov 2026 */
export const day = (iso) => date(iso, dayForm);

/** @param {string|null} iso a date @returns {string} 21 Nov */
export const shortDay = (iso) => date(iso, shortDayForm);

/** @param {string|null} iso a date @returns {string} Sat, 21 Nov 2026 */
export const weekday = (iso) => date(iso, weekdayForm);

/** @param {string} iso a date @param {number} days @returns {string} the date that many days later */
export function addDays(iso, days) {
  const at = new Date(`${iso}T00:00:00Z`);
  at.setUTCDate(at.getUTCDate() + days);
  return at.toISOString().slice(0, 10);
}

/** @param {string} from @param {string} to @returns {number} days from one date to the other */
export const daysBetween = (from, to) =>
  Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 864e5);

/** @param {string} iso an instant @param {string} zone @returns {string} its date there, as 2026-11-21 */
export function dateIn(iso, zone = 'UTC') {
  try {
    return new Intl.DateTimeFormat('sv-SE', { timeZone: zone }).format(new Date(iso));
  } catch {
    return new Date(iso).toISOString().slice(0, 10);
  }
}

/** @param {number|null} secondsAgo @returns {string} 2 h ago */
export function ago(secondsAgo) {
  if (unknown(secondsAgo)) return NONE;
  if (secondsAgo < 60) return say('format.justNow');
  if (secondsAgo < 3600) return say('format.minutesAgo', { minutes: Math.floor(secondsAgo / 60) });
  if (secondsAgo < 86_400) return say('format.hoursAgo', { hours: Math.floor(secondsAgo / 3600) });
  return say('format.daysAgo', { n: Math.floor(secondsAgo / 86_400) });
}

/** @param {number|null} n @returns {string} 4.8 MB */
export function bytes(n) {
  if (unknown(n)) return NONE;
  if (n < 1e3) return say('format.bytes', { size: n });
  if (n < 1e6) return say('format.kilobytes', { size: one.format(n / 1e3) });
  if (n < 1e9) return say('format.megabytes', { size: one.format(n / 1e6) });
  return say('format.gigabytes', { size: one.format(n / 1e9) });
}
