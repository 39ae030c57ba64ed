/*
 * The theme that was chosen, before anything is painted: the page's script runs this at once, and the modules after it
 * when the document is there (build/bundle.rs).
 * What must stay true: without a choice the system decides, and a browser without storage is not an error.
 */
(() => {
  try {
    const theme = localStorage.getItem('vestibule.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is switched off, so the system's theme applies.
  }
})();
