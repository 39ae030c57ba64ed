/*
 * Loads the modules of views.
 *
 * What must stay true: a view that could not be loaded once can be loaded later. A browser keeps a failed import until
 * the page is reloaded, so the module is imported again under another address.
 */

import { ApiProblem } from '../kit/problem.js';

/** Makes each further address of a module another one. */
let tries = 0;

/** Whether the server serves the module, which an import does not say. */
const isThere = (address) =>
  fetch(address, { cache: 'no-store', credentials: 'omit' }).then(
    (response) => response.ok,
    () => false,
  );

/**
 * @param {{path: string, folder?: string, load: () => Promise<any>}} view `load` imports the module named like the
 *   path, in that folder or in that of the views
 * @returns {Promise<any>} its module
 */
export async function loadView(view) {
  try {
    return await view.load();
  } catch (error) {
    // A module that is there and broken is a fault, not a failed connection.
    if (error instanceof SyntaxError) throw error;
    const { href } = new URL(`${view.folder ?? '../views'}/${view.path}.js`, import.meta.url);
    if (!(await isThere(href))) {
      throw new ApiProblem(0, {
        title: 'The server can’t be reached',
        detail: 'This view could not be loaded. Check the connection and try again.',
      });
    }
    tries += 1;
    try {
      return await import(`${href}?again=${tries}`);
    } catch {
      // A module that this one imports failed as well, and the browser keeps that too.
      throw new ApiProblem(0, {
        title: 'This view could not be loaded',
        detail: 'The page must be loaded again to show it. You stay signed in; an opened file must be opened again.',
        reload: true,
      });
    }
  }
}
