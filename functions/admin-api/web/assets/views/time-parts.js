/*
 * Times of enrollments as parts: when an item was under way, and how long a device has left.
 *
 * What must stay true: nothing is made of a time that was not reported. It uses no element, so its tests need no page.
 */

/**
 * The devices with their minutes left, those with the fewest first; those without a limit last.
 * @param {Answer[]} active
 * @param {string} asOf
 */
export function byNearness(active, asOf) {
  const left = (one) => (one.deadline ? (Date.parse(one.deadline) - Date.parse(asOf)) / 60_000 : null);
  return active
    .map((one) => ({ ...one, left: left(one) }))
    .sort(
      (one, other) => (one.left ?? Infinity) - (other.left ?? Infinity) || (one.startedAt < other.startedAt ? -1 : 1),
    );
}

/** Milliseconds of the session's time: until its limit if it is past that. @param {Answer} session @returns {number} */
function wholeOf(session) {
  const last = session.endedAt ?? session.lastEventAt;
  return (
    Date.parse(session.timedOut && session.deadline > last ? session.deadline : last) - Date.parse(session.startedAt)
  );
}

/**
 * How far a phase or an item usually goes from its start, as parts of the session's time; null where that is unknown.
 * @param {Answer} session
 * @param {string|null} startedAt
 * @param {number|null|undefined} usual minutes that it usually takes
 * @returns {{from: number, to: number}|null}
 */
export function usualSpan(session, startedAt, usual) {
  const whole = wholeOf(session);
  if (!startedAt || usual === null || usual === undefined || !(whole > 0)) return null;
  const from = Math.max(0, Math.min(1, (Date.parse(startedAt) - Date.parse(session.startedAt)) / whole));
  return { from, to: Math.min(1, from + (usual * 60_000) / whole) };
}

/**
 * When an item was under way, as parts of the session's time; null where its begin was not reported.
 * @param {Answer} session
 * @param {Answer} one
 * @returns {{from: number, to: number, isOpen: boolean}|null}
 */
export function spanOf(session, one) {
  const begin = Date.parse(session.startedAt);
  const last = session.endedAt ?? session.lastEventAt;
  const whole = wholeOf(session);
  if (!one.beganAt || !(whole > 0)) return null;
  const part = (at) => Math.max(0, Math.min(1, (Date.parse(at) - begin) / whole));
  return { from: part(one.beganAt), to: part(one.settledAt ?? last), isOpen: !one.settledAt };
}
