/*
 * Views of an opened file over some days alone.
 *
 * What must stay true: medians and counts of different things can't be added up from days, so the text of the file's
 * own view runs again with a condition on the days. It is never written down a second time here. The condition's place
 * is where the view, which is over all days, says 1; a text in which it isn't found is refused.
 */

import { ApiProblem } from './api.js';

/** Where a view says “all days”, or “all attempts and all days”. */
const ALL = /\b(WHERE|AND) 1( AND 1)?(?=\s*(\)|GROUP BY))/g;

/**
 * @param {string} view its text
 * @param {string} days the condition on the days
 * @param {string} [attempts] the condition on attempts, of a view that says so
 * @returns {string}
 */
export function narrowed(view, days, attempts) {
  const places = [...view.matchAll(ALL)];
  const bothPlaces = places.filter((place) => place[2]).length;
  if (places.length !== (attempts ? 2 : 1) || bothPlaces !== (attempts ? 1 : 0)) {
    throw new ApiProblem(0, {
      title: 'The file can’t answer this',
      detail: 'One of its views is not as this page knows it.',
    });
  }
  return view.replace(ALL, (_, before, both) => `${before} ${both ? `${attempts} AND ` : ''}${days}`);
}
