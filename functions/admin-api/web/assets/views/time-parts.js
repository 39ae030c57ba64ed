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

/**
 * When an item was under way, as parts of the session's time; null where its begin was not reported.
 * @param {Answer} session
 * @param {Answer} one
 * @returns {{from: number, to: number, isOpen: boolean}|null}
 */
export function spanOf(session, one) {
  const begin = Date.parse(session.startedAt);
  const last = session.endedAt ?? session.lastEventAt;
  const whole = Date.parse(session.timedOut && session.deadline > last ? session.deadline : last) - begin;
  if (!one.beganAt || !(whole > 0)) return null;
  const part = (at) => Math.max(0, Math.min(1, (Date.parse(at) - begin) / whole));
  return { from: part(one.beganAt), to: part(one.settledAt ?? last), isOpen: !one.settledAt };
}
