/*
 * Profiles of the Enrollment Status Page as the API has them, and changing one if it still is the version that was
 * seen.
 *
 * What must stay true: a change is sent with the ETag of the version that the person saw. The list has no ETags, so the
 * profile is read again, and its ETag serves only if version and priority are those that were shown.
 */

import { espRule } from '../kit/words.js';
import { say } from '../kit/say.js';

/** Most profiles of an organisation, the default included. */
export const MOST_PROFILES = 51;

/** Somebody else changed the profile since it was shown. */
export class ChangedMeanwhile extends Error {}

/**
 * Changes a profile if it still is what was shown.
 * @param {Source} api
 * @param {{id: string, version: number, priority: number}} shown
 * @param {string} operation that changes it
 * @param {any} [body]
 * @returns {Promise<{status: number, body: any, etag: string|null}>}
 */
export async function changeShown(api, shown, operation, body) {
  try {
    const { body: current, etag } = await api.getWithEtag('getEspProfile', { id: shown.id });
    if (current.version !== shown.version || current.priority !== shown.priority) throw new ChangedMeanwhile();
    return await api.send(operation, { id: shown.id }, body, { ifMatch: etag });
  } catch (error) {
    if (error.status === 412 || error.status === 404) throw new ChangedMeanwhile();
    throw error;
  }
}

const KINDS = {
  groupassignmenttarget: 'group',
  alldevicesassignmenttarget: 'allDevices',
  alllicensedusersassignmenttarget: 'allUsers',
};

/** What a target is: group, allDevices, allUsers. @param {Answer} target as Graph writes it @returns {string} */
export const targetKind = (target) =>
  KINDS[String(target['@odata.type']).replace('#', '').replace('microsoft.graph.', '').toLowerCase()] ?? 'group';

/** To whom a profile is assigned, in words. @param {Answer} assignment as Graph writes it @returns {string} */
export function targetWords({ target }) {
  const kind = targetKind(target);
  const whom =
    { allDevices: espRule('allDevices'), allUsers: espRule('allLicensedUsers') }[kind] ??
    target.groupName ??
    target.groupId;
  const filter = target.deviceAndAppManagementAssignmentFilterType;
  if (!filter || filter === 'none') return whom;
  const rule = target.deviceAndAppManagementAssignmentFilterRule;
  if (filter === 'include')
    return rule ? say('profiles.onlyWith', { whom, rule }) : say('profiles.onlyWithUnknown', { whom });
  return rule ? say('profiles.notWith', { whom, rule }) : say('profiles.notWithUnknown', { whom });
}
