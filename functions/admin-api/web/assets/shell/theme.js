/*
 * The theme that was chosen, before anything is painted: a classic script, as modules come too late for that.
 * What must stay true: without a choice the system decides, and a browser that keeps nothing is no error.
 */
(() => {
  try {
    const theme = localStorage.getItem('vestibule.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is switched off: the system's theme it is.
  }
})();
