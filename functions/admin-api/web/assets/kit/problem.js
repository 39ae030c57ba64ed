/*
 * What goes wrong when something is asked, of a server or of an opened file.
 *
 * What must stay true: it holds words that can be shown as they are.
 */

import { say } from './say.js';

/** What the API refused or could not do. */
export class ApiProblem extends Error {
  /**
   * @param {number} status the HTTP status; 0 when no answer came
   * @param {{title?: string, detail?: string, [member: string]: any}} members the problem document whole
   */
  constructor(status, members = {}) {
    super(members.detail ?? members.title ?? say('problem.serverAnswered', { status }));
    this.name = 'ApiProblem';
    this.status = status;
    this.title = members.title ?? (status ? say('problem.answered', { status }) : say('problem.noAnswer'));
    this.detail = members.detail ?? null;
    this.members = members;
  }
}
