/*
 * The newest file's numbers while the server's own answer takes its time.
 *
 * A server without recent requests fetches the file first, which takes seconds for a large organisation. The file's
 * summary is small, and answers the same question by the same views.
 * What must stay true: the server's answer replaces the summary's, and a missing summary is not an error.
 */

import { FileApi } from './api.js';

/** Milliseconds after which a server counts as slow. */
const PATIENCE = 2_500;

/** Only done once a visit: after its first answer the server is quick. */
let isTried = false;

async function fromSummary(api, operation, parameters, { signal, onPart }) {
  const { files } = await api.get('listFiles', null, { signal });
  const newest = files.find((file) => file.summary);
  if (!newest) return;
  const { url, fileName } = await api.get('getFileLink', { id: newest.id, part: 'summary' }, { signal });
  const source = { url, name: fileName, sizeBytes: newest.summary.sizeBytes };
  const summary = await FileApi.open(source, { signal });
  const answer = await summary.get(operation, parameters, { signal });
  summary.close();
  if (!signal.aborted) onPart(answer);
}

/**
 * Like `api.get`, but calls `onPart` with the newest summary's answer first if the server is slow.
 * @param {Source} api
 * @param {string} operation
 * @param {Object<string, any>} parameters
 * @param {{signal: AbortSignal, onPart: (part: any) => void, range: {from: string, to: string}}} options `range` are the
 *   days that are meant: those that a summary takes for the newest are its own
 * @returns {Promise<any>}
 */
export async function summaryFirst(api, operation, parameters, { signal, onPart, range }) {
  const answered = new AbortController();
  let timer;
  if (!isTried && !api.file) {
    isTried = true;
    const options = { signal: AbortSignal.any([signal, answered.signal]), onPart };
    const asked = { ...parameters, ...range };
    timer = setTimeout(() => fromSummary(api, operation, asked, options).catch(() => {}), PATIENCE);
  }
  try {
    return await api.get(operation, parameters, { signal, onPart });
  } finally {
    clearTimeout(timer);
    answered.abort();
  }
}
