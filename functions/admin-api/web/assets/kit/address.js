/*
 * Addresses of views: `#/path/rest?name=value`. What must stay true: all of it is behind the `#`, so no server's log
 * ever has it.
 */

/**
 * @param {string} path `attempts`, or with segments `attempt/{id}`: segments are encoded by the caller with `segment`
 * @param {Asked} [parameters] null and '' are left out
 * @returns {string} for `href`
 */
export function addressOf(path, parameters) {
  const query = new URLSearchParams();
  const pairs = parameters instanceof URLSearchParams ? parameters : Object.entries(parameters ?? {});
  for (const [name, value] of pairs) {
    if (value !== null && value !== undefined && value !== '') query.set(name, value);
  }
  return `#/${path}${query.size ? `?${query}` : ''}`;
}

/** Whether an opened file is looked at: what needs the server isn't to be linked to then. @returns {boolean} */
export const isFile = () => document.documentElement.hasAttribute('data-file');

/** @param {any} text @returns {string} one segment of a path, `/` and `?` encoded */
export const segment = (text) => encodeURIComponent(String(text));

/**
 * @param {string} hash as `location.hash`
 * @returns {{path: string, rest: string[], parameters: URLSearchParams}}
 */
export function readAddress(hash) {
  const text = hash.replace(/^#\/?/, '');
  const mark = text.indexOf('?');
  const parts = (mark < 0 ? text : text.slice(0, mark))
    .split('/')
    .filter(Boolean)
    .map((part) => {
      try {
        return decodeURIComponent(part);
      } catch {
        return part;
      }
    });
  return {
    path: parts[0] ?? '',
    rest: parts.slice(1),
    parameters: new URLSearchParams(mark < 0 ? '' : text.slice(mark + 1)),
  };
}
