/*
 * A person: one card for each device, the worst first. Also of an opened file, which has no diagnosis.
 *
 * What must stay true: the person is in the hash, so the address can be sent to a colleague and never gets into a server's
 * log. A file has pseudonyms where the organisation asks for them, and then a person is found by theirs.
 */

import { addressOf } from '../kit/address.js';
import { h, patch } from '../kit/dom.js';
import { asOf, notice, pageHead } from '../kit/parts.js';
import { cardsOfDiagnosis, cardsOfFile } from './device-cards-words.js';
import { deviceCards } from './device-cards.js';
import { attemptId } from './diagnostics-words.js';
import { say } from '../kit/say.js';

/** Most devices whose latest attempts are asked for, for what their failures mean. */
const MOST_DETAILS = 20;

/** The attempts of a file that failures of cards are of, by id. */
async function detailsOf(api, answer, signal) {
  const newest = answer.devices
    .map((device) => answer.attempts.find((one) => one.enrollmentKey === device.enrollmentKey))
    .filter((one) => one && ['failed', 'abandoned'].includes(one.outcome))
    .slice(0, MOST_DETAILS);
  const found = await Promise.all(
    newest.map(async (one) => [attemptId(one), await api.get('getAttempt', { id: attemptId(one) }, { signal })]),
  );
  return new Map(found);
}

export default {
  async show(context) {
    const { root, api, parameters, signal, tenant } = context;
    const user = parameters.get('user');
    if (!user) {
      patch(root, pageHead(say('view.person')), notice('information', say('person.searchForPerson')));
      return;
    }
    const answer = await api.get('diagnose', { user }, { signal });
    const zone = answer.timeZone ?? tenant.settings.timeZone;
    const isFile = Boolean(api.file);
    const cards = isFile ? cardsOfFile(answer, await detailsOf(api, answer, signal)) : cardsOfDiagnosis(answer);
    if (signal.aborted) return;
    const all = isFile ? { user, os: 'all' } : { user };
    patch(
      root,
      pageHead(say('person.devicesOf', { user }), asOf(answer.asOf, zone, answer)),
      h(
        'p',
        { 'data-key': 'links' },
        cards.length ? say('person.devices', { n: cards.length }) : say('person.nothingReported'),
        ' ',
        h(
          'a',
          { href: addressOf(isFile ? 'attempts' : 'diagnostics', all) },
          isFile ? say('person.allAttempts') : say('person.wholeDiagnosis'),
        ),
      ),
      deviceCards({
        cards,
        asOf: answer.asOf,
        zone,
        lacking: isFile ? say('person.noAdvice') : say('common.nothing'),
        context,
      }),
    );
  },
};
