/*
 * What a searched text leads to: people, devices, apps, error codes, steps and views.
 *
 * What must stay true: it suggests and decides nothing. It uses no element, so its tests need no page.
 */

import { addressOf, segment } from '../kit/address.js';
import * as words from '../kit/words.js';
import { say } from '../kit/say.js';

/**
 * What the text leads to, in groups.
 * @param {string} text
 * @param {any} found as `GET /api/search` answers; null before it has
 * @param {boolean} isFile whether an opened file is looked at
 * @param {{path: string, title: string, nav?: boolean, needsServer?: boolean}[]} views
 */
export function suggestions(text, found, isFile, views) {
  const wanted = text.trim().toLowerCase();
  const device = (key) =>
    isFile ? addressOf('attempts', { enrollmentKey: key, os: 'all' }) : addressOf('diagnostics', { device: key });
  const person = (name) => addressOf(isFile ? 'person' : 'diagnostics', { user: name });
  const groups = [
    {
      title: say('common.people'),
      entries: (found?.people ?? []).map((one) => ({
        label: one.userPrincipalName,
        note: say('count.devices', { n: one.devices }),
        href: person(one.userPrincipalName),
      })),
    },
    {
      title: say('common.devices'),
      entries: (found?.devices ?? []).map((one) => ({
        label: one.deviceName ?? one.serialNumber ?? one.enrollmentKey,
        note: [
          one.deviceName ? one.serialNumber : null,
          one.platform && words.platform(one.platform),
          one.userPrincipalName,
          one.state && words.deviceState(one.state),
        ]
          .filter(Boolean)
          .join(' · '),
        href: device(one.enrollmentKey),
      })),
    },
    {
      title: say('view.apps'),
      entries: (found?.apps ?? []).map((one) => ({
        label: one.app,
        note: say('search.appNote'),
        href: addressOf(`app/${segment(one.app)}`),
      })),
    },
    {
      title: say('search.errorCodes'),
      entries: (found?.codes ?? []).map((one) => ({
        label: one.code,
        note: say('count.failures', { n: one.failures }),
        href: addressOf('attempts', { failureCode: one.code, os: 'all' }),
      })),
    },
    {
      title: say('search.steps'),
      entries: (found?.steps ?? []).map((one) => ({
        label: one.title,
        note: say('search.stepNote'),
        href: addressOf('attempts', { action: one.action, outcome: 'abandoned' }),
      })),
    },
    {
      title: say('common.views'),
      entries: views
        .filter(
          (view) => view.nav && !(isFile && view.needsServer) && wanted && view.title.toLowerCase().includes(wanted),
        )
        .map((view) => ({ label: view.title, note: null, href: addressOf(view.path) })),
    },
  ];
  return groups.filter((group) => group.entries.length);
}
