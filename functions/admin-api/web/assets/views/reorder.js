/*
 * Dragging an entry of a list to another place, by mouse, pen or finger.
 *
 * What must stay true: there are also buttons for people who can't drag. Dragging only shifts entries visually, so that
 * letting go, Escape or a lost pointer changes nothing.
 */

const EDGE = 64;

/**
 * Handlers for a list whose entries have a handle.
 * @param {object} options
 * @param {string} options.entry selector of what can be moved
 * @param {string} options.handle selector of where it is held
 * @param {(key: string, index: number) => void} options.onDrop the entry's `data-key` and its new place
 * @returns {Object<string, Function>} attributes of `h`
 */
export function reorderHandlers({ entry, handle, onDrop }) {
  /** @type {any} */
  let drag = null;

  const shift = (element, by) => {
    if (by) element.style.setProperty('transform', `translateY(${by}px)`);
    else element.style.removeProperty('transform');
  };
  const end = () => {
    if (!drag) return null;
    const { element, entries, from, to } = drag;
    entries.forEach(({ node }) => shift(node, 0));
    element.classList.remove('dragged');
    document.removeEventListener('keydown', cancel, true);
    drag = null;
    return { key: element.dataset.key, from, to };
  };
  function cancel(event) {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    end();
  }

  return {
    onpointerdown: (event) => {
      const grip = event.target.closest(handle);
      if (!grip || event.button !== 0 || drag) return;
      const element = grip.closest(entry);
      const entries = [...event.currentTarget.querySelectorAll(entry)].map((node) => {
        const box = node.getBoundingClientRect();
        return { node, top: box.top + window.scrollY, height: box.height };
      });
      const from = entries.findIndex(({ node }) => node === element);
      grip.setPointerCapture(event.pointerId);
      drag = { element, entries, from, to: from, y: event.clientY + window.scrollY };
      element.classList.add('dragged');
      document.addEventListener('keydown', cancel, true);
      event.preventDefault();
    },
    onpointermove: (event) => {
      if (!drag) return;
      if (event.clientY < EDGE) window.scrollBy(0, -12);
      else if (event.clientY > window.innerHeight - EDGE) window.scrollBy(0, 12);
      const { entries, from } = drag;
      const moved = event.clientY + window.scrollY - drag.y;
      const own = entries[from];
      const middle = own.top + own.height / 2 + moved;
      // The dragged entry goes before the first one whose middle it has not passed.
      drag.to = entries.filter((one, at) => at !== from && one.top + one.height / 2 < middle).length;
      const gap = entries.length > 1 ? entries[1].top - entries[0].top - entries[0].height : 0;
      const room = own.height + gap;
      entries.forEach(({ node }, at) => {
        if (at === from) shift(node, moved);
        else if (at > from && at <= drag.to) shift(node, -room);
        else if (at < from && at >= drag.to) shift(node, room);
        else shift(node, 0);
      });
    },
    onpointerup: () => {
      const done = end();
      if (done && done.from !== done.to) onDrop(done.key, done.to);
    },
    onpointercancel: end,
  };
}
