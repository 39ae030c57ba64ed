/*
 * The newest file's numbers while the server's own answer takes its time.
 *
 * A server that nobody asked for a while fetches the file first, which takes seconds where an organisation is large. The
 * file's summary is small, and answers the same question by the same views.
 * What must stay true: the server's answer has the last word, and a summary that can't be had is no problem.
 */

/** Milliseconds after which a server counts as slow. */
const PATIENCE = 2_500;

/** Once a visit: a server that has answered is quick from then on. */
let isTried = false;

async function fromSummary(api, operation, parameters, { signal, onPart }) {
  const { files } = await api.get('listFiles', null, { signal });
  const newest = files.find((file) => file.summary);
  if (!newest) return;
  const { url, fileName } = await api.get('getFileLink', { id: newest.id, part: 'summary' }, { signal });
  const { FileApi } = await import('./api.js');
  const source = { url, name: fileName, sizeBytes: newest.summary.sizeBytes };
  const summary = await FileApi.open(source, { signal });
  const answer = await summary.get(operation, parameters, { signal });
  summary.close();
  if (!signal.aborted) onPart(answer);
}

/**
 * As `api.get`; `onPart` is first given what the newest summary answers, where the server is slow.
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
